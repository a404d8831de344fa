"""Simulated deliveries: the counts of one take gathered piece by piece and written with a sidecar."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import rasterio.features
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from shapely import transform as transform_geometry
from shapely.geometry import Polygon, mapping, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from bocage.files import write_bytes, write_json
from bocage.rasters import cog_bytes
from bocage.simulation.extent import Raster
from bocage.simulation.reflectance import Image
from bocage.simulation.sensor import Take, observe

_LANDSCAPE_CRS = "EPSG:3035"
_CLOUDY = 0.25


class Delivery:
    """The counts of one take over its footprint; written as GeoTIFF with a STAC Item and, if cloudy, a cloud mask."""

    def __init__(self, take: Take, seed: int) -> None:
        self.take, self.seed = take, seed
        # A take that is delivered in another projection is sampled twice as finely first.
        self._pixel = take.family.sensor.gsd if take.crs == _LANDSCAPE_CRS else take.family.sensor.gsd / 2
        left, bottom, right, top = take.footprint.bounds
        step = take.family.sensor.gsd
        left, top = np.floor(left / step) * step, np.ceil(top / step) * step
        rows, columns = int(np.ceil((top - bottom) / self._pixel)), int(np.ceil((right - left) / self._pixel))
        self.raster = Raster(float(left), float(top), rows, columns, self._pixel)
        self._counts = np.zeros((4, rows, columns), dtype=np.uint16)

    def wants(self, core: Raster) -> bool:
        """Whether the take looks at a piece of the landscape."""
        return bool(self.take.footprint.intersects(core.bounds.polygon()))

    def add(self, image: Image, raster: Raster, core: Raster) -> None:
        """Observe one piece: ``image`` is the reflectance on ``raster``, which reaches beyond ``core``."""
        counts = observe(image, raster, core, self.take, self.seed, pixel=self._pixel)
        part = core.at(self._pixel)
        mask = inside(self.take.footprint, part)
        rows, columns = self.raster.slices(part)
        # A piece at the edge of the area may reach beyond the footprint's own frame.
        top, left = max(-rows.start, 0), max(-columns.start, 0)
        bottom = min(part.rows, self.raster.rows - rows.start)
        right = min(part.columns, self.raster.columns - columns.start)
        target = self._counts[:, rows.start + top : rows.start + bottom, columns.start + left : columns.start + right]
        target[:] = (counts * mask)[:, top:bottom, left:right]

    def write(self, folder: Path) -> Path:
        """Write the delivery into ``folder`` and return the path of its raster."""
        take, path = self.take, folder / f"{self.take.id}.tif"
        counts, transform = self._counts, self.raster.transform
        if take.crs != _LANDSCAPE_CRS:
            counts, transform = _projected(self._counts, self.raster, take)
        descriptions = take.family.sensor.bands if take.described else ()
        content = cog_bytes(counts, take.crs, transform, nodata=0, descriptions=descriptions)
        write_bytes(path, content)
        clouds = self._clouds()
        share = 0.0
        if clouds is not None:
            share = 100 * clouds.intersection(take.footprint).area / take.footprint.area
            outline = {
                "type": "Feature",
                "properties": {"kind": "cloud or shadow"},
                "geometry": mapping(_geographic(clouds)),
            }
            write_json(folder / f"{take.id}_clouds.geojson", {"type": "FeatureCollection", "features": [outline]})
        write_json(folder / f"{take.id}.json", _item(take, path, share, cloudy=clouds is not None))
        return path

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


def _projected(counts: NDArray[np.uint16], raster: Raster, take: Take) -> tuple[NDArray[np.uint16], Affine]:
    """Warp counts to the projection of the delivery, whose pixels lie on whole multiples of its pixel size."""
    step = take.family.sensor.gsd
    forward = _transformer(_LANDSCAPE_CRS, take.crs)
    outline = transform_geometry(
        take.footprint.segmentize(100), lambda points: np.column_stack(forward.transform(points[:, 0], points[:, 1]))
    )
    left, bottom, right, top = outline.bounds
    left, top = np.floor(left / step) * step, np.ceil(top / step) * step
    result = np.zeros((4, int(np.ceil((top - bottom) / step)), int(np.ceil((right - left) / step))), dtype=np.uint16)
    transform = Affine(step, 0, left, 0, -step, top)
    reproject(
        counts, result, src_transform=raster.transform, src_crs=CRS.from_string(_LANDSCAPE_CRS),
        dst_transform=transform, dst_crs=CRS.from_string(take.crs), src_nodata=0, dst_nodata=0,
        resampling=Resampling.bilinear,
    )  # fmt: skip
    return result, transform


@lru_cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def _geographic(outline: BaseGeometry) -> BaseGeometry:
    """Return an outline in longitude and latitude."""
    back = _transformer(_LANDSCAPE_CRS, "EPSG:4326")
    return transform_geometry(outline, lambda points: np.column_stack(back.transform(points[:, 0], points[:, 1])))


def _item(take: Take, path: Path, cloud_share: float, *, cloudy: bool) -> dict[str, object]:
    """Return the STAC Item of a delivery: what the raster cannot say."""
    outline = _geographic(take.footprint)
    bands = [{"name": name, "eo:common_name": name} for name in take.family.sensor.bands]
    assets: dict[str, object] = {
        "data": {
            "href": path.name,
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
            "bands": bands,
        }
    }
    if cloudy:
        assets["cloud-mask"] = {
            "href": f"{take.id}_clouds.geojson",
            "type": "application/geo+json",
            "roles": ["cloud"],
        }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
            "https://stac-extensions.github.io/view/v1.0.0/schema.json",
        ],
        "id": take.id,
        "geometry": mapping(outline),
        "bbox": list(outline.bounds),
        "properties": {
            "datetime": take.acquired.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "platform": take.platform,
            "gsd": take.family.sensor.gsd,
            "view:sun_azimuth": take.sun.azimuth,
            "view:sun_elevation": take.sun.elevation,
            "view:off_nadir": take.off_nadir,
            "eo:cloud_cover": round(cloud_share, 2),
            "bocage:sensor": take.family.sensor.code,
        },
        "links": [],
        "assets": assets,
    }
