"""A project in which every stage has left something, made of arrays: hedges and groves between fields."""

from collections.abc import Callable
from pathlib import Path

import cv2
import geopandas as gpd
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.geometry import box, shape

from bocage.accuracy import assess
from bocage.grid import Grid, Window
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.receipts import Receipt
from bocage.scenes import catalogue_scenes

SETTINGS = """
[project]
name = "Valley <of> hedges"
[grid]
tile_size = 2000.0
cell_size = 2000.0
[scenes]
paths = ["scenes/*.tif"]
[accuracy]
count = 400
[accuracy.reference]
kind = "classes"
paths = ["truth/woody.tif"]
tree = [1]
"""
EDGE = 1000
TILE = Window(2_000_000, -1_500_000, EDGE, EDGE)
GRID = Grid("EPSG:3035", 2.0)
Build = Callable[..., Project]


def landscape() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return truth (0 / 1) and an image (4, rows, columns) of fields with hedges and groves."""
    rng = np.random.default_rng(11)
    field = np.zeros((EDGE, EDGE), dtype=np.uint8)
    truth = np.zeros((EDGE, EDGE), dtype=np.uint8)
    lines = np.linspace(60, EDGE - 60, 7).astype(int)
    for index, place in enumerate(lines):
        cv2.line(truth, (int(place), 0), (int(place) + 40, EDGE), 1, 5 + index % 3)
        cv2.line(truth, (0, int(place)), (EDGE, int(place) - 50), 1, 4 + index % 4)
    for column, row in rng.integers(50, EDGE - 50, (14, 2)):
        cv2.ellipse(truth, (int(column), int(row)), (14, 20), 30, 0, 360, 1, -1)
    for column in range(0, EDGE, 125):
        for row in range(0, EDGE, 143):
            field[row : row + 143, column : column + 125] = rng.integers(90, 190)
    grain = cv2.GaussianBlur(rng.normal(0, 22, (EDGE, EDGE)), (0, 0), 2) * 3
    bands = []
    for dark, light in ((50, 1.0), (70, 1.05), (45, 0.8), (170, 1.1)):
        value = np.where(truth == 1, dark, field * light) + grain
        bands.append(np.clip(value, 1, 255).astype(np.uint8))
    return truth, np.stack(bands)


def write_scene(path: Path, image: NDArray[np.uint8], window: Window) -> None:
    """Write a scene whose band descriptions say what the bands are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": 4, "dtype": "uint8", "crs": GRID.crs, "nodata": 0}
    with rasterio.open(
        path, "w", height=window.height, width=window.width, transform=GRID.transform(window), **profile
    ) as file:
        file.write(image)
        for band, name in enumerate(("red", "green", "blue", "nir"), start=1):
            file.set_band_description(band, name)


def write_project(folder: Path, *, complete: bool = True) -> Project:
    """Write the settings alone, or the files of every stage."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bocage.toml").write_text(SETTINGS)
    project = Project.open(folder)
    if not complete:
        return project
    truth, image = landscape()
    write_cog(folder / "truth" / "woody.tif", truth, grid=GRID, window=TILE)
    west, east = Window(TILE.column, TILE.row, 640, EDGE), Window(TILE.column + 420, TILE.row + 40, 580, EDGE - 90)
    for name, window in (("west", west), ("east", east)):
        write_scene(folder / "scenes" / f"{name}.tif", image[(slice(None), *window.slices(TILE))], window)
    catalogue_scenes(project)
    probability = np.clip(cv2.GaussianBlur(truth.astype(np.float64), (0, 0), 1.6) * 250 + 6, 0, 254).astype(np.uint8)
    probability[560:600, 300:420] = 190
    probability[820:850, 100:180] = 200
    probability[880:960, 520:700] //= 3
    probability[:, 900:960] //= 3
    probability[:40, 640:] = probability[950:, 640:] = 255
    write_cog(
        folder / "map" / "E2000N1499.tif",
        np.stack([probability, (probability != 255).astype(np.uint8)]),
        grid=GRID,
        window=TILE,
        nodata=255,
    )
    _write_samples(project, truth, image)
    _write_features(folder, probability)
    log = "step,loss,validation_iou\n" + "".join(
        f"{step},{1.1 / (1 + step / 90):.4f},{0.82 - 0.7 / (1 + step / 70):.4f}\n" for step in range(50, 1050, 50)
    )
    (folder / "models" / "slf").mkdir(parents=True)
    (folder / "models" / "slf" / "log.csv").write_text(log)
    outcome = assess(project)
    _write_receipts(project, outcome.figures)
    return project


def _write_samples(project: Project, truth: NDArray[np.uint8], image: NDArray[np.uint8]) -> None:
    rows = []
    for index, (column, row) in enumerate((c, r) for c in range(0, 1000, 250) for r in range(0, 1000, 250)):
        window = Window(TILE.column + column, TILE.row + row, 250, 250)
        split = ("train", "train", "validation", "test")[index % 4]
        scene = "west" if column < 500 else "east"
        rows.append(
            {"sample_id": f"s{index:02}", "cell_id": f"c{index}", "scene_id": scene, "sensor": "PHR", "split": split}
            | {"column": window.column, "row": window.row, "width": 250, "height": 250}
            | {"geometry": box(*GRID.bounds(window).as_tuple())}
        )
        part = window.slices(TILE)
        write_cog(project.chips_folder / "images" / f"s{index:02}.tif", image[:, *part], grid=GRID, window=window)
        write_cog(project.chips_folder / "labels" / f"s{index:02}.tif", truth[part], grid=GRID, window=window)
    gpd.GeoDataFrame(rows, crs=GRID.crs).to_parquet(project.samples_file)


def _write_features(folder: Path, probability: NDArray[np.uint8]) -> None:
    mask = ((probability >= 127) & (probability != 255)).astype(np.uint8)
    found = [shape(geometry) for geometry, value in shapes(mask, transform=GRID.transform(TILE)) if value == 1]
    parts = [piece for geometry in found for piece in [geometry] if geometry.area > 200]
    (folder / "features").mkdir()
    gpd.GeoDataFrame(
        {
            "feature_id": [f"f{index}" for index in range(len(parts))],
            "whole_id": [f"f{index}" for index in range(len(parts))],
            "area": [part.area for part in parts],
            "slf_type": ["linear" if part.area > 4000 else "patchy" for part in parts],
            "width_m": [11.0] * len(parts),
        },
        geometry=parts,
        crs=GRID.crs,
    ).to_parquet(folder / "features" / "E2000N1499.parquet")


def _write_receipts(project: Project, accuracy: dict[str, object]) -> None:
    broken = Refusal("scenes/broken.tif", "is cut short: 3 of 9 blocks are missing", "copy or download it again")
    script = Refusal("scenes/<script>alert(1)</script>.tif", "has no coordinate reference system", "assign one")
    train = {
        "runs": {"slf": {"test": {"iou": 0.781, "f1": 0.877, "precision": 0.9, "recall": 0.855}}},
        "ndvi": {"iou": 0.41, "f1": 0.58, "precision": 0.5, "recall": 0.7},
    }
    seconds = {"scenes": 2.1, "labels": 14.0, "samples": 1.2, "chips": 8.4, "train": 212.0, "map": 64.0}
    for name, took in {**seconds, "features": 6.5, "assess": 4.2}.items():
        Receipt(
            name,
            "done",
            "0" * 64,
            "2026-05-04T08:00:00+00:00",
            seconds=took,
            peak_memory_mb=900 + took,
            refused=(broken, script) if name == "scenes" else (),
            figures={"train": train, "assess": accuracy}.get(name, {}),
        ).write(project.receipts_folder)


@pytest.fixture
def build() -> Build:
    """The function that writes a project."""
    return write_project


@pytest.fixture(scope="session")
def full_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which every stage has run; tests only read it."""
    return write_project(tmp_path_factory.mktemp("full"))
