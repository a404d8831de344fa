"""What the tests of the command line share: the program, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bocage.cli import main

Bocage = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bocage(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bocage:
    """Run the program in this process and return its exit status, standard output and standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bocage", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run
