import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.grid import Window
from bocage.mapping.fusion import NODATA, Fusion

WINDOW = Window(3, -5, 12, 9)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_order_of_scenes_does_not_matter(count: int, seed: int) -> None:
    """Law 3, to the last bit; and the mean is that of the valid observations alone (law 5)."""
    random = np.random.default_rng(seed)
    scenes = [(random.random(WINDOW.shape, dtype=np.float32), random.random(WINDOW.shape) < 0.6) for _ in range(count)]
    one, two = Fusion(WINDOW), Fusion(WINDOW)
    for probability, valid in scenes:
        # What stands at an invalid pixel is never read.
        one.add(WINDOW, np.where(valid, probability, np.nan), valid)
    for index in random.permutation(count):
        probability, valid = scenes[index]
        two.add(WINDOW, np.where(valid, probability, np.inf), valid)
    np.testing.assert_array_equal(one.probability, two.probability)
    np.testing.assert_array_equal(one.observations, two.observations)

    seen = sum((valid.astype(int) for _, valid in scenes), np.zeros(WINDOW.shape, int))
    total = sum((np.where(valid, p, 0).astype(float) for p, valid in scenes), np.zeros(WINDOW.shape))
    np.testing.assert_array_equal(one.observations, seen)
    assert (one.probability[seen == 0] == NODATA).all()
    mean = np.where(seen > 0, total / np.maximum(seen, 1) * 254, 0)
    np.testing.assert_allclose(one.probability[seen > 0], mean[seen > 0], atol=0.51)


def test_extremes_keep_their_codes() -> None:
    fusion = Fusion(WINDOW)
    fusion.add(Window(3, -5, 1, 1), np.array([[1.0]], np.float32), np.array([[True]]))
    fusion.add(Window(4, -5, 1, 1), np.array([[0.0]], np.float32), np.array([[True]]))
    assert fusion.probability[0, :3].tolist() == [254, 0, 255]
    assert fusion.observations[0, :3].tolist() == [1, 1, 0]


def test_hundreds_of_observations_do_not_overflow() -> None:
    fusion = Fusion(WINDOW)
    for _ in range(300):
        fusion.add(WINDOW, np.ones(WINDOW.shape, np.float32), np.ones(WINDOW.shape, bool))
    assert (fusion.probability == 254).all()
    assert (fusion.observations == 254).all()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, WINDOW.height), max_size=4), st.integers(0, 2**32 - 1))
def test_when_rows_are_settled_does_not_matter(stops: list[int], seed: int) -> None:
    """Settled at any time, then added to and taken from: to the last bit as if only what stayed had been added."""
    random = np.random.default_rng(seed)
    part = Window(5, -3, 6, 4)
    stays, goes = (
        (random.random(window.shape, dtype=np.float32), random.random(window.shape) < 0.7) for window in (WINDOW, part)
    )
    plain, settled = Fusion(WINDOW), Fusion(WINDOW)
    plain.add(WINDOW, *stays)
    settled.add(part, *goes)
    for stop in stops:
        settled.settle(stop)
    settled.add(WINDOW, *stays)
    for stop in stops:
        settled.settle(stop)
    settled.remove(part, *goes)
    np.testing.assert_array_equal(settled.probability, plain.probability)
    np.testing.assert_array_equal(settled.observations, plain.observations)
