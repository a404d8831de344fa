"""Running an iterator in a thread of its own, a few items ahead of whoever consumes it.

Reading, the model's arithmetic and numpy's release the interpreter's lock: they overlap.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass

_PATIENCE = 0.1  # seconds between two looks whether the consumer has gone


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None = None


def ahead[T](items: Iterable[T], depth: int = 2, name: str = "bocage-reader") -> Generator[T]:
    """Yield ``items``, made by a thread of that name that stays at most ``depth`` items ahead.

    An error in the thread is raised here. When the consumer stops early, the thread ends after the item that it is
    making.
    """
    ready: queue.Queue[T | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put(item):
                    break
            put(_End())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the consumer raises it
            put(_End(error))
        finally:
            # A generator left half way holds open scenes: they are closed in the thread that opened them.
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=produce, name=name, daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()
