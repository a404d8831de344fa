from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import StorageError
from bocage.grid import Grid, Window
from bocage.rasters import cog_bytes, read_window, write_cog

GRID = Grid("EPSG:3035", 2.0)
WINDOW = Window(2_160_000, -1_510_000, 60, 40)


def numbered(window: Window) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """A value per lattice pixel that tells its column and row."""
    columns = np.arange(window.column, window.right) % 1000
    rows = np.arange(window.row, window.bottom) % 1000
    return (rows[:, None] * 1000 + columns[None, :]).astype(np.int32)


def test_a_cog_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    bands = np.stack([np.ones(WINDOW.shape, np.uint8), np.full(WINDOW.shape, 7, np.uint8)])
    write_cog(path, bands, grid=GRID, window=WINDOW, nodata=255, descriptions=("probability", "observations"))
    with rasterio.open(path) as file:
        assert file.crs == rasterio.CRS.from_epsg(3035)
        assert file.transform == GRID.transform(WINDOW)
        assert file.descriptions == ("probability", "observations")
        assert file.nodata == 255
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (file.read(2) == 7).all()


def test_a_colour_table_survives(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_cog(
        path, np.ones(WINDOW.shape, np.uint8), grid=GRID, window=WINDOW, colours={1: (117, 221, 0)}, compression="LZW"
    )
    with rasterio.open(path) as file:
        assert file.colormap(1)[1][:3] == (117, 221, 0)
        assert file.compression.name == "lzw"


def test_the_same_array_gives_the_same_bytes() -> None:
    array = numbered(WINDOW)
    transform = GRID.transform(WINDOW)
    assert cog_bytes(array, GRID.crs, transform) == cog_bytes(array, GRID.crs, transform)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(-70, 70), st.integers(-50, 50), st.integers(1, 90), st.integers(1, 70)
)  # fmt: skip
def test_a_window_reads_its_own_pixels_and_fill_elsewhere(
    tmp_path_factory: pytest.TempPathFactory, right: int, down: int, width: int, height: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "numbered.tif"
    if not path.exists():
        write_cog(path, numbered(WINDOW), grid=GRID, window=WINDOW)
    window = Window(WINDOW.column + right, WINDOW.row + down, width, height)
    expected = np.full(window.shape, -1, np.int32)
    shared = window.intersection(WINDOW)
    if shared is not None:
        expected[shared.slices(window)] = numbered(shared)
    assert np.array_equal(read_window(path, GRID, window, fill=-1), expected)


def test_a_raster_between_the_lattice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_cog(path, numbered(WINDOW), grid=GRID, window=WINDOW)
    with pytest.raises(StorageError, match="does not lie on the lattice"):
        read_window(path, Grid("EPSG:3035", 3.0), Window(0, 0, 1, 1))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_cog(path, numbered(WINDOW), grid=GRID, window=WINDOW)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StorageError, match=r"a\.tif cannot be read"):
        read_window(path, GRID, WINDOW)


def test_a_full_disk_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    write_cog(path, numbered(WINDOW), grid=GRID, window=WINDOW)
    before = path.read_bytes()

    def no_space(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(StorageError, match="free some space"):
        write_cog(path, numbered(WINDOW) + 1, grid=GRID, window=WINDOW)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tif"]
