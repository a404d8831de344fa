import threading
from collections.abc import Iterator

import pytest

from bocage.mapping.ahead import Ahead


def test_items_come_in_order_from_another_thread() -> None:
    threads: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(20):
            threads.append(threading.get_ident())
            yield number

    assert list(Ahead(numbers())) == list(range(20))
    assert threading.get_ident() not in threads


def test_error_of_the_thread_is_raised_here() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    items = Ahead(fails())
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

    items = Ahead(endless())
    assert next(items) == 0
    items.close()
    assert closed_in == ["bocage-reader"]
    assert not [thread for thread in threading.enumerate() if thread.name == "bocage-reader"]


def test_thread_begins_before_it_is_asked_and_stays_a_few_items_ahead() -> None:
    made: list[int] = []
    full = threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            if number == 3:
                full.set()
            yield number

    items = Ahead(numbers(), depth=3)
    assert full.wait(60)
    assert not threading.Event().wait(0.2)
    assert made == [0, 1, 2, 3]
    assert next(items) == 0
    items.close()
    assert list(items) == []


def test_what_was_never_asked_for_is_closed_too() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    Ahead(endless()).close()
    assert closed.is_set()
