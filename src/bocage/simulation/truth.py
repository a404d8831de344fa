"""The exact truth of a landscape over an area: extent, type and height of every woody object, gathered by pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio.features
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import MultiPolygon, shape
from shapely.geometry.base import BaseGeometry

from bocage.files import whole_file
from bocage.grid import Grid
from bocage.rasters import write_cog
from bocage.simulation.extent import Raster
from bocage.simulation.kinds import Woody
from bocage.simulation.landscape import Landscape, Scenery

PIXEL = 2.0
_TREE = 3.0
_LINEAR = (Woody.HEDGE, Woody.TREE_LINE, Woody.DOUBLE_TREE_LINE, Woody.RIPARIAN)
_COLOURS = {
    Woody.HEDGE: (215, 245, 0), Woody.TREE_LINE: (150, 200, 0), Woody.DOUBLE_TREE_LINE: (90, 160, 0),
    Woody.GROVE: (0, 160, 80), Woody.SCRUB: (200, 170, 60), Woody.RIPARIAN: (0, 150, 200), Woody.FOREST: (121, 83, 43),
    Woody.ORCHARD: (220, 90, 120), Woody.GARDEN: (170, 90, 200), Woody.LONE_TREE: (0, 220, 160),
    Woody.VINEYARD: (140, 30, 90),
}  # fmt: skip


class Truth:
    """Gathers the truth of an area piece by piece.

    Attributes
    ----------
    raster
        The area at 2 m.
    woody, types, objects, height
        At 2 m: 1 where at least half of the pixel is under woody crowns; type and number of the tallest object there
        (0 elsewhere); its height in metres. Vineyards are in ``types`` and ``height`` but not in ``woody``.
    former_height
        At 2 m: height of the crowns that stood in 2018, metres.
    former_share
        At 5 m: per cent under woody crowns in 2018 that small woody features may hold (no forest, no orchard).
    tree_share, ground
        At 10 m: per cent under crowns of 3 m or more; cover of the ground (index into ``GROUNDS``).
    """

    def __init__(self, left: float, bottom: float, size: float) -> None:
        self.raster = Raster(left, bottom + size, round(size / PIXEL), round(size / PIXEL), PIXEL)
        fine, medium, coarse = self.raster.shape, self.at(5.0).shape, self.at(10.0).shape
        self.woody = np.zeros(fine, dtype=np.uint8)
        self.types = np.zeros(fine, dtype=np.uint8)
        self.objects = np.zeros(fine, dtype=np.int32)
        self.height = np.zeros(fine, dtype=np.float32)
        self.former_height = np.zeros(fine, dtype=np.float32)
        self.former_share = np.zeros(medium, dtype=np.uint8)
        self.tree_share = np.zeros(coarse, dtype=np.uint8)
        self.ground = np.zeros(coarse, dtype=np.uint8)
        self._length: dict[int, float] = {}

    def at(self, pixel: float) -> Raster:
        """Return the frame of the area at another pixel size."""
        return self.raster.at(pixel)

    def add(self, scenery: Scenery, core: Raster) -> None:
        """Take over the part of a scenery that lies on ``core``."""
        inner = scenery.raster.slices(core)
        height, objects, types = scenery.height[inner], scenery.objects[inner], scenery.types[inner]
        part = self.raster.slices(core.at(PIXEL))
        woody = _blocks(objects > 0, 2).sum(axis=2, dtype=np.uint8) >= 2
        stack = _blocks(height, 2)
        top = stack.argmax(axis=2)[..., np.newaxis]
        vines = ~woody & (_blocks(types == Woody.VINEYARD, 2).sum(axis=2) >= 2)
        self.woody[part] = woody
        self.types[part] = np.take_along_axis(_blocks(types, 2), top, 2)[..., 0] * woody + Woody.VINEYARD * vines
        self.objects[part] = np.take_along_axis(_blocks(objects, 2), top, 2)[..., 0] * woody
        self.height[part] = stack.max(axis=2) * woody + 1.7 * vines
        former, kind = scenery.former[inner], scenery.former_types[inner]
        self.former_height[part] = _blocks(former, 2).mean(axis=2)
        small = (former > 0) & ~np.isin(kind, (Woody.FOREST, Woody.ORCHARD))
        self.former_share[self.at(5.0).slices(core.at(5.0))] = _per_cent(small, 5)
        coarse = self.at(10.0).slices(core.at(10.0))
        self.tree_share[coarse] = _per_cent(height >= _TREE, 10)
        self.ground[coarse] = scenery.ground()[inner][5::10, 5::10]
        crowns = scenery.crowns[scenery.standing]
        here = (
            (crowns["x"] >= core.left) & (crowns["x"] < core.right)
            & (crowns["y"] > core.bottom) & (crowns["y"] <= core.top) & (crowns["step"] > 0)
        )  # fmt: skip
        numbers, inverse = np.unique(crowns["item"][here], return_inverse=True)
        for number, length in zip(numbers, np.bincount(inverse, weights=crowns["step"][here]), strict=False):
            self._length[int(number)] = self._length.get(int(number), 0.0) + float(length)

    def features(self, landscape: Landscape) -> geopandas.GeoDataFrame:
        """Return every woody object of the area with its exact extent on the 2 m lattice.

        Columns: ``object_id``, ``code``, ``type``, ``area_m2``, ``height_m`` (mean), ``height_max_m``, ``length_m`` (of
        the centre line, linear objects only), ``width_m`` (area by length; of a patch the diameter of the largest
        circle inside it), ``woody`` (false for vineyards) and ``geometry``.
        """
        numbers = self.objects.copy()
        vines, _ = ndimage.label(self.types == Woody.VINEYARD)
        first = int(numbers.max()) + 1
        numbers[vines > 0] = vines[vines > 0] + first
        parts: dict[int, list[BaseGeometry]] = {}
        for geometry, value in rasterio.features.shapes(numbers, mask=numbers > 0, transform=self.raster.transform):
            parts.setdefault(int(value), []).append(shape(geometry))
        index = np.array(sorted(parts))
        mean = ndimage.mean(self.height, numbers, index)
        most = ndimage.maximum(self.height, numbers, index)
        inside = ndimage.maximum(ndimage.distance_transform_edt(numbers > 0), numbers, index)
        rows = []
        for place, number in enumerate(index):
            polygon = MultiPolygon(parts[number]) if len(parts[number]) > 1 else parts[number][0]
            code = Woody.VINEYARD if number > first else landscape.find(int(number)).code
            length = self._length.get(int(number), 0.0) if code in _LINEAR else 0.0
            width = polygon.area / length if length else 2 * (float(inside[place]) - 0.5) * PIXEL
            rows.append(
                {
                    "object_id": int(number), "code": int(code), "type": code.name.lower(),
                    "area_m2": float(polygon.area), "height_m": round(float(mean[place]), 2),
                    "height_max_m": round(float(most[place]), 2), "length_m": round(length, 1),
                    "width_m": round(width, 2), "woody": code is not Woody.VINEYARD, "geometry": polygon,
                }
            )  # fmt: skip
        return geopandas.GeoDataFrame(rows, geometry="geometry", crs="EPSG:3035")

    def write(self, folder: Path, landscape: Landscape) -> None:
        """Write ``woody.tif``, ``types.tif``, ``height.tif`` and ``objects.gpkg``."""
        grid = Grid("EPSG:3035", PIXEL)
        window = grid.window(self.raster.bounds)
        write_cog(folder / "woody.tif", self.woody, grid=grid, window=window, nodata=255, overviews="nearest")
        colours = {int(code): colour for code, colour in _COLOURS.items()}
        write_cog(folder / "types.tif", self.types, grid=grid, window=window, colours=colours, overviews="nearest")
        write_cog(folder / "height.tif", np.round(self.height, 1), grid=grid, window=window)
        with whole_file(folder / "objects.gpkg") as temporary:
            self.features(landscape).to_file(temporary, driver="GPKG", layer="objects")


def _blocks(array: NDArray[Any], edge: int) -> NDArray[Any]:
    """Return (rows / edge, columns / edge, edge * edge) values of square groups of pixels."""
    rows, columns = array.shape[0] // edge, array.shape[1] // edge
    return array.reshape(rows, edge, columns, edge).swapaxes(1, 2).reshape(rows, columns, edge * edge)


def _per_cent(mask: NDArray[np.bool_], edge: int) -> NDArray[np.uint8]:
    rows, columns = mask.shape[0] // edge, mask.shape[1] // edge
    share = mask.reshape(rows, edge, columns, edge).mean(axis=(1, 3))
    return np.rint(share * 100).astype(np.uint8)
