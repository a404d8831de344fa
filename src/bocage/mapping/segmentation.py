"""Segmenting one raster outside any project: probability on the raster's own grid.

The model works on its own lattice, fixed to the origin of the raster's reference system, so that the
same ground gives the same probability whichever file shows it. The result is then brought to the raster's pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import reproject, transform_bounds

from bocage.errors import SceneError
from bocage.grid import Grid, Window
from bocage.mapping.area import check_model
from bocage.mapping.lattice import Lattice
from bocage.mapping.tile import TileSettings, map_window

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.scenes.reader import SceneReader

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
    **radiometry: Any,
) -> Segmentation:
    """Segment a georeferenced raster; the result lies on its own grid.

    Parameters
    ----------
    bands
        Names of the raster's bands in file order, where the file does not say them.
    chip, overlap, batch_size
        Edge of a chip in model pixels, the share of it that neighbours have in common, chips per batch.
    **radiometry
        ``stretch`` and ``percentiles``, passed to :func:`bocage.scenes.open_raster`.

    Raises
    ------
    SceneError
        If the raster is damaged, without georeference, or its bands are unknown.
    ModelError
        If the model was trained for other bands.
    """
    from bocage.scenes import open_raster  # slow to import

    path = Path(path)
    grid, crs, transform, shape = _frame(path, segmenter.resolution)
    check_model(segmenter, getattr(segmenter, "digest", "given")[:12], grid.resolution)
    settings = TileSettings(Lattice.of(chip, overlap, segmenter.multiple), batch_size)
    with open_raster(path, grid=grid, bands=bands, **radiometry) as reader:
        lattice_probability, window = segment_reader(reader, segmenter, settings)
    probability = _onto(lattice_probability, grid, window, crs, transform, shape)
    _mask(path, probability)
    return Segmentation(probability, crs, transform)


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


def _frame(path: Path, resolution: float) -> tuple[Grid, str, Affine, tuple[int, int]]:
    """Return the lattice to segment on, and the raster's own georeference."""
    try:
        with rasterio.open(path) as file:
            if file.crs is None:
                raise SceneError(f"{path} has no coordinate reference system", "assign one with gdal_edit.py -a_srs")
            west, south, east, north = transform_bounds(file.crs, "EPSG:4326", *file.bounds)
            grid = Grid(_metric(file.crs, (west + east) / 2, (south + north) / 2), resolution)
            return grid, _name(file.crs), file.transform, file.shape
    except RasterioError as error:
        raise SceneError(f"{path} cannot be opened as a raster: {error}", "deliver the file again") from error


def _metric(crs: CRS, longitude: float, latitude: float) -> str:
    """Return the raster's own reference system if its units are metres on the ground, else the UTM zone there."""
    if crs.is_projected and crs.linear_units_factor[1] == 1.0 and crs.to_epsg() != _WEB_MERCATOR:
        return _name(crs)
    zone = min(int((longitude + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def _name(crs: CRS) -> str:
    code = crs.to_epsg()
    return str(crs.to_wkt()) if code is None else f"EPSG:{code}"


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


def _mask(path: Path, probability: NDArray[np.float32]) -> None:
    """Set NaN where the raster itself is invalid: resampling must not carry probability over its edge."""
    with rasterio.open(path) as file:
        for first in range(0, file.height, _BLOCK):
            rows = (first, min(first + _BLOCK, file.height))
            mask = file.dataset_mask(window=(rows, (0, file.width)))
            probability[rows[0] : rows[1]][mask == 0] = np.nan
