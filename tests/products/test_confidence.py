import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bocage.products.confidence import confidence


def test_confidence_is_0_at_the_threshold_and_100_at_both_ends() -> None:
    probability = np.array([0, 0.25, 0.5, 0.75, 1, np.nan], np.float32)
    assert confidence(probability, 0.5).tolist() == [100, 50, 0, 50, 100, 255]
    assert confidence(np.array([0.4, 0.7, 1.0], np.float32), 0.4).tolist() == [0, 50, 100]


@given(
    values=st.lists(st.floats(0, 1, width=32) | st.just(float("nan")), min_size=1, max_size=20),
    threshold=st.floats(0, 1),
)
def test_every_threshold_gives_0_to_100_and_only_nan_is_unknown(values: list[float], threshold: float) -> None:
    probability = np.array(values, np.float32)
    found = confidence(probability, threshold)
    np.testing.assert_array_equal(found == 255, np.isnan(probability))
    assert (found[found != 255] <= 100).all()
