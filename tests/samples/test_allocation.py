"""Laws of the allocation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import SampleError
from bocage.samples.allocation import allocate, share_out, weigh

SIZES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 500), min_size=1, max_size=12)
WEIGHTS = st.lists(st.floats(0, 1e6), min_size=12, max_size=12)


@given(SIZES, st.integers(12, 3000), st.integers(1, 20), WEIGHTS)
@settings(max_examples=200)
def test_it_sums_and_every_stratum_is_present(
    sizes: dict[str, int], count: int, minimum: int, weights: list[float]
) -> None:
    for given_ in (None, dict(zip(sizes, weights, strict=False))):
        shares = allocate(sizes, count, minimum, given_)
        assert list(shares) == list(sizes)
        assert sum(shares.values()) == min(count, sum(sizes.values()))
        assert all(1 <= shares[name] <= size for name, size in sizes.items())


@given(SIZES, st.integers(12, 3000), st.integers(1, 20))
@settings(max_examples=200)
def test_every_stratum_gets_its_minimum_where_the_count_allows(sizes: dict[str, int], count: int, minimum: int) -> None:
    shares = allocate(sizes, count, minimum)
    floor = {name: min(minimum, size) for name, size in sizes.items()}
    if sum(floor.values()) <= count:
        assert all(shares[name] >= floor[name] for name in sizes)
    else:
        assert all(shares[name] <= floor[name] for name in sizes)


@given(SIZES, st.integers(12, 3000), st.integers(1, 5), WEIGHTS)
@settings(max_examples=200)
def test_strata_within_their_bounds_have_one_rate(
    sizes: dict[str, int], count: int, minimum: int, weights: list[float]
) -> None:
    """Of two strata, the one with more per unit of weight is at its minimum, or the other is full, to within one."""
    weight = {name: one + 1 for name, one in zip(sizes, weights, strict=False)}
    shares = allocate(sizes, count, minimum, weight)
    if sum(min(minimum, size) for size in sizes.values()) >= count:
        return
    for one, size in sizes.items():
        for other, room in sizes.items():
            if shares[one] - 1 > min(minimum, size) and shares[other] + 1 < room:
                assert (shares[one] - 1) / weight[one] <= (shares[other] + 1) / weight[other] * (1 + 1e-6)


@given(SIZES, st.integers(12, 3000), st.integers(1, 20))
@settings(max_examples=100)
def test_the_order_of_strata_does_not_matter(sizes: dict[str, int], count: int, minimum: int) -> None:
    turned = dict(reversed(list(sizes.items())))
    assert allocate(sizes, count, minimum) == allocate(turned, count, minimum)


def test_proportional_by_hand() -> None:
    # 20 x 700 / 1000 = 14; the smallest is lifted to 2, and 18 are left for 700 and 290: 12.7 and 5.3.
    assert allocate({"a": 700, "b": 290, "c": 10}, 20, 2) == {"a": 13, "b": 5, "c": 2}
    assert allocate({"a": 5, "b": 1}, 100, 2) == {"a": 5, "b": 1}
    assert allocate({"a": 900, "b": 100}, 10) == {"a": 9, "b": 1}


def test_neyman_by_hand() -> None:
    """N x S of 300 x 2 and 200 x 4.5 are as 2 to 3; a stratum without spread keeps its minimum."""
    sizes = {"a": 300, "b": 200, "c": 400}
    weights = weigh(sizes, "neyman", deviations={"a": 2.0, "b": 4.5, "c": 0.0})
    assert allocate(sizes, 52, 2, weights) == {"a": 20, "b": 30, "c": 2}
    # What the others cannot hold goes to the stratum without spread.
    assert allocate(sizes, 700, 2, weights) == {"a": 300, "b": 200, "c": 200}
    assert weigh(sizes, "neyman", deviations=dict.fromkeys(sizes, 0.0)) == sizes


def test_power_by_hand() -> None:
    """Square roots of 900, 100 and 25: 30, 10 and 5."""
    sizes = {"a": 900, "b": 100, "c": 25}
    assert allocate(sizes, 45, 1, weigh(sizes, "power", power=0.5)) == {"a": 30, "b": 10, "c": 5}
    assert weigh(sizes, "power", power=1.0) == weigh(sizes, "proportional")
    assert set(weigh(sizes, "power", power=0.0).values()) == {1.0}


@pytest.mark.parametrize("deviations", [None, {"a": 1.0}, {"a": 1.0, "b": float("nan")}, {"a": 1.0, "b": -1.0}])
def test_neyman_needs_a_deviation_for_each_stratum(deviations: dict[str, float] | None) -> None:
    with pytest.raises(SampleError, match=r"no standard deviation is known for the strata .*b"):
        weigh({"a": 3, "b": 4}, "neyman", deviations=deviations)


@pytest.mark.parametrize(
    ("sizes", "count", "message"),
    [
        ({}, 5, "among 0 strata"),
        ({"a": 3}, 0, "cannot share 0"),
        ({"a": 0, "b": 1}, 2, "hold no cell: a"),
        ({"a": 3, "b": 4, "c": 5}, 2, "2 samples cannot show 3 strata"),
    ],
)
def test_nothing_to_share_is_refused(sizes: dict[str, int], count: int, message: str) -> None:
    with pytest.raises(SampleError, match=message):
        allocate(sizes, count)


@given(SIZES, st.data())
@settings(max_examples=200)
def test_shares_keep_their_bounds(sizes: dict[str, int], data: st.DataObject) -> None:
    low = {name: data.draw(st.integers(0, size)) for name, size in sizes.items()}
    weights = {name: data.draw(st.sampled_from([0, 0, 1, 7, 100])) for name in sizes}
    count = data.draw(st.integers(0, 3000))
    shares = share_out(weights, low, sizes, count)
    assert all(low[name] <= shares[name] <= sizes[name] for name in sizes)
    assert sum(shares.values()) == min(max(count, sum(low.values())), sum(sizes.values()))
