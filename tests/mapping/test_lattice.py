import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import GridError
from bocage.grid import Window
from bocage.mapping.lattice import Lattice

windows = st.builds(
    Window,
    column=st.integers(-300, 300),
    row=st.integers(-300, 300),
    width=st.integers(1, 200),
    height=st.integers(1, 200),
)
lattices = st.builds(
    lambda chip, overlap, multiple: Lattice.of(chip * multiple, overlap, multiple),
    st.integers(2, 20),
    st.floats(0, 0.5),
    st.sampled_from([1, 4, 8]),
)


@settings(deadline=None, max_examples=100)
@given(windows, lattices)
def test_chips_are_all_those_that_touch_the_window(window: Window, lattice: Lattice) -> None:
    chips = lattice.chips_for(window)
    assert len(chips) == len(set(chips)) == lattice.count(window)
    assert all(chip.intersection(window) for chip in chips)
    around = window.pad(lattice.chip + lattice.stride)
    wider = {chip for chip in lattice.chips_for(around) if chip.intersection(window)}
    assert set(chips) == wider


@settings(deadline=None, max_examples=100)
@given(lattices)
def test_origins_lie_at_multiples_of_the_stride(lattice: Lattice) -> None:
    for chip in lattice.chips_for(Window(-97, 55, 31, 44)):
        assert chip.column % lattice.stride == 0
        assert chip.row % lattice.stride == 0


def test_stride_is_rounded_to_what_the_model_needs() -> None:
    assert Lattice.of(512, 0.25, 32) == Lattice(512, 384)
    assert Lattice.of(320, 0.3, 32) == Lattice(320, 224)
    assert Lattice.of(64, 0.0, 32) == Lattice(64, 64)


def test_chip_that_the_model_cannot_take_is_refused() -> None:
    with pytest.raises(GridError, match=r"mapping\.chip 500 is not a multiple of 32"):
        Lattice.of(500, 0.25, 32)
