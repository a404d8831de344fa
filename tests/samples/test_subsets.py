"""Laws of nested subsets: smaller in larger, stratified, spread, seeded, training samples only."""

import geopandas
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import SampleError
from bocage.samples.curve import along_curve
from bocage.samples.samples import Samples
from bocage.samples.subsets import nested_subsets, spread_order, training_order


def make(sizes: dict[str, int], others: int = 3) -> Samples:
    """Training samples on a square raster, stratum after stratum, and some of the other splits."""
    total = sum(sizes.values())
    side = int(np.ceil(np.sqrt(total)))
    stratum = [name for name, size in sizes.items() for _ in range(size)]
    rows = [
        {
            "sample_id": f"t{index:05d}",
            "stratum": name,
            "split": "train",
            "column": index % side,
            "row": -(index // side),
        }
        for index, name in enumerate(stratum)
    ]
    for split in ("validation", "test"):
        rows += [
            {"sample_id": f"{split}{index}", "stratum": "a", "split": split, "column": 0, "row": 0}
            for index in range(others)
        ]
    return Samples(geopandas.GeoDataFrame(pd.DataFrame(rows)))


GOLDEN = ["t00010", "t00044", "t00022", "t00031", "t00043", "t00008"]
SIZES = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 60), min_size=1, max_size=10)


@given(SIZES, st.integers(0, 99))
@settings(max_examples=40)
def test_every_beginning_holds_the_share_of_each_stratum(sizes: dict[str, int], seed: int) -> None:
    samples = make(sizes)
    stratum = dict(zip(samples.table["sample_id"], samples.table["stratum"], strict=True))
    order = training_order(samples, seed)
    assert sorted(order) == sorted(samples.of("train").table["sample_id"])
    total = len(order)
    for name, size in sizes.items():
        taken = np.cumsum([stratum[one] == name for one in order])
        assert (np.abs(taken - np.arange(1, total + 1) * size / total) < 1).all()


@given(SIZES, st.lists(st.integers(1, 700), min_size=1, max_size=6), st.integers(0, 99))
@settings(max_examples=40)
def test_the_smaller_lies_in_the_larger(sizes: dict[str, int], budgets: list[int], seed: int) -> None:
    samples = make(sizes)
    found = nested_subsets(samples, budgets, seed)
    assert list(found) == sorted(set(budgets))
    total = sum(sizes.values())
    for smaller, larger in zip(list(found)[:-1], list(found)[1:], strict=True):
        assert found[larger][: len(found[smaller])] == found[smaller]
    for budget, names in found.items():
        assert len(names) == len(set(names)) == min(budget, total)
        assert all(name.startswith("t0") for name in names)


@given(SIZES, st.integers(0, 99))
@settings(max_examples=40)
def test_the_order_of_the_table_does_not_matter(sizes: dict[str, int], seed: int) -> None:
    samples = make(sizes)
    mixed = Samples(samples.table.sample(frac=1, random_state=seed))
    assert training_order(samples, seed) == training_order(mixed, seed)


def test_seeds_give_other_orders_and_one_seed_the_same() -> None:
    samples = make({"a": 40, "b": 25, "c": 3})
    orders = [training_order(samples, seed) for seed in range(6)]
    assert len({tuple(order) for order in orders}) == 6
    assert training_order(samples, 2) == orders[2]
    # The golden beginning: the same on any machine.
    assert orders[0][:6] == GOLDEN


def test_every_place_comes_first_as_often() -> None:
    places = np.column_stack([np.arange(10), np.arange(10) % 3])
    firsts = [int(spread_order(places, np.random.default_rng(seed))[0]) for seed in range(3000)]
    assert (np.abs(np.bincount(firsts, minlength=10) - 300) < 4.5 * np.sqrt(300 * 0.9)).all()


def test_every_beginning_is_spread() -> None:
    """Sixteen of a square of 256: none of the four quarters is much fuller than the others."""
    samples = make({"a": 256})
    table = samples.table.set_index("sample_id")
    for seed in range(10):
        found = table.loc[nested_subsets(samples, [16], seed)[16]]
        quarter = (found["column"] // 8).astype(int) + 2 * (-found["row"] // 8).astype(int)
        assert quarter.value_counts().tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize("size", [90, 100, 300, 777])
def test_every_beginning_takes_turns_along_the_curve(size: int) -> None:
    places = np.column_stack([np.arange(size), np.zeros(size, np.int64)])
    for seed in range(5):
        order = spread_order(places, np.random.default_rng(seed))
        assert sorted(order.tolist()) == list(range(size))
        for number in (4, 11, 40):
            steps = np.diff(np.sort(along_curve(places).argsort()[order[:number]]))
            assert steps.max() <= 4 * size / number
            assert steps.min() >= size / number / 4


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(SampleError, match="none of the samples is for training"):
        training_order(make({}), 0)
    for budgets in ([], [0, 5]):
        with pytest.raises(SampleError, match="cannot be made"):
            nested_subsets(make({"a": 3}), budgets, 0)
