"""Advice that can be typed as it stands: commands in it name the project that the command at hand was given."""

from __future__ import annotations

import re
import shlex
from contextvars import ContextVar
from pathlib import Path

_project: ContextVar[Path] = ContextVar("project", default=Path())

_GROUPS = "scenes|labels|samples|assess|products"
_ALONE = "run|status|train|pretrain|benchmark|map|features"
_COMMAND = re.compile(rf"(run: bocage (?:(?:{_GROUPS}) [a-z]+|{_ALONE}))\b")


def note_project(folder: Path) -> Path:
    """Remember the project folder of the command, and return it unchanged."""
    _project.set(folder)
    return folder


def advise(mend: str) -> str:
    """Return advice with ``--project`` in its commands, unless the project is the current folder or is named there."""
    folder = _project.get()
    if folder == Path() or "--project" in mend:
        return mend
    return _COMMAND.sub(lambda found: f"{found[1]} --project {shlex.quote(str(folder))}", mend)
