"""A small written product, made once and copied for each test that breaks it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bocage.features.extraction import extract_features
from bocage.grid import Bounds, Grid, Window
from bocage.outcome import Outcome
from bocage.products import write_products
from bocage.project import Project
from tests.features.landscape import disk, make_project, rectangle, write_layer, write_mosaic

# 2 x 1 km at 2 m, off the multiples of 1000 m.
WINDOW = Window(2_150_120, -1_500_520, 1000, 500)
LAYERS = """
[[reference.layers]]
kind = "crop_types"
paths = ["layers/crops.tif"]
[[reference.layers]]
kind = "tree_cover_density"
paths = ["layers/trees.tif"]
[products]
date = "20210714"
organisation = "Office of Hedges"
email = "hedges@example.org"
"""


def landscape() -> np.ndarray:
    shape = WINDOW.shape
    y, x = np.mgrid[: shape[0], : shape[1]]
    woody = rectangle(shape, 60, 100, 5, 700) | (np.abs(y - 0.7 * x + 200) < 5) | disk(shape, 350, 150, 13)
    woody |= rectangle(shape, 150, 600, 200, 250) | (disk(shape, 250, 500, 60) & ~disk(shape, 250, 500, 54))
    noise = gaussian_filter(np.random.default_rng(5).normal(size=shape), 2) * 900
    probability = np.clip(gaussian_filter(np.where(woody, 250.0, 5.0), 1) + noise, 0, 254).astype(np.uint8)
    probability[450:, :] = 255
    return np.asarray(probability, np.uint8)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Outcome]:
    folder = tmp_path_factory.mktemp("project")
    project = make_project(folder, more=LAYERS)
    write_mosaic(project, WINDOW, landscape())
    coarse = Grid("EPSG:3035", 10.0)
    window = coarse.window(Bounds(4_300_000, 2_999_000, 4_303_000, 3_002_000))
    crops = np.where(rectangle(window.shape, 0, 0, 300, 60), 1110, 0).astype(np.uint16)
    write_layer(folder / "layers/crops.tif", crops, coarse, window, 65535)
    cover = np.where(rectangle(window.shape, 150, 70, 40, 50), 80, 0).astype(np.uint8)
    write_layer(folder / "layers/trees.tif", cover, coarse, window, 255)
    extract_features(project)
    return project, write_products(project)


@pytest.fixture
def copied(written: tuple[Project, Outcome], tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that copies the product of a variable and form alone into an empty folder."""

    def copy(part: str) -> Path:
        source = next(path for path in written[1].outputs if part in path.name and path.suffix in {".tif", ".gpkg"})
        return Path(shutil.copy(source, tmp_path / source.name))

    return copy
