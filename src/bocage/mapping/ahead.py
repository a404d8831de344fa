"""Running an iterator in a thread of its own, a few items ahead of whoever consumes it.

Reading, the model's arithmetic and numpy's release the interpreter's lock: they overlap.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_PATIENCE = 0.1  # seconds between two looks whether the consumer has gone


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None = None


class Ahead[T]:
    """Iterate over ``items``, made by a thread of that name that begins now and stays at most ``depth`` items ahead.

    An error in the thread is raised by the iteration. When the consumer closes it early, the thread ends after the item
    that it is making.
    """

    def __init__(self, items: Iterable[T], depth: int = 2, name: str = "bocage-reader") -> None:
        self._items = items
        self._ready: queue.Queue[T | _End] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._produce, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._stopped.is_set():
            raise StopIteration
        item = self._ready.get()
        if not isinstance(item, _End):
            return item
        self.close()
        raise item.error or StopIteration

    def close(self) -> None:
        """Let the thread end, and wait for it."""
        self._stopped.set()
        self._thread.join()

    def _put(self, item: T | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def _produce(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    break
            self._put(_End())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the consumer raises it
            self._put(_End(error))
        finally:
            # A generator left half way holds open scenes: they are closed in the thread that opened them.
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
