"""The arrays predict what scikit-learn predicts, to the last bit, and nothing else passes for trees."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from bocage.errors import ModelError
from bocage.models.forest.trees import ARRAYS, Trees


def _forest(seed: int, trees: int = 6, leaf: int = 1) -> tuple[RandomForestClassifier, np.random.Generator]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(150, 5)).astype(np.float32)
    classes = (features[:, 0] + rng.normal(0, 0.5, 150) > 0).astype(np.int64)
    forest = RandomForestClassifier(trees, min_samples_leaf=leaf, random_state=seed)
    return forest.fit(features, classes, sample_weight=rng.integers(1, 40, 150)), rng


@given(seed=st.integers(0, 300), trees=st.integers(1, 9), leaf=st.integers(1, 9), count=st.integers(0, 5000))
@settings(max_examples=12, deadline=None)
def test_they_predict_exactly_as_scikit_learn(seed: int, trees: int, leaf: int, count: int) -> None:
    forest, rng = _forest(seed, trees, leaf)
    features = rng.normal(size=(count, 5)).astype(np.float32)
    own = Trees.grown(forest).predict(features)
    expected = forest.predict_proba(features)[:, 1] if count else np.zeros(0)
    np.testing.assert_array_equal(own, expected)


def test_a_tree_of_one_leaf_says_its_share() -> None:
    forest = RandomForestClassifier(1, bootstrap=False, max_leaf_nodes=None, min_samples_leaf=3, random_state=0)
    forest.fit(np.zeros((4, 2), np.float32), [0, 1, 1, 1])
    assert Trees.grown(forest).predict(np.ones((3, 2), np.float32)).tolist() == [0.75] * 3


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [("children", (0, 0), 10**6), ("children", (0, 1), 0), ("feature", 0, 5), ("value", 0, 1.5), ("roots", 0, 1)],
)
def test_arrays_that_are_no_trees_are_refused(name: str, place: Any, value: float) -> None:
    arrays = {key: array.copy() for key, array in Trees.grown(_forest(3)[0]).arrays().items()}
    assert Trees.of(arrays, 5).roots.size == 6
    arrays[name][place] = value
    with pytest.raises(ModelError, match="decision trees"):
        Trees.of(arrays, 5)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_another_type_or_shape_are_refused(name: str) -> None:
    arrays = Trees.grown(_forest(3)[0]).arrays()
    for other in (arrays[name].astype(np.float32), arrays[name][..., np.newaxis], np.zeros((), arrays[name].dtype)):
        with pytest.raises(ModelError, match="decision trees"):
            Trees.of(arrays | {name: other}, 5)
