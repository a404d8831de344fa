"""Batches in the model: in their order, as many at once as it takes, and the next one behind them."""

import threading
import time
from concurrent.futures import CancelledError, wait

import numpy as np
import pytest
from numpy.typing import NDArray

from bocage.errors import MappingError
from bocage.mapping.predictor import Predictor
from tests.mapping.fakes import FakeSegmenter

PATIENCE = 60.0  # seconds until a thread that waits for ever is a failure


class Gate(FakeSegmenter):
    """Lets no batch through before it is told to; a batch is known by its first byte."""

    def __init__(self, at_once: int) -> None:
        super().__init__(at_once=at_once)
        self.begun: list[int] = []
        self.full = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        self.begun.append(int(images[0, 0, 0, 0]))
        self.full.release()
        assert self.go.acquire(timeout=PATIENCE)
        return np.full(valid.shape, images[0, 0, 0, 0], np.float32)


def batch(number: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    return np.full((1, 4, 8, 8), number, np.uint8), np.ones((1, 8, 8), np.bool_)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_as_many_are_in_the_model_as_it_takes_and_in_their_order(at_once: int) -> None:
    model = Gate(at_once)
    with Predictor(model) as predictor:
        answers = [predictor.submit(*batch(number)) for number in range(6)]
        for _ in range(at_once):
            assert model.full.acquire(timeout=PATIENCE)
        assert sorted(model.begun) == list(range(at_once))
        assert not model.full.acquire(timeout=0.05)
        assert predictor.in_line == at_once + 1
        for _ in answers:
            model.go.release()
        assert [float(answer.result(PATIENCE).probability.max()) for answer in answers] == list(range(6))
    assert sorted(model.begun) == list(range(6))


@pytest.mark.parametrize("at_once", [1, 2])
def test_seconds_of_all_batches_are_those_in_which_the_model_worked(at_once: int) -> None:
    with Predictor(FakeSegmenter(pause=0.02, at_once=at_once)) as predictor:
        started = time.perf_counter()
        answers = [predictor.submit(*batch(number)) for number in range(4)]
        wait(answers)
        took = time.perf_counter() - started
        seconds = [answer.result().seconds for answer in answers]
        time.sleep(0.05)
        started = time.perf_counter()
        later = predictor.submit(*batch(5)).result().seconds
        assert later <= time.perf_counter() - started, "the time in which nothing was asked is nobody's"
    assert min(seconds) >= 0
    assert 0.02 <= sum(seconds) <= took


def test_what_has_not_begun_when_the_turn_ends_never_begins() -> None:
    model = Gate(1)
    with Predictor(model) as predictor:
        first, second = predictor.submit(*batch(1)), predictor.submit(*batch(2))
        assert model.full.acquire(timeout=PATIENCE)
        predictor.turn.end()
        model.go.release()
        assert first.result(PATIENCE).probability.max() == 1
        with pytest.raises(MappingError, match="given up half way"):
            second.result(PATIENCE)
    assert model.begun == [1]


def test_closing_cancels_what_stands_in_line() -> None:
    model = Gate(1)
    predictor = Predictor(model)
    first, second = predictor.submit(*batch(1)), predictor.submit(*batch(2))
    assert model.full.acquire(timeout=PATIENCE)
    closing = threading.Thread(target=predictor.close)
    closing.start()
    with pytest.raises(CancelledError):
        second.result(PATIENCE)
    model.go.release()
    closing.join(PATIENCE)
    assert first.result(PATIENCE).probability.max() == 1
