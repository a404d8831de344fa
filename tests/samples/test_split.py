"""Laws of the split: whole blocks, no empty split, shares near the asked ones, ground in one split only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import SampleError
from bocage.samples.split import Split, keep_apart, split_blocks, split_scenes

BLOCKS = st.dictionaries(st.integers(0, 99).map(str), st.integers(1, 40), min_size=3, max_size=30)


@given(BLOCKS, st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_no_split_is_empty(sizes: dict[str, int], test: float, validation: float, seed: int) -> None:
    found = split_blocks(sizes, test, validation, np.random.default_rng(seed))
    assert set(found) == set(sizes)
    assert set(found.values()) == {"train", "validation", "test"}


@given(BLOCKS, st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_shares_are_within_a_block_of_what_was_asked(
    sizes: dict[str, int], test: float, validation: float, seed: int
) -> None:
    found = split_blocks(sizes, test, validation, np.random.default_rng(seed))
    total = sum(sizes.values())
    for name, share in (("test", test), ("validation", validation)):
        filled = sum(size for block, size in sizes.items() if found[block] == name)
        assert filled - share * total <= max(sizes.values())
    assert sum(size for block, size in sizes.items() if found[block] == "train") > 0


@given(BLOCKS, st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_order_of_blocks_does_not_matter(sizes: dict[str, int], seed: int) -> None:
    turned = dict(reversed(list(sizes.items())))
    one, other = (split_blocks(given_, 0.2, 0.2, np.random.default_rng(seed)) for given_ in (sizes, turned))
    assert one == other


def test_shares_come_out_near_on_the_small_landscape() -> None:
    """6 x 6 km with blocks of 1280 m: 25 blocks of about 4 cells."""
    sizes = {str(block): 4 for block in range(25)}
    for seed in range(20):
        found = list(split_blocks(sizes, 0.15, 0.15, np.random.default_rng(seed)).values())
        assert 3 <= found.count("test") <= 4
        assert 3 <= found.count("validation") <= 4


def test_a_share_of_zero_is_no_split() -> None:
    found = split_blocks({"a": 1, "b": 1}, 0.3, 0, np.random.default_rng(0))
    assert sorted(found.values()) == ["test", "train"]


@pytest.mark.parametrize(
    ("blocks", "test", "validation", "message"),
    [(2, 0.1, 0.1, "lie in 2 blocks, and 3 splits"), (1, 0.1, 0, "lie in 1 block, and 2"), (9, 0.5, 0.5, "nothing")],
)
def test_too_few_blocks_are_refused(blocks: int, test: float, validation: float, message: str) -> None:
    with pytest.raises(SampleError, match=message) as caught:
        split_blocks({str(block): 3 for block in range(blocks)}, test, validation, np.random.default_rng(0))
    # Training refuses an empty split, so that is no way out.
    assert "share of 0" not in caught.value.mend


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


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(("train", "validation", "test"))), max_size=40))
@settings(max_examples=100, deadline=None)
def test_the_same_ground_stays_in_one_split_and_the_test_keeps_it(pairs: list[tuple[str, Split]]) -> None:
    cells, splits = [cell for cell, _ in pairs], [split for _, split in pairs]
    kept = keep_apart(cells, splits)
    for cell in set(cells):
        left = {split for (name, split), stays in zip(pairs, kept, strict=True) if stays and name == cell}
        assert len(left) == 1
        if (cell, "test") in pairs:
            assert left == {"test"}
