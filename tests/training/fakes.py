"""A small project whose chips hold blobs of trees that differ from bright grass by texture, not by colour alone."""

from pathlib import Path

import cv2
import geopandas
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import box

from bocage.grid import Window
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.samples import Samples, chip_paths
from bocage.settings import RunSettings, Settings, TrainingSettings

EDGE = 96
SPLITS = ("train",) * 6 + ("validation",) * 2 + ("test",) * 2


def scenery(seed: int, edge: int = EDGE) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return an image (4, edge, edge) and its label, with an invalid corner."""
    rng = np.random.default_rng(seed)
    mask = cv2.GaussianBlur(rng.standard_normal((edge, edge)), (0, 0), 6) > 0.03
    image = rng.normal(110, 6, (4, edge, edge))
    image[3] += 60
    image[:, mask] += rng.normal(-45, 25, (4, int(mask.sum())))
    image[3][mask] += 30
    label = mask.astype(np.uint8)
    pixels = image.clip(1, 255).astype(np.uint8)
    pixels[:, :12, :12], label[:12, :12] = 0, 255
    return pixels, label


def build(folder: Path, runs: tuple[RunSettings, ...], splits: tuple[str, ...] = SPLITS) -> Project:
    """Write samples and chips of one scene per two chips; no other stage's files."""
    project = Project(folder, Settings(training=TrainingSettings(runs=runs)))
    rows = []
    for index, split in enumerate(splits):
        window = Window(index * EDGE, 0, EDGE, EDGE)
        image, label = scenery(index)
        name = f"cell{index}"
        image_path, label_path = chip_paths(project, name)
        write_cog(image_path, image, grid=project.grid, window=window, nodata=0)
        write_cog(label_path, label, grid=project.grid, window=window, nodata=255, overviews="mode")
        rows.append(
            {
                "sample_id": name,
                "cell_id": name,
                "scene_id": f"scene{index // 2}",
                "sensor": "GENERIC",
                "zone": "",
                "urban": False,
                "stratum": "all",
                "split": split,
                "probability": 1.0,
                "weight": 1.0,
                "column": window.column,
                "row": window.row,
                "width": window.width,
                "height": window.height,
                "valid_share": 1.0,
                "geometry": box(*project.grid.bounds(window).as_tuple()),
            }
        )
    Samples(geopandas.GeoDataFrame(rows, crs=project.grid.crs)).write(project.samples_file)
    return project


def short_run(**changes: object) -> RunSettings:
    """Return a run of a few small steps."""
    given: dict[str, object] = {
        "name": "slf",
        "steps": 6,
        "batch_size": 2,
        "crop": 64,
        "validate_every": 2,
        "learning_rate": 2e-3,
    }
    return RunSettings.model_validate(given | changes)


def hide_right_half(project: Project) -> Project:
    """Take the labels of the right half of every chip to train with, and return the project."""
    samples = Samples.read(project)
    for index, (name, window) in enumerate(zip(samples.table["sample_id"], samples.windows(), strict=True)):
        if samples.table["split"].iloc[index] == "train":
            label = scenery(index)[1]
            label[:, EDGE // 2 :] = 255
            write_cog(chip_paths(project, name)[1], label, grid=project.grid, window=window, nodata=255)
    return project
