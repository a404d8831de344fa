"""Segmenting one raster outside any project: probability on the raster's own grid.

The model works on its own lattice, fixed to the origin of the raster's reference system, so that the
same ground gives the same probability whichever file shows it. The result is then brought to the raster's pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import array_bounds
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window as PixelWindow

from bocage.grid import Grid, Window
from bocage.mapping.area import check_model
from bocage.mapping.lattice import Lattice
from bocage.mapping.tile import TileSettings, map_window

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.deliveries.image import Image
    from bocage.scenes.reader import SceneReader
    from bocage.scenes.scene import Scene
    from bocage.scenes.stretch import Method

_BLOCK = 2048  # rows of the raster whose validity is read at once
_WEB_MERCATOR = 3857  # its metres are not metres on the ground


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Probability of woody vegetation with its georeference.

    Attributes
    ----------
    probability
        (rows, columns), float32, 0..1, NaN where the raster holds no valid pixel.
    crs
        The coordinate reference system, as ``EPSG:32633`` or WKT.
    transform
        From (column, row) of a pixel's upper left corner to coordinates.
    """

    probability: NDArray[np.float32]
    crs: str
    transform: Affine


def segment_raster(
    path: Path | str,
    segmenter: Segmenter,
    *,
    bands: Sequence[str] | None = None,
    chip: int = 512,
    overlap: float = 0.25,
    batch_size: int = 4,
    stretch: Method | None = None,
    percentiles: tuple[float, float] | None = None,
) -> Segmentation:
    """Segment a georeferenced raster; the result lies on its own grid.

    Parameters
    ----------
    bands
        Names of the raster's bands in file order, where the file does not say them.
    chip, overlap, batch_size
        Edge of a chip in model pixels, the share of it that neighbours have in common, chips per batch.
    stretch, percentiles
        How the raster becomes bytes; as the model was trained where None. A raster that holds stretched bytes already
        wants "none", whatever the model.

    Raises
    ------
    SceneError
        If the raster is damaged, without georeference or near infrared, or its bands are unknown.
    ModelError
        If the model was trained for other bands.
    """
    from bocage.scenes import open_scene  # slow to import
    from bocage.scenes.deliveries.assembly import assemble
    from bocage.scenes.recognition import Rules, find_one, recognise_delivery

    delivery = find_one(path)
    image = assemble(delivery)
    grid = Grid(_metric(image), segmenter.resolution)
    check_model(segmenter, getattr(segmenter, "digest", "given")[:12], grid.resolution)
    settings = TileSettings(Lattice.of(chip, overlap, segmenter.multiple), batch_size)
    rules = Rules(
        segmenter.stretch if stretch is None else stretch,
        segmenter.percentiles if percentiles is None else percentiles,
    )
    scene = recognise_delivery(delivery, grid, rules, bands).scene
    with open_scene(scene, grid) as reader:
        lattice_probability, window = segment_reader(reader, segmenter, settings)
    probability = _onto(lattice_probability, grid, window, image.crs, image.transform, image.shape)
    _mask(scene, probability)
    return Segmentation(probability, image.crs, image.transform)


def segment_reader(
    reader: SceneReader, segmenter: Segmenter, settings: TileSettings
) -> tuple[NDArray[np.float32], Window]:
    """Segment all that an open scene shows.

    Returns
    -------
    probability, window
        (rows, columns), float32, NaN where invalid, on the reader's lattice; and the window it covers.
    """
    probability, valid = map_window(reader, reader.window, segmenter, settings)
    probability[~valid] = np.nan
    np.clip(probability, 0, 1, out=probability)
    return probability, reader.window


def _metric(image: Image) -> str:
    """Return the raster's own reference system if its units are metres on the ground, else the UTM zone there."""
    crs = CRS.from_user_input(image.crs)
    if crs.is_projected and crs.linear_units_factor[1] == 1.0 and crs.to_epsg() != _WEB_MERCATOR:
        return image.crs
    west, south, east, north = transform_bounds(crs, "EPSG:4326", *array_bounds(*image.shape, image.transform))
    zone = min(int(((west + east) / 2 + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if south + north >= 0 else 32700) + zone}"


def _onto(
    probability: NDArray[np.float32], grid: Grid, window: Window, crs: str, transform: Affine, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Bring probability on the lattice to the raster's own pixels: mean where they are coarser, bilinear else."""
    result = np.full(shape, np.nan, dtype=np.float32)
    coarser = abs(transform.a) > 1.5 * grid.resolution and crs == grid.crs
    reproject(
        probability,
        result,
        src_transform=grid.transform(window),
        src_crs=grid.crs,
        src_nodata=np.nan,
        dst_transform=transform,
        dst_crs=crs,
        dst_nodata=np.nan,
        init_dest_nodata=True,
        resampling=Resampling.average if coarser else Resampling.bilinear,
    )
    return result


def _mask(scene: Scene, probability: NDArray[np.float32]) -> None:
    """Set NaN where the raster itself is invalid: resampling must not carry probability over its edge.

    GDAL's own mask would not do: it takes the fourth band of a plain file for alpha, and knows nothing of NaN pixels.
    """
    from bocage.scenes.bands import band_indexes  # see above
    from bocage.scenes.deliveries.assembly import open_image
    from bocage.scenes.survey import valid_pixels

    indexes = band_indexes(scene.bands)
    with open_image(scene.image) as file:
        for first in range(0, file.height, _BLOCK):
            window = PixelWindow(0, first, file.width, min(_BLOCK, file.height - first))
            valid = valid_pixels(file, file.read(list(indexes), window=window), window, indexes)
            probability[first : first + _BLOCK][~valid] = np.nan
