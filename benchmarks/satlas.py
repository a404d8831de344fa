"""One step of fine-tuning Satlas on a processor: its parameters, the peak of memory and the seconds.

Run ``python benchmarks/satlas.py``; with ``--json`` it prints one object, whose ``limit_ratio`` is the peak of memory
by the limit of 12 GB. Weights are random: memory and time do not depend on them.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

EDGE, BATCH = 256, 2
LIMIT_GB = 12.0


def measure(batch: int) -> dict[str, float]:
    """Return what one step costs, in this process: forward, backward and the optimiser, all parts unfrozen."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    from bocage.models import build_network

    torch.manual_seed(0)
    network = build_network("satlas_aerial_si", pretrained=False).train()
    images = torch.randint(0, 256, (batch, 4, EDGE, EDGE), dtype=torch.uint8)
    valid = torch.ones(batch, EDGE, EDGE, dtype=torch.bool)
    label = torch.randint(0, 2, (batch, EDGE, EDGE)).float()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-5)
    clock = time.perf_counter()
    loss = binary_cross_entropy_with_logits(network(images, valid), label)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    seconds = time.perf_counter() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "trunk_parameters": sum(parameter.numel() for parameter in network.trunk.parameters()),
        "edge": EDGE,
        "batch": batch,
        "loss": round(float(loss.detach()), 4),
        "seconds": round(seconds, 1),
        "peak_gb": round(peak, 2),
        "limit_ratio": round(peak / LIMIT_GB, 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--batch", type=int, default=BATCH, help="images in the step")
    arguments = parser.parse_args()
    result = measure(arguments.batch)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:>17}  {value}")


if __name__ == "__main__":
    main()
