"""Threads that sleep while they wait, beside threads that spin: training and prediction on a machine that is not idle.

One busy process is started on one of the two cores. Run ``python benchmarks/threads.py``; with ``--json`` it prints one
object, whose ``rival_ratio`` is the speed of training by times that of the spinning threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

TRIALS = {"1 thread": (1, "passive"), "2 threads, spinning": (2, "active"), "2 threads, passive": (2, "passive")}
BUSY = "while True: pass"


def measure(threads: int) -> dict[str, float]:
    """Return prediction in megapixels per second and the seconds of a training step, in this process."""
    import numpy as np
    import torch

    from bocage.models import TorchSegmenter, build_network

    torch.set_num_threads(threads)
    network = build_network("efficientnet_lite0", pretrained=False)
    images, valid = np.ones((4, 4, 256, 256), np.uint8), np.ones((4, 256, 256), np.bool_)
    segmenter = TorchSegmenter(network, bands=("red", "green", "blue", "nir"), resolution=2.0, digest="")
    segmenter.predict(images, valid)
    clock = time.perf_counter()
    segmenter.predict(images, valid)
    predicting = images[:, 0].size / 1e6 / (time.perf_counter() - clock)
    network.train()
    optimiser = torch.optim.AdamW(network.parameters())
    crops, seen = torch.ones(8, 4, 128, 128, dtype=torch.uint8), torch.ones(8, 128, 128, dtype=torch.bool)
    seconds = []
    for _ in range(3):
        clock = time.perf_counter()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(crops, seen), seen.float())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        seconds.append(time.perf_counter() - clock)
    return {"megapixels_per_second": round(predicting, 3), "training_step_seconds": round(min(seconds), 3)}


def main() -> None:
    """Measure each trial in a process of its own, beside a busy one, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--trial", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trial is not None:
        print(json.dumps(measure(arguments.trial)))
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    results = {}
    with subprocess.Popen([sys.executable, "-c", BUSY]) as busy:
        for name, (threads, policy) in TRIALS.items():
            command = [sys.executable, __file__, "--trial", str(threads)]
            environment = os.environ | {"OMP_WAIT_POLICY": policy}
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
            results[name] = json.loads(done.stdout)
        busy.kill()
    spinning = results["2 threads, spinning"]["training_step_seconds"]
    ratio = round(spinning / results["2 threads, passive"]["training_step_seconds"], 2)
    if arguments.json:
        print(json.dumps({"rival_ratio": ratio, "trials": results}))
        return
    for name, figures in results.items():
        speed, step = figures["megapixels_per_second"], figures["training_step_seconds"]
        print(f"{name:<20} {speed:6.2f} Mpx/s predicted, {step:6.2f} s per training step")
    print(f"passive threads train {ratio} times as fast as spinning ones")


if __name__ == "__main__":
    main()
