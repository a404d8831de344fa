import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from bocage.errors import StorageError
from bocage.grid import Grid, Window
from bocage.products.colours import COLOURS, codes_of
from bocage.products.density import density
from bocage.products.writers import padded, write_vector

GRID = Grid("EPSG:3035", 5.0)


@given(
    column=st.integers(-(10**6), 10**6),
    row=st.integers(-(10**6), 10**6),
    width=st.integers(1, 999),
    height=st.integers(1, 999),
)
def test_padding_reaches_multiples_of_1000_m_and_no_further(column: int, row: int, width: int, height: int) -> None:
    window = Window(column, row, width, height)
    outer = padded(GRID, window)
    assert window.intersection(outer) == window
    assert all(edge % 200 == 0 for edge in (outer.column, outer.row, outer.right, outer.bottom))
    assert max(window.column - outer.column, window.row - outer.row) < 200
    assert max(outer.right - window.right, outer.bottom - window.bottom) < 200


def test_density_is_the_mean_of_valid_cells() -> None:
    features = np.zeros((20, 80), np.uint8)
    features[:10, :20] = 1
    features[:, 20:40] = 255
    features[0, 40:60] = 1
    features[10:, 40:60] = 255
    features[0, 60] = 1
    assert density(features).tolist() == [[50, 255, 10, 0]]


@given(seed=st.integers(0, 1000))
def test_density_keeps_nodata_out_of_the_mean(seed: int) -> None:
    features = np.random.default_rng(seed).choice([0, 1, 255], (20, 20), p=[0.3, 0.2, 0.5]).astype(np.uint8)
    valid = features[features != 255]
    assert density(features)[0, 0] == pytest.approx(valid.mean() * 100, abs=0.5)


def test_colour_tables_hold_every_code_of_their_layer() -> None:
    for (variable, form), colours in COLOURS.items():
        # The quality tool wants the colour of 254, which the layers of 2021 do not use.
        assert set(colours) - {254} == codes_of(form, 2021, variable) - {254}
    ramp = COLOURS["swf", "r100m"]
    assert (ramp[1], ramp[51], ramp[100]) == ((168, 255, 172), (84, 159, 88), (28, 92, 36))
    assert COLOURS["wvl", "r5m"][1] == (117, 221, 0)


def squares() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": [1, 2]}, geometry=[box(0, 0, 9, 9), box(20, 0, 29, 9)], crs="EPSG:3035")


def test_the_same_features_give_the_same_bytes(tmp_path: Path) -> None:
    pairs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pairs.append(write_vector(tmp_path / name, "stem", squares(), "20210714"))
    for one, two in zip(*pairs, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert len(gpd.read_file(pairs[0][0], layer="stem")) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_said_in_our_words(tmp_path: Path) -> None:
    # The temporary name leads to a device on which every write fails for want of space.
    (tmp_path / f".stem.{os.getpid()}.part.gpkg").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"stem\.gpkg could not be written: No space left"):
        write_vector(tmp_path, "stem", squares(), "20210714")
    assert list(tmp_path.iterdir()) == []
