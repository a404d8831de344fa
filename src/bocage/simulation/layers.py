"""Reference layers as the real ones are: coarser, older, smoother and wrong in their own ways."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform_bounds
from scipy import ndimage

from bocage.files import write_bytes
from bocage.grid import Grid
from bocage.rasters import cog_bytes, write_cog
from bocage.simulation.extent import Raster
from bocage.simulation.kinds import GROUNDS, Woody
from bocage.simulation.noise import grain_field, noise_field
from bocage.simulation.truth import Truth

CRS_NAME = "EPSG:3035"
_MERCATOR = "EPSG:3857"
_MERCATOR_PIXEL = 1.194328566955879
_NOT_SMALL = (Woody.FOREST, Woody.ORCHARD, Woody.VINEYARD)


def write_layers(folder: Path, truth: Truth, seed: int) -> tuple[Path, ...]:
    """Write the four reference layers of a landscape into ``folder``."""
    paths = tuple(folder / f"{name}.tif" for name in ("tcd", "swf", "chm", "cty"))
    frame = truth.raster
    for path, array, pixel, nodata in (
        (paths[0], tree_cover_density(truth, seed), 10.0, 255),
        (paths[1], small_woody_features(truth), 5.0, 255),
        (paths[3], crop_types(truth, seed), 10.0, 65535),
    ):
        grid = Grid(CRS_NAME, pixel)
        write_cog(path, array, grid=grid, window=grid.window(frame.bounds), nodata=nodata, overviews="nearest")
    heights, transform = to_mercator(canopy_height(truth, seed), frame)
    write_bytes(paths[2], cog_bytes(heights, _MERCATOR, transform, nodata=255))
    return paths


def tree_cover_density(truth: Truth, seed: int) -> NDArray[np.uint8]:
    """Return tree cover density at 10 m, per cent: smoothed, noisy, and blind to thin cover."""
    frame = truth.at(10.0)
    share = truth.tree_share.astype(np.float32)
    seen = cv2.GaussianBlur(share, (0, 0), 0.45)
    error = 7 * noise_field(seed + 110, frame, 130.0) + 5 * grain_field(seed + 111, frame)
    seen = np.where(seen > 4, seen + error, 0)
    seen[seen < 13] = 0
    return np.clip(np.rint(seen), 0, 100).astype(np.uint8)


def small_woody_features(truth: Truth) -> NDArray[np.uint8]:
    """Return SWF 2018 at 5 m: 1 where more than half of a pixel was woody in 2018, without forest, orchards, specks."""
    small = (truth.former_share > 50).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(small, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA] * 25
    span = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) * 5
    keep = (area >= 200) | (span >= 50)
    keep[0] = False
    return np.asarray(keep[labels], dtype=np.uint8)


def canopy_height(truth: Truth, seed: int) -> NDArray[np.float32]:
    """Return the canopy height that a model saw around 2019, on the 2 m frame of the truth, metres.

    Its mean absolute error over woody vegetation is about 2.8 m, as published for the global 1 m layer: it is smooth,
    too low over tall trees, and its errors are alike over tens of metres. Some low hedges are missed altogether.
    """
    frame = truth.raster
    top = truth.former_height
    smooth = cv2.GaussianBlur(top, (0, 0), 0.8)
    canopy = cv2.GaussianBlur((top > 0).astype(np.float32), (0, 0), 0.8)
    error = 5.3 * noise_field(seed + 120, frame, 55.0) + 3.2 * noise_field(seed + 121, frame, 17.0)
    error += grain_field(seed + 122, frame)
    height = smooth * 1.12 + error * np.minimum(canopy * 1.2, 1)
    missed = (top < 4.5) & (noise_field(seed + 123, frame, 90.0) > 0.3)
    height[missed] *= 0.3
    ghosts = noise_field(seed + 124, frame, 24.0) * noise_field(seed + 125, frame, 210.0)
    height += np.where((canopy < 0.05) & (ghosts > 0.5), (ghosts - 0.5) * 14, 0)
    height[height < 1] = 0
    return np.asarray(np.clip(height, 0, 60), dtype=np.float32)


def to_mercator(heights: NDArray[np.float32], frame: Raster) -> tuple[NDArray[np.uint8], Affine]:
    """Warp heights to Web Mercator at 1.2 m (nominal) and whole metres; 255 outside the area."""
    left, bottom, right, top = transform_bounds(CRS_NAME, _MERCATOR, frame.left, frame.bottom, frame.right, frame.top)
    step = _MERCATOR_PIXEL
    column, row = np.floor(left / step), np.floor(-top / step)
    shape = int(np.ceil(-bottom / step) - row), int(np.ceil(right / step) - column)
    transform = Affine(step, 0, column * step, 0, -step, -row * step)
    result = np.full(shape, 255, dtype=np.uint8)
    reproject(
        np.rint(heights).astype(np.uint8), result, src_transform=frame.transform, src_crs=CRS.from_string(CRS_NAME),
        dst_transform=transform, dst_crs=CRS.from_string(_MERCATOR), resampling=Resampling.nearest,
        dst_nodata=255, init_dest_nodata=True,
    )  # fmt: skip
    return result, transform


def crop_types(truth: Truth, seed: int) -> NDArray[np.uint16]:
    """Return crop types at 10 m: fields of 0.25 ha or more, one in twenty of another crop than it is; 0 elsewhere."""
    codes = np.array([ground.crop for ground in GROUNDS], dtype=np.uint16)
    crop = codes[truth.ground]
    crop[truth.tree_share > 60] *= np.isin(crop[truth.tree_share > 60], (2310,)).astype(np.uint16)
    result = np.zeros_like(crop)
    others = np.array([1110, 1150, 1320, 1430], dtype=np.uint16)
    frame = truth.at(10.0)
    for code in np.unique(crop[crop > 0]):
        labels, count = ndimage.label(crop == code)
        size = np.bincount(labels.ravel(), minlength=count + 1)
        mine = np.where(size >= 25, code, 0).astype(np.uint16)
        mine[0] = 0
        if code in others:
            # The field's own place decides whether it is mistaken, so that any window agrees.
            first = np.unique(labels, return_index=True)[1]
            luck = grain_field(seed + 130, frame).ravel()[first]
            mine[(luck > 0.9) & (mine > 0)] = others[(int(np.flatnonzero(others == code)[0]) + 1) % len(others)]
        result = np.maximum(result, mine[labels])
    return result
