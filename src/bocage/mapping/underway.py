"""A mark beside the receipts while a mapping is under way: where one is found, the run before it died."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bocage.files import write_text

NAME = "map.underway"


@contextmanager
def underway(folder: Path) -> Iterator[bool]:
    """Yield whether the last run died in the middle, and leave a mark as long as this one is under way.

    An error and an interrupt take the mark away. A kill, a crash of a library and the end of the memory cannot.

    Parameters
    ----------
    folder
        Where the receipts of the stages lie.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    mark = folder / NAME
    died = mark.is_file()
    write_text(mark, "A mapping is under way, or died. Nothing needs to be done.\n")
    try:
        yield died
    finally:
        mark.unlink(missing_ok=True)
