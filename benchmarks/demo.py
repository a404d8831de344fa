"""The demo from clean on two cores, beside its limits: ten minutes and six gigabytes.

Run ``python benchmarks/demo.py``; with ``--json`` it prints one object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SECONDS = 600.0
MEMORY_MB = 6 * 1024.0


def measure(folder: Path) -> dict[str, Any]:
    """Run the demo into ``folder`` and return its figures."""
    command = [sys.executable, "-m", "bocage", "demo", str(folder), "--json"]
    clock = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    seconds = time.perf_counter() - clock
    stages = {stage["stage"]: stage for stage in json.loads(done.stdout)["stages"]}
    memory = max(stage["peak_memory_mb"] for stage in stages.values())
    return {
        "limit_ratio": round(max(seconds / SECONDS, memory / MEMORY_MB), 3),
        "seconds": round(seconds, 1),
        "limit_seconds": SECONDS,
        "peak_memory_mb": memory,
        "limit_memory_mb": MEMORY_MB,
        "stage_seconds": {name: stage["seconds"] for name, stage in stages.items()},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder) / "demo")
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, seconds in figures["stage_seconds"].items():
        print(f"{name:<10} {seconds:8.1f} s")
    share = figures["seconds"] / SECONDS
    print(f"{'whole':<10} {figures['seconds']:8.1f} s of {SECONDS:.0f} s allowed ({share:.2f})")
    share = figures["peak_memory_mb"] / MEMORY_MB
    print(f"{'memory':<10} {figures['peak_memory_mb']:8.0f} MiB of {MEMORY_MB:.0f} MiB allowed ({share:.2f})")


if __name__ == "__main__":
    main()
