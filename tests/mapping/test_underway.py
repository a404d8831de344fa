"""The mark of a run that died: only what cannot be caught leaves it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bocage.mapping.underway import underway
from tests.conftest import ROOT

DIES = """
import os, signal, sys
from pathlib import Path
from bocage.mapping.underway import underway
with underway(Path(sys.argv[1])) as died:
    print(died, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run_that_dies(folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", DIES, str(folder)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment).stdout.strip()


def test_only_a_death_leaves_a_mark(tmp_path: Path) -> None:
    def fail() -> None:
        with underway(tmp_path) as died:
            assert not died
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert run_that_dies(tmp_path) == "False"
    assert run_that_dies(tmp_path) == "True"
    with underway(tmp_path) as died:
        assert died
    assert list(tmp_path.iterdir()) == []
