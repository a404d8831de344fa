"""A process keeps the memory it works with, unless the person has set that up otherwise."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from bocage.processes import keep_memory
print(int(keep_memory()))
for turn in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.empty(64 << 20, np.uint8).fill(1)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told how to keep memory")


def told(**environment: str) -> list[int]:
    """Whether memory was kept, and the page faults of four arrays of 64 MB, one after the other."""
    clean = {name: value for name, value in os.environ.items() if name not in {"MALLOC_ARENA_MAX", "GLIBC_TUNABLES"}}
    command = [sys.executable, "-c", FAULTS]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=clean | environment)
    return [int(line) for line in run.stdout.split()]


@glibc
def test_arrays_after_the_first_take_no_new_pages() -> None:
    kept, *faults = told()
    assert kept == 1
    assert max(faults[1:]) < 100


@glibc
def test_what_a_person_has_set_is_left_alone() -> None:
    assert told(MALLOC_ARENA_MAX="8")[0] == 0
