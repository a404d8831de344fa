"""Finding the files of a window: as if each had been asked."""

from hypothesis import given
from hypothesis import strategies as st

from bocage.grid import Window
from bocage.reference.extents import Extents

# Far from the origin too, where a continental lattice lies.
near = st.integers(-12, 12)
windows = st.builds(
    lambda far, column, row, width, height: Window(far + column, row - far, width, height),
    st.sampled_from([0, 2_600_000]),
    near,
    near,
    st.integers(1, 9),
    st.integers(1, 9),
)


@given(st.lists(windows, min_size=1, max_size=60), windows)
def test_it_finds_the_windows_that_share_a_pixel_in_their_order(files: list[Window], asked: Window) -> None:
    expected = [place for place, file in enumerate(files) if file.intersection(asked) is not None]
    assert Extents(files).touching(asked) == expected
