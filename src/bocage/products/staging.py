"""Layers appear together or not at all: they are made in a hidden folder and moved when all of them are whole.

A killed run leaves a hidden folder, which the next one removes. Moving is renaming, on one file system; a run that is
killed while it moves leaves some layers new and some old, and no receipt, so that the next one writes them again.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bocage.errors import StorageError

_NAME = re.compile(r"\.staging-(\d{1,9})")


@dataclass(slots=True)
class Staging:
    """A hidden folder whose files will lie in ``target``.

    Attributes
    ----------
    folder
        Where to write.
    target
        Where the files will lie, at the same relative paths.
    moved
        The files in their final places, once all are made.
    """

    folder: Path
    target: Path
    moved: list[Path] = field(default_factory=list)


@contextmanager
def staged(target: Path) -> Iterator[Staging]:
    """Yield a hidden folder; on success its files move to ``target``, on any error they are removed.

    Raises
    ------
    StorageError
        If the folder cannot be made or a file cannot be moved.
    """
    staging = Staging(target / f".staging-{os.getpid()}", target)
    with _told(target):
        target.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        staging.folder.mkdir()
    try:
        yield staging
        with _told(target):
            for path in sorted(path for path in staging.folder.rglob("*") if path.is_file()):
                final = target / path.relative_to(staging.folder)
                final.parent.mkdir(exist_ok=True)
                path.replace(final)
                staging.moved.append(final)
    finally:
        shutil.rmtree(staging.folder, ignore_errors=True)


@contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{target} could not be written: {error.strerror}", "make the folder writable, with room on its disk"
        ) from error


def _remove_leftovers(target: Path) -> None:
    for path in target.glob(".staging-*"):
        found = _NAME.fullmatch(path.name)
        if found is not None and (int(found[1]) == os.getpid() or not psutil.pid_exists(int(found[1]))):
            shutil.rmtree(path, ignore_errors=True)
