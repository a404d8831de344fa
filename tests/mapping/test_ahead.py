import threading
from collections.abc import Iterator

import pytest

from bocage.mapping.ahead import ahead


def test_items_come_in_order_from_another_thread() -> None:
    threads: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(20):
            threads.append(threading.get_ident())
            yield number

    assert list(ahead(numbers())) == list(range(20))
    assert threading.get_ident() not in threads


def test_error_of_the_thread_is_raised_here() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    items = ahead(fails())
    assert next(items) == 1
    with pytest.raises(KeyError, match="lost"):
        next(items)


def test_thread_ends_and_cleans_up_when_the_consumer_stops() -> None:
    closed_in: list[str] = []

    def endless() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed_in.append(threading.current_thread().name)

    items = ahead(endless())
    assert next(items) == 0
    items.close()
    assert closed_in == ["bocage-reader"]
    assert not [thread for thread in threading.enumerate() if thread.name == "bocage-reader"]
