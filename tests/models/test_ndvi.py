"""The colour threshold: the best one is found, whatever the chips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import ModelError
from bocage.models import NdviThreshold, Segmenter
from bocage.models.ndvi import ndvi


def _chip(seed: int, edge: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.choice(np.array([0, 1, 255], np.uint8), (edge, edge), p=[0.6, 0.3, 0.1])
    image = rng.integers(1, 256, (4, edge, edge), np.uint8)
    image[3] = np.where(label == 1, np.maximum(image[3], 120), image[3])
    return image, label


def _iou(threshold: float, image: np.ndarray, label: np.ndarray) -> float:
    decided = label != 255
    says, tree = (ndvi(image) >= threshold)[decided], (label == 1)[decided]
    return float((says & tree).sum() / (says | tree).sum())


@given(seed=st.integers(0, 1000), rival=st.floats(-1, 1))
@settings(max_examples=40, deadline=None)
def test_no_other_threshold_is_clearly_better(seed: int, rival: float) -> None:
    image, label = _chip(seed)
    fitted = NdviThreshold.fit([(image, label)])
    # Bins are 0.005 wide: another threshold can move few pixels past the fitted one.
    assert _iou(fitted.threshold, image, label) >= _iou(rival, image, label) - 0.03


def test_ignored_pixels_do_not_count() -> None:
    image, label = _chip(5)
    other = image.copy()
    other[:, label == 255] = 3
    assert NdviThreshold.fit([(image, label)]) == NdviThreshold.fit([(other, label)])


def test_it_predicts_like_a_segmenter() -> None:
    rival = NdviThreshold(0.2)
    assert isinstance(rival, Segmenter)
    image = np.zeros((1, 4, 2, 2), np.uint8)
    image[0, 3], image[0, 0] = [[200, 200], [50, 200]], 60
    valid = np.array([[[True, False], [True, True]]])
    assert rival.predict(image, valid).tolist() == [[[1.0, 0.0], [0.0, 1.0]]]
    with pytest.raises(ModelError, match="takes bytes"):
        rival.predict(image / np.float32(255), valid)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="3 bands"):
        rival.predict(image[:, :3], valid)


def test_chips_without_a_tree_are_refused() -> None:
    image, label = _chip(0)
    label[label == 1] = 0
    with pytest.raises(ModelError, match="no chip holds a tree"):
        NdviThreshold.fit([(image, label)])
