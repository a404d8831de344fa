"""Laws of the allocation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import SampleError
from bocage.samples.allocation import allocate

SIZES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 500), min_size=1, max_size=12)


@given(SIZES, st.integers(1, 3000), st.integers(0, 20))
@settings(max_examples=200, deadline=None)
def test_it_sums_and_never_exceeds_a_stratum(sizes: dict[str, int], count: int, minimum: int) -> None:
    shares = allocate(sizes, count, minimum)
    assert sum(shares.values()) == min(count, sum(sizes.values()))
    assert all(0 <= shares[name] <= size for name, size in sizes.items())


@given(SIZES, st.integers(1, 3000), st.integers(0, 20))
@settings(max_examples=200, deadline=None)
def test_every_stratum_gets_its_minimum_where_the_count_allows(sizes: dict[str, int], count: int, minimum: int) -> None:
    shares = allocate(sizes, count, minimum)
    floor = {name: min(minimum, size) for name, size in sizes.items()}
    if sum(floor.values()) <= count:
        assert all(shares[name] >= floor[name] for name in sizes)
    else:
        assert all(shares[name] <= floor[name] for name in sizes)


@given(SIZES, st.integers(1, 3000))
@settings(max_examples=200, deadline=None)
def test_without_a_minimum_it_is_proportional_within_one(sizes: dict[str, int], count: int) -> None:
    total = sum(sizes.values())
    for name, share in allocate(sizes, count).items():
        assert abs(share - sizes[name] * min(count, total) / total) < 1


@given(SIZES, st.integers(1, 3000), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_the_order_of_strata_does_not_matter(sizes: dict[str, int], count: int, minimum: int) -> None:
    turned = dict(reversed(list(sizes.items())))
    assert allocate(sizes, count, minimum) == allocate(turned, count, minimum)


def test_a_worked_example() -> None:
    assert allocate({"a": 700, "b": 290, "c": 10}, 20, 2) == {"a": 12, "b": 6, "c": 2}
    assert allocate({"a": 5, "b": 1}, 100, 2) == {"a": 5, "b": 1}


@pytest.mark.parametrize(("sizes", "count"), [({}, 5), ({"a": 3}, 0), ({"a": 0}, 2)])
def test_nothing_to_share_is_refused(sizes: dict[str, int], count: int) -> None:
    with pytest.raises(SampleError):
        allocate(sizes, count)
