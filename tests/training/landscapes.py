"""A project of a few small scenes without labels: fields and trees of one landscape, with an invalid corner each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from bocage.project import Project
from bocage.scenes import catalogue_scenes
from bocage.settings import PretrainingSettings, SamplesSettings, ScenesSettings, Settings
from tests.training.fakes import scenery

EAST, NORTH = 4_000_000.0, 3_000_000.0
EDGE = 128
SMALL: dict[str, Any] = {"steps": 6, "batch_size": 2, "crop": 64, "validate_every": 2}


def write_scene(
    path: Path,
    seed: int,
    *,
    corner: tuple[float, float] = (EAST, NORTH),
    crs: str = "EPSG:3035",
    edge: int = EDGE,
    pixel: float = 2.0,
) -> NDArray[np.uint8]:
    """Write a scene whose upper left corner is given, and return its pixels."""
    image, _ = scenery(seed, edge)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=edge, height=edge, count=4, dtype="uint8", nodata=0, crs=crs,
        transform=Affine(pixel, 0, corner[0], 0, -pixel, corner[1]),
    ) as file:  # fmt: skip
        file.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]
        file.write(image)
    return image


def build(
    folder: Path, count: int = 12, samples: SamplesSettings | None = None, corners: Sequence[int] = (), **changes: Any
) -> Project:
    """Write scenes in a row, a scene's width apart, and catalogue them.

    Parameters
    ----------
    corners
        Where each scene begins, in pixels from the first; by default none touches another.
    """
    settings = Settings(
        scenes=ScenesSettings(paths=("scenes/*.tif",), bands=("red", "green", "blue", "nir"), stretch="none"),
        samples=samples or SamplesSettings(split="scenes"),
        pretraining=PretrainingSettings.model_validate(SMALL | changes),
    )
    project = Project(folder, settings)
    for number in range(count):
        start = corners[number] if corners else 2 * number * EDGE
        write_scene(folder / "scenes" / f"scene_{number:02d}.tif", number, corner=(EAST + 2 * start, NORTH))
    if count:
        assert not catalogue_scenes(project).refused
    return project
