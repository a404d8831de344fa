"""Memory: how much training has used, and whether an error says that there was not enough."""

from __future__ import annotations

import resource
import sys

import torch

# What torch says on a CPU, where it has no class of its own for it, and what libraries on a GPU say.
_SAYINGS = ("not enough memory", "can't allocate memory", "out of memory", "alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that the network and its batch did not fit into memory."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _SAYINGS)


def peak_memory() -> int:
    """Return the most bytes that this process has held: of the GPU where it uses one, else resident in main memory."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    # The kernel of macOS counts in bytes, that of Linux in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
