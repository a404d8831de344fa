"""Collecting the pictures of a project from what its stages left; a stage that did not run leaves no picture."""

from __future__ import annotations

import csv
import logging
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

from bocage.errors import SceneError
from bocage.files import finished
from bocage.grid import Bounds, Window
from bocage.mapping import mosaic_tiles, read_probability
from bocage.mapping.receipt import cog_name
from bocage.project import Project
from bocage.rasters import open_stored
from bocage.report.chips import Example, chip_table
from bocage.report.pictures import features_over_imagery, learning_curves, mosaic, scenes_and_samples

if TYPE_CHECKING:
    import geopandas as gpd

_log = logging.getLogger("bocage")

EXAMPLES = 4
_MOSAIC_EDGE = 1400
_CLOSE_UP = (760, 480)
_CHIP_EDGE = 384
# A close-up shows at least this share of ground that a scene saw.
_SEEN = 0.5
_CURVES = {"loss": "loss", "train_loss": "loss", "iou": "IoU", "validation_iou": "IoU", "val_iou": "IoU"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the report: its PNG, the words for those who cannot see it, and the words below it."""

    content: bytes
    alt: str
    caption: str


def collect(project: Project) -> dict[str, Picture]:
    """Draw every picture that the project's files allow: places, chips, mosaic, features, curves."""
    makers = {
        "places": _places,
        "chips": _chips,
        "mosaic": _mosaic,
        "features": _features,
        "curves": _curves,
        "benchmark": _benchmark,
    }
    return {name: picture for name, maker in makers.items() if (picture := maker(project)) is not None}


def read_features(project: Project) -> gpd.GeoDataFrame | None:
    """Return the features of all production cells, or None where the stage did not run."""
    import geopandas as gpd
    import pandas as pd

    parts = [gpd.read_parquet(path) for path in finished(project.features_folder, "*.parquet")]
    if not parts:
        return None
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=parts[0].crs)


def read_samples(project: Project) -> gpd.GeoDataFrame | None:
    """Return the sampled cells, or None where none were drawn."""
    import geopandas as gpd

    return gpd.read_parquet(project.samples_file) if project.samples_file.is_file() else None


def coarse_mosaic(project: Project, most: int = _MOSAIC_EDGE) -> tuple[NDArray[np.float64], Bounds] | None:
    """Read the mosaic at a resolution that fits a page, cut to the ground that was seen.

    Returns
    -------
    probability, bounds
        (rows, columns) 0 to 1, NaN where nothing is known; None where no pixel is known.
    """
    names, extents = [cog_name(tile) for tile in mosaic_tiles(project)], []
    for name in names:
        with open_stored(project.map_storage, name) as file:
            extents.append(file.bounds)
            resolution = file.transform.a
    if not extents:
        return None
    left, top = min(extent.left for extent in extents), max(extent.top for extent in extents)
    right, bottom = max(extent.right for extent in extents), min(extent.bottom for extent in extents)
    step = max(resolution, max(right - left, top - bottom) / most)
    canvas = np.full((math.ceil((top - bottom) / step), math.ceil((right - left) / step)), np.nan)
    for name, extent in zip(names, extents, strict=True):
        row, column = round((top - extent.top) / step), round((extent.left - left) / step)
        shape = (
            max(min(round((extent.top - extent.bottom) / step), canvas.shape[0] - row), 1),
            max(min(round((extent.right - extent.left) / step), canvas.shape[1] - column), 1),
        )
        with open_stored(project.map_storage, name) as file:
            part = file.read(1, out_shape=shape, resampling=Resampling.average, masked=True)
        canvas[row : row + shape[0], column : column + shape[1]] = np.ma.filled(part.astype(float) / 254, np.nan)
    rows, columns = np.nonzero(~np.isnan(canvas))
    if not len(rows):
        return None
    cut = canvas[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    bounds = Bounds(
        left + columns.min() * step,
        top - (rows.max() + 1) * step,
        left + (columns.max() + 1) * step,
        top - rows.min() * step,
    )
    return cut, bounds


def _places(project: Project) -> Picture | None:
    if not project.scenes_file.is_file():
        return None
    from bocage.scenes import Catalogue

    catalogue = Catalogue.open(project.scenes_file, project.grid)
    scenes = [(scene.sensor, scene.footprint) for scene in catalogue.scenes]
    samples = read_samples(project)
    tiles = [project.grid.bounds(project.tiling.tile(tile).window) for tile in mosaic_tiles(project)]
    # Work tiles that reach far beyond the scenes would shrink them to a spot.
    tiles = tiles if len(tiles) > 1 else []
    cells = 0 if samples is None else len(samples)
    sensors = sorted({sensor for sensor, _ in scenes})
    return Picture(
        scenes_and_samples(scenes, samples, tiles),
        f"Map of {len(scenes)} scene footprints of {len(sensors)} sensors and {cells} sampled cells",
        "Coloured outlines are the ground that each sensor saw. Filled squares are the cells from which the model "
        "learned (train), by which its training was steered (validation), and which it never saw (test).",
    )


def _chips(project: Project) -> Picture | None:
    samples = read_samples(project)
    if samples is None:
        return None
    examples = list(_examples(project, samples))
    if not examples:
        return None
    threshold = project.settings.features.threshold
    return Picture(
        chip_table(examples, threshold),
        f"{len(examples)} example chips: scene, label, model and difference side by side",
        "Cells that training never saw come first. Grey-green is agreement; blue was mapped but is no tree by the "
        "label; red-orange is tree that the map missed. Labels err too where their source is older or coarser.",
    )


def _examples(project: Project, samples: gpd.GeoDataFrame) -> Iterator[Example]:
    order = {"test": 0, "validation": 1, "train": 2}
    ranked = samples.assign(rank=samples["split"].map(order)).sort_values(["rank", "sample_id"], kind="stable")
    found: list[tuple[float, float, str, Example]] = []
    mapped = bool(mosaic_tiles(project))
    for row in ranked.itertuples():
        image_path = project.chips_folder / "images" / f"{row.sample_id}.tif"
        label_path = project.chips_folder / "labels" / f"{row.sample_id}.tif"
        if not image_path.is_file() or not label_path.is_file():
            continue
        with rasterio.open(label_path) as file:
            label = file.read(1)
        part = _busiest(label, _CHIP_EDGE)
        label = label[part]
        if (label != 255).mean() < 0.5:
            continue
        with rasterio.open(image_path) as file:
            image = np.moveaxis(file.read((1, 2, 3)), 0, -1)[part]
        window = Window(int(row.column) + part[1].start, int(row.row) + part[0].start, label.shape[1], label.shape[0])
        probability = read_probability(project, window)[0] if mapped else None
        title = f"{row.scene_id}\n{row.split}"
        known = label[label != 255]
        mixture = float(abs(known.mean() - 0.25))
        found.append((float(row.rank), mixture, row.scene_id, Example(title, image, label, probability)))
        if len(found) >= 6 * EXAMPLES:
            break
    # Test cells before others; of those a mix of tree and open ground, one of each scene before a second of any.
    found.sort(key=lambda item: item[:2])
    times: Counter[tuple[float, str]] = Counter()
    ranked_examples = []
    for rank, mixture, scene, example in found:
        ranked_examples.append((rank, times[rank, scene], mixture, example))
        times[rank, scene] += 1
    ranked_examples.sort(key=lambda item: item[:3])
    for _, _, _, example in ranked_examples[:EXAMPLES]:
        yield example


def _busiest(label: NDArray[np.uint8], edge: int) -> tuple[slice, slice]:
    """Return the part of a chip, ``edge`` pixels wide, whose share of tree is nearest to a quarter."""
    edge_rows, edge_columns = min(edge, label.shape[0]), min(edge, label.shape[1])
    best, choice = math.inf, (slice(0, edge_rows), slice(0, edge_columns))
    for row in range(0, label.shape[0] - edge_rows + 1, max(edge_rows // 2, 1)):
        for column in range(0, label.shape[1] - edge_columns + 1, max(edge_columns // 2, 1)):
            part = slice(row, row + edge_rows), slice(column, column + edge_columns)
            known = label[part] != 255
            if known.mean() > 0.5:
                distance = abs(float((label[part] == 1).sum() / known.sum()) - 0.25) + float(1 - known.mean())
                if distance < best:
                    best, choice = distance, part
    return choice


def _mosaic(project: Project) -> Picture | None:
    found = coarse_mosaic(project)
    if found is None:
        return None
    probability, bounds = found
    seen = float(np.isfinite(probability).mean())
    return Picture(
        mosaic(probability, bounds),
        f"Map of the probability of woody vegetation, {(bounds.right - bounds.left) / 1000:.1f} km wide; "
        f"{seen:.0%} of the rectangle was seen",
        "One value per pixel, the mean over all scenes that saw the ground: pale is open ground, dark green is woody.",
    )


def _features(project: Project) -> Picture | None:
    features = read_features(project)
    if features is None or not len(features) or not project.scenes_file.is_file():
        return None
    from bocage.scenes import Catalogue, open_scene

    grid = project.grid
    width, height = (pixels * grid.resolution for pixels in _CLOSE_UP)
    centres = features.geometry.representative_point()
    places = list(zip(np.floor(centres.x / width).astype(int), np.floor(centres.y / height).astype(int), strict=True))
    catalogue = Catalogue.open(project.scenes_file, grid)
    damaged: set[str] = set()
    for east, north in sorted(set(places), key=lambda place: (-places.count(place), place))[:8]:
        window = grid.window(Bounds(east * width, north * height, (east + 1) * width, (north + 1) * height))
        bounds = grid.bounds(window)
        image = np.full((*window.shape, 3), 225, dtype=np.uint8)
        seen = np.zeros(window.shape, dtype=np.bool_)
        for scene in catalogue.covering(bounds):
            if scene.id in damaged:
                continue
            # One picture must not cost the report: a scene that was damaged or removed after it was mapped stays out.
            try:
                with open_scene(scene, grid, allow_missing_nir=True) as reader:
                    patch = reader.read(window)
            except SceneError as error:
                damaged.add(scene.id)
                _log.warning("the close-up of the report is drawn without scene %s: %s", scene.id, error.problem)
                continue
            fresh = patch.valid & ~seen
            image[fresh] = np.moveaxis(patch.image[:3], 0, -1)[fresh]
            seen |= fresh
        if seen.mean() < _SEEN:
            continue
        inside = features[features.intersects(bounds.polygon())]
        return Picture(
            features_over_imagery(image, bounds, inside),
            f"Close-up of {len(inside)} mapped features drawn over a scene, {width:.0f} m wide",
            "A close-up where features are dense. Every outline is a polygon with its width, length, area and class.",
        )
    return None


def _curves(project: Project) -> Picture | None:
    runs: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for path in sorted(project.models_folder.glob("*/log.csv")):
        curves: dict[str, list[tuple[float, float]]] = {}
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for column, curve in _CURVES.items():
                    if row.get(column) and row.get("step"):
                        curves.setdefault(curve, []).append((float(row["step"]), float(row[column])))
        if curves:
            runs[path.parent.name] = curves
    if not runs:
        return None
    return Picture(
        learning_curves(runs),
        f"Loss and validation score of {len(runs)} training runs over the training steps",
        "The model that is kept is the one with the best score on the validation cells.",
    )


def _benchmark(project: Project) -> Picture | None:
    """Return the plot of the benchmark as that left it, or None where there was none."""
    path = project.benchmark_folder / "curve.png"
    if not path.is_file():
        return None
    return Picture(
        path.read_bytes(),
        "Scores on the test scenes by number of annotations, for every model of the benchmark",
        "Models that saw the same annotations, few and many. Left: their scores; right: with how many annotations each "
        "equals the baseline.",
    )
