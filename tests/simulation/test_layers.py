import logging
from pathlib import Path

import numpy as np
import pytest
import rasterio

from bocage.reference.codes import TABLES
from bocage.settings import LayerKind
from bocage.simulation import Woody
from bocage.simulation.kinds import GROUNDS
from bocage.simulation.layers import canopy_height, crop_types, small_woody_features, tree_cover_density
from bocage.simulation.truth import Truth

_log = logging.getLogger("bocage")


def test_canopy_height_errs_by_about_2_8_m_over_trees(truth: Truth) -> None:
    error = (canopy_height(truth, 0) - truth.height)[truth.woody == 1]
    _log.info("canopy height: mean absolute error %.2f m, bias %.2f m", np.abs(error).mean(), error.mean())
    assert 2.0 < np.abs(error).mean() < 3.6
    # Its errors are alike over tens of metres: averaging 20 m does not remove them.
    full = np.where(truth.woody == 1, canopy_height(truth, 0) - truth.height, 0)
    blocks = full.reshape(150, 10, 150, 10).sum(axis=(1, 3))
    weight = truth.woody.reshape(150, 10, 150, 10).sum(axis=(1, 3))
    dense = weight > 80
    assert float((blocks[dense] / weight[dense]).std()) > 1.0


def test_canopy_height_is_mostly_over_trees(truth: Truth) -> None:
    heights = canopy_height(truth, 0)
    far = ~np.asarray(truth.former_height > 0) & (truth.woody == 0)
    assert float((heights[far] >= 3).mean()) < 0.06
    tall = truth.height > 8
    assert float((heights[tall] >= 3).mean()) > 0.85


def test_tree_cover_density_follows_dense_cover_and_misses_thin_cover(truth: Truth) -> None:
    density = tree_cover_density(truth, 0).astype(float)
    assert density.max() <= 100
    assert float(np.abs(density - truth.tree_share)[truth.tree_share > 80].mean()) < 12
    thin = (truth.tree_share > 0) & (truth.tree_share < 8)
    assert float((density[thin] == 0).mean()) > 0.5
    assert float((density[truth.tree_share == 0] > 0).mean()) < 0.2


def test_small_woody_features_hold_no_forest_and_differ_from_today(truth: Truth) -> None:
    small = small_woody_features(truth)
    assert set(np.unique(small)) == {0, 1}
    rows = (np.arange(truth.raster.rows) * 2 + 1) // 5
    fine = small[rows][:, rows]
    forest = truth.types == Woody.FOREST
    assert float(fine[forest].mean()) < 0.1
    hedge = truth.types == Woody.HEDGE
    found = float(fine[hedge].mean())
    assert 0.35 < found < 0.95
    gone = (fine == 1) & (truth.woody == 0) & (truth.former_height > 1)
    assert gone.sum() > 100


def test_crop_types_are_codes_of_the_product(truth: Truth) -> None:
    crops = crop_types(truth, 0)
    assert crops.dtype == np.uint16
    assert {int(code) for code in np.unique(crops)} <= TABLES["crop_types"].codes
    exact = np.array([ground.crop for ground in GROUNDS])[truth.ground]
    arable = (crops > 0) & (exact > 0)
    agreement = float((crops[arable] == exact[arable]).mean())
    assert 0.85 < agreement < 0.999
    assert (crops == 2100).any()
    assert (crops == 2310).any()


@pytest.mark.parametrize(
    ("name", "kind", "pixel", "epsg", "dtype", "nodata"),
    [
        ("tcd", "tree_cover_density", 10.0, 3035, "uint8", 255),
        ("swf", "small_woody_features", 5.0, 3035, "uint8", 255),
        ("chm", "canopy_height", 1.194328566955879, 3857, "uint8", 255),
        ("cty", "crop_types", 10.0, 3035, "uint16", 65535),
    ],
)
def test_layers_are_delivered_like_the_real_ones(
    project_folder: Path, name: str, kind: LayerKind, pixel: float, epsg: int, dtype: str, nodata: int
) -> None:
    with rasterio.open(project_folder / "layers" / f"{name}.tif") as file:
        assert file.res == pytest.approx((pixel, pixel))
        assert (file.crs.to_epsg(), file.dtypes[0], file.nodata) == (epsg, dtype, nodata)
        values = file.read(1)
    assert not TABLES[kind].unknown(values)
