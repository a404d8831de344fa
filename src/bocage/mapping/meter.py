"""How many bytes a tile reads, while other tiles of the same process read too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bocage.grid import Window
    from bocage.scenes.reader import Patch, SceneReader

_COUNTS = Path("/proc/thread-self/io")  # Linux counts for each thread what it read, from the cache of files too


class Windowed(Protocol):
    """What chips are cut from: the part of a scene's reader that reads."""

    @property
    def window(self) -> Window:
        """The lattice pixels that there are."""

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window."""


class Meter:
    """Counts the bytes that work reads from files, in whichever threads it is done.

    Attributes
    ----------
    bytes
        So far, or None where the system does not count them.
    """

    def __init__(self) -> None:
        self.bytes: int | None = None
        self._lock = threading.Lock()

    def count[*Given, Result](self, work: Callable[[*Given], Result], *given: *Given) -> Result:
        """Do the work in this thread, count what it reads, and return its result."""
        before = _read_by_this_thread()
        try:
            return work(*given)
        finally:
            after = _read_by_this_thread()
            if before is not None and after is not None:
                with self._lock:
                    self.bytes = (self.bytes or 0) + after - before


class MeteredReader:
    """A scene's reader whose reading is counted."""

    def __init__(self, reader: SceneReader, meter: Meter) -> None:
        self._reader = reader
        self._meter = meter

    @property
    def window(self) -> Window:
        """The lattice pixels that the scene's footprint touches."""
        return self._reader.window

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window."""
        return self._meter.count(self._reader.read, window)


def _read_by_this_thread() -> int | None:
    try:
        line = _COUNTS.read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    return int(line.removeprefix("rchar:"))
