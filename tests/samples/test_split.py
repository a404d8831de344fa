"""Laws of the split: shares as asked, no empty split, ground in one split only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import SampleError
from bocage.samples.split import SPLITS, keep_apart, split_counts, split_scenes

SHARES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(1, 60), min_size=1, max_size=20)


@given(SHARES, st.floats(0.01, 0.4), st.floats(0.01, 0.4))
@settings(max_examples=200)
def test_each_split_has_its_share_and_strata_keep_their_samples(
    shares: dict[str, int], test: float, validation: float
) -> None:
    total = sum(shares.values())
    wanted = [max(1, round(share * total)) for share in (test, validation)]
    if sum(wanted) >= total:
        with pytest.raises(SampleError, match=f"{total} samples are too few for 3 splits"):
            split_counts(shares, test, validation)
        return
    found = split_counts(shares, test, validation)
    assert list(found) == ["test", "validation", "train"]
    assert [sum(found["test"].values()), sum(found["validation"].values())] == wanted
    for name, number in shares.items():
        assert sum(found[split][name] for split in SPLITS) == number
        assert all(found[split][name] >= 0 for split in SPLITS)
    # A stratum tests and still trains wherever there are samples enough for all.
    rich = [name for name, number in shares.items() if number > 1]
    if len(rich) <= wanted[0] <= total - len(shares):
        assert all(found["test"][name] >= 1 for name in rich)
    assert sum(found["train"].values()) > 0


def test_by_hand() -> None:
    found = split_counts({"a": 80, "b": 18, "c": 2, "d": 1}, 0.1, 0.1)
    # Ten of 101: c has one, the other nine go 80 to 18.
    assert found["test"] == {"a": 7, "b": 2, "c": 1, "d": 0}
    assert found["train"]["d"] == 1


def test_a_share_of_zero_is_no_split() -> None:
    assert set(split_counts({"a": 9}, 0.3, 0)) == {"test", "train"}


def test_shares_that_leave_nothing_are_refused() -> None:
    with pytest.raises(SampleError, match="leave nothing to train with"):
        split_counts({"a": 9}, 0.5, 0.5)


def test_scenes_are_split_by_name() -> None:
    found = split_scenes({"a", "b", "c"}, ["b"], ["c"])
    assert found == {"a": "train", "b": "test", "c": "validation"}


@pytest.mark.parametrize(
    ("test", "validation", "message"),
    [
        (["x", "b"], ["c"], r"samples\.test_scenes names scenes that are not in the frame: x"),
        (["b"], ["y"], r"samples\.validation_scenes names .*: y"),
        ([], ["c"], r"samples\.test_scenes is empty"),
        (["b"], ["b"], "both in"),
        (["a", "b"], ["c"], "every scene is kept"),
    ],
)
def test_bad_names_of_scenes_are_refused(test: list[str], validation: list[str], message: str) -> None:
    with pytest.raises(SampleError, match=message):
        split_scenes({"a", "b", "c"}, test, validation)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=40))
@settings(max_examples=100)
def test_the_same_ground_stays_in_one_split_and_the_test_keeps_it(pairs: list[tuple[int, int]]) -> None:
    ground, split = np.array([one for one, _ in pairs], np.int64), np.array([one for _, one in pairs], np.int64)
    kept = keep_apart(ground, split)
    for cell in set(ground.tolist()):
        left = set(split[kept & (ground == cell)].tolist())
        assert len(left) == 1
        if (cell, SPLITS.index("test")) in pairs:
            assert left == {SPLITS.index("test")}
