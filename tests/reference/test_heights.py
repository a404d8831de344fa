"""Laws of canopy height on the lattice: no window changes a pixel, and the unknown enters no mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from tests.reference.conftest import write_geotiff

from bocage.grid import Window
from bocage.project import Project
from bocage.reference.layer import Layer, open_layer
from bocage.settings import LayerSettings, Settings

# Finding a smaller example of a failure would take minutes.
QUICK = settings(deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
LEFT, TOP = 4_000_000.0, 3_000_000.0


def open_heights(path: Path, release: str) -> Layer:
    given = LayerSettings.model_validate({"kind": "canopy_height", "paths": (str(path),), "release": release})
    return open_layer(given, Project(path.parent, Settings()))


def patchy(rng: np.random.Generator, shape: tuple[int, int], absent: float) -> NDArray[Any]:
    """Return heights of 2 to 60 m in patches; ``absent`` covers about half of the ground, in patches and in specks."""
    values = rng.integers(2, 61, shape)
    missing = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(0.5, 6)) > 0
    return np.where(missing | (rng.random(shape) < 0.05), absent, values).astype(np.uint8)


@settings(QUICK, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    pixel=st.sampled_from([0.5, 0.77, 1.0, 1.3, 3.1]),
    shift=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
)
def test_zeros_of_v2_enter_no_mean(
    tmp_path_factory: pytest.TempPathFactory, seed: int, pixel: float, shift: tuple[float, float]
) -> None:
    """A pixel is what it would be had the unimaged ground been marked as nodata, and never lower than any height."""
    folder, rng = tmp_path_factory.mktemp("heights"), np.random.default_rng(seed)
    values, corner = patchy(rng, (60, 70), 0), (LEFT + shift[0], TOP + shift[1])
    write_geotiff(folder / "v2.tif", values, pixel, origin=corner)
    write_geotiff(folder / "marked.tif", np.where(values == 0, 255, values).astype(np.uint8), pixel, origin=corner)
    layer, marked = open_heights(folder / "v2.tif", "v2"), open_heights(folder / "marked.tif", "v1")
    window = layer.files[0].window
    found, wanted = layer.read(layer.grid, window), marked.read(marked.grid, window)
    assert found.valid.any()
    assert not (found.valid & ~wanted.valid).any()
    np.testing.assert_array_equal(found.values[found.valid], wanted.values[found.valid])
    assert np.asarray(found.values, np.float64)[found.valid].min() >= 2 - 1e-4


@settings(QUICK, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from([(np.uint8, None), (np.uint8, 0), (np.float32, None), (np.float32, 0), (np.float32, -9999)]),
)
def test_a_pixel_of_v2_is_known_where_heights_cover_half_of_it(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: tuple[type[np.generic], float | None]
) -> None:
    folder, rng = tmp_path_factory.mktemp("heights"), np.random.default_rng(seed)
    values = patchy(rng, (40, 44), 0)
    write_geotiff(folder / "v2.tif", values.astype(kind[0]), 0.5, nodata=kind[1])
    layer = open_heights(folder / "v2.tif", "v2")
    found = layer.read(layer.grid, layer.files[0].window)
    blocks = values.reshape(10, 4, 11, 4).astype(np.float64)
    covered = (blocks > 0).sum(axis=(1, 3))
    np.testing.assert_array_equal(found.valid, covered >= 8)
    means = blocks.sum(axis=(1, 3)) / np.maximum(covered, 1)
    np.testing.assert_allclose(np.asarray(found.values, np.float64)[found.valid], means[found.valid], rtol=1e-5)


@settings(QUICK, max_examples=6)
@given(
    seed=st.integers(0, 2**32 - 1),
    release=st.sampled_from(["v1", "v2"]),
    place=st.tuples(st.floats(3_000_000, 6_000_000), st.floats(1_600_000, 4_500_000)),
    pixel=st.sampled_from([1.1943, 9.5546]),
)
@example(seed=35028191, release="v1", place=(4321500.0, 3019500.0), pixel=1.1943)
def test_heights_in_web_mercator_do_not_depend_on_the_window(
    tmp_path_factory: pytest.TempPathFactory, seed: int, release: str, place: tuple[float, float], pixel: float
) -> None:
    folder, rng = tmp_path_factory.mktemp("heights"), np.random.default_rng(seed)
    corner = pyproj.Transformer.from_crs("EPSG:3035", "EPSG:3857", always_xy=True).transform(*place)
    size = round(1700 / pixel)
    write_geotiff(folder / "chm.tif", patchy(rng, (size, size), 0), pixel, origin=corner, crs="EPSG:3857")
    layer = open_heights(folder / "chm.tif", release)
    whole = layer.files[0].window
    reference = layer.read(layer.grid, whole)
    # What has no height is unknown in v2. v1 calls it 0; near the middle of the projection its square has no margin.
    assert reference.valid.mean() > 0.05
    assert release == "v1" or not reference.valid.all()
    for reach in (1, 7, 90, 400, 400):
        width, height = (int(rng.integers(1, reach + 1)) for _ in range(2))
        column, row = int(rng.integers(0, whole.width - width)), int(rng.integers(0, whole.height - height))
        window = Window(whole.column + column, whole.row + row, width, height)
        part, where = layer.read(layer.grid, window), window.slices(whole)
        np.testing.assert_array_equal(part.valid, reference.valid[where])
        np.testing.assert_array_equal(part.values[part.valid], reference.values[where][part.valid])
