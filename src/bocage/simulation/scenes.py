"""What one take sees, gathered piece by piece, and made into a product that a layout can write."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.warp import Resampling, reproject
from shapely import transform as transform_geometry
from shapely.geometry import Polygon, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from bocage.simulation.deliveries.layouts import write_delivery
from bocage.simulation.deliveries.packaging import Packaging
from bocage.simulation.deliveries.product import TILE_EDGE, Product
from bocage.simulation.extent import Raster
from bocage.simulation.families import BAND_NAMES
from bocage.simulation.reflectance import Image
from bocage.simulation.sensor import Take, count, top_of_atmosphere

LANDSCAPE_CRS = "EPSG:3035"
_CLOUDY = 0.25


@dataclass(frozen=True, slots=True)
class SceneTruth:
    """What an instrument without noise would have seen.

    Attributes
    ----------
    reflectance
        (4, rows, columns) float32 at the top of the atmosphere: red, green, blue, nir; NaN outside the footprint.
    transform, crs
        The grid of the delivered image.
    """

    reflectance: NDArray[np.float32]
    transform: Affine
    crs: str


class Capture:
    """The image of one take over its footprint.

    Parameters
    ----------
    keep_truth
        Also keep the reflectance from which the numbers are made; it takes four times their memory.
    """

    def __init__(self, take: Take, seed: int, *, keep_truth: bool = False) -> None:
        self.take, self.seed = take, seed
        # A take that is delivered in another projection is sampled twice as finely first.
        self._pixel = take.family.sensor.gsd if take.crs == LANDSCAPE_CRS else take.family.sensor.gsd / 2
        left, bottom, right, top = take.footprint.bounds
        step = take.family.sensor.gsd
        left, top = np.floor(left / step) * step, np.ceil(top / step) * step
        rows, columns = int(np.ceil((top - bottom) / self._pixel)), int(np.ceil((right - left) / self._pixel))
        self.raster = Raster(float(left), float(top), rows, columns, self._pixel)
        self._numbers = np.zeros((len(take.channels), rows, columns), dtype=np.uint16)
        self._seen = np.full((len(BAND_NAMES), rows, columns), np.nan, dtype=np.float32) if keep_truth else None

    def wants(self, core: Raster) -> bool:
        """Whether the take looks at a piece of the landscape."""
        return bool(self.take.footprint.intersects(core.bounds.polygon()))

    def add(self, image: Image, raster: Raster, core: Raster) -> None:
        """Observe one piece: ``image`` is the reflectance on ``raster``, which reaches beyond ``core``."""
        seen = top_of_atmosphere(image, raster, core, self.take, self.seed, pixel=self._pixel)
        numbers = count(seen, core, self.take, self.seed, pixel=self._pixel)
        part = core.at(self._pixel)
        mask = inside(self.take.footprint, part)
        rows, columns = self.raster.slices(part)
        # A piece at the edge of the area may reach beyond the footprint's own frame.
        top, left = max(-rows.start, 0), max(-columns.start, 0)
        bottom = min(part.rows, self.raster.rows - rows.start)
        right = min(part.columns, self.raster.columns - columns.start)
        source = (slice(None), slice(top, bottom), slice(left, right))
        target = (
            slice(None),
            slice(rows.start + top, rows.start + bottom),
            slice(columns.start + left, columns.start + right),
        )
        self._numbers[target] = (numbers * mask)[source]
        if self._seen is not None:
            self._seen[target] = np.where(mask > 0, seen, np.float32(np.nan))[source]

    def product(self, *, tile_edge: int = TILE_EDGE) -> Product:
        """Return the product, in the projection in which it is delivered."""
        take = self.take
        numbers, transform = self._numbers, self.raster.transform
        if take.crs != LANDSCAPE_CRS:
            transform, size = _grid(take)
            numbers = np.zeros((len(self._numbers), *size), dtype=np.uint16)
            _warp(self._numbers, self.raster, numbers, transform, take, nodata=0)
        clouds = self._clouds()
        share = 0.0
        if clouds is not None:
            share = 100 * clouds.intersection(take.footprint).area / take.footprint.area
            clouds = _projected(clouds, take.crs)
        return Product(take, numbers, transform, take.crs, clouds, share, tile_edge)

    def truth(self) -> SceneTruth:
        """Return what the numbers were made from, on the grid of the product."""
        assert self._seen is not None, "only a capture that keeps it has a truth"
        seen, transform = self._seen, self.raster.transform
        if self.take.crs != LANDSCAPE_CRS:
            transform, size = _grid(self.take)
            seen = np.full((len(BAND_NAMES), *size), np.nan, dtype=np.float32)
            _warp(self._seen, self.raster, seen, transform, self.take, nodata=np.nan)
        order = [BAND_NAMES.index(name) for name in ("red", "green", "blue", "nir")]
        return SceneTruth(seen[order], transform, self.take.crs)

    def write(self, folder: Path, *, packaging: Packaging = "folder", tile_edge: int = TILE_EDGE) -> Path:
        """Write the delivery below ``folder`` and return its folder or archive, which has the name of the take."""
        return write_delivery(folder, self.product(tile_edge=tile_edge), packaging=packaging)

    def _clouds(self) -> BaseGeometry | None:
        """Return the outline of cloud and cloud shadow, or None for a clear take."""
        if self.take.cloud is None:
            return None
        frame = self.raster.at(self._pixel)
        hidden = self.take.cloud.cover(self.seed, frame)
        hidden = np.maximum(hidden, self.take.cloud.shadow(self.seed, frame, self.take.sun))
        thick = cv2.dilate((hidden > _CLOUDY).astype(np.uint8), np.ones((5, 5), np.uint8))
        parts = [shape(part) for part, _ in rasterio.features.shapes(thick, mask=thick > 0, transform=frame.transform)]
        return unary_union(parts).simplify(self._pixel)


def inside(footprint: Polygon, raster: Raster) -> NDArray[np.uint8]:
    """Return 1 for the pixels of a raster whose centre lies in a footprint."""
    points = raster.to_pixels(np.array(footprint.exterior.coords))
    x, y = np.arange(raster.columns), np.arange(raster.rows)[:, np.newaxis]
    result = np.ones(raster.shape, dtype=np.uint8)
    # The footprint is convex: a pixel is inside when it lies on the same side of every edge.
    turn = 1 if footprint.exterior.is_ccw else -1
    for (x0, y0), (x1, y1) in pairwise(points):
        result &= (turn * ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) <= 1e-6).astype(np.uint8)
    return result


def _grid(take: Take) -> tuple[Affine, tuple[int, int]]:
    """Return the grid of a delivery in another projection; its pixels lie on whole multiples of the pixel size."""
    step = take.family.sensor.gsd
    left, bottom, right, top = _projected(take.footprint.segmentize(100), take.crs).bounds
    left, top = np.floor(left / step) * step, np.ceil(top / step) * step
    size = int(np.ceil((top - bottom) / step)), int(np.ceil((right - left) / step))
    return Affine(step, 0, float(left), 0, -step, float(top)), size


def _warp(
    source: NDArray[np.generic],
    raster: Raster,
    target: NDArray[np.generic],
    transform: Affine,
    take: Take,
    *,
    nodata: float,
) -> None:
    """Warp an image of the landscape's projection to that of the delivery, in place."""
    reproject(
        source, target, src_transform=raster.transform, src_crs=CRS.from_string(LANDSCAPE_CRS),
        dst_transform=transform, dst_crs=CRS.from_string(take.crs), src_nodata=nodata, dst_nodata=nodata,
        resampling=Resampling.bilinear,
    )  # fmt: skip


@lru_cache
def _transformer(target: str) -> Transformer:
    return Transformer.from_crs(LANDSCAPE_CRS, target, always_xy=True)


def _projected(outline: BaseGeometry, crs: str) -> BaseGeometry:
    if crs == LANDSCAPE_CRS:
        return outline
    forward = _transformer(crs)
    return transform_geometry(outline, lambda points: np.column_stack(forward.transform(points[:, 0], points[:, 1])))
