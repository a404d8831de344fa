"""Several tiles share one model: one at a time has its turn, and all can be told that there will be no more."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from bocage.errors import MappingError


class Turn:
    """Held by the tile that goes through the model, while others are read ahead or written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()

    def end(self) -> None:
        """Let every tile that has not gone through the model raise where it asks next."""
        self._over.set()

    def check(self) -> None:
        """Ask whether to go on.

        Raises
        ------
        MappingError
            If the turn has ended.
        """
        if self._over.is_set():
            raise MappingError("the tile was given up half way", "run the same command again")

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
