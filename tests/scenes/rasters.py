"""Small rasters for the tests of this room."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from bocage.scenes import BANDS


def write_raster(
    path: Path,
    pixels: NDArray[np.generic],
    *,
    crs: str | None = "EPSG:3035",
    transform: Affine | None = None,
    nodata: float | None = 0,
    names: Sequence[str] | None = BANDS,
    mask: NDArray[np.bool_] | None = None,
    driver: str = "GTiff",
    **options: Any,
) -> Path:
    """Write a GeoTIFF of (bands, rows, columns)."""
    transform = transform or Affine(2, 0, 4_000_000, 0, -2, 3_000_000)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path,
            "w",
            driver=driver,
            count=len(pixels),
            height=pixels.shape[1],
            width=pixels.shape[2],
            dtype=pixels.dtype,
            crs=crs,
            transform=transform,
            nodata=nodata,
            **options,
        ) as file,
    ):
        file.write(pixels)
        for index, name in enumerate(names or (), start=1):
            file.set_band_description(index, name)
        if mask is not None:
            file.write_mask(mask)
    return path


def write_sidecar(raster: Path, bands: Sequence[str] | None = None, **properties: Any) -> Path:
    """Write the STAC Item beside a raster; ``clouds`` names a cloud mask."""
    clouds = properties.pop("clouds", None)
    asset: dict[str, Any] = {"href": raster.name}
    if bands is not None:
        asset["bands"] = [{"name": name, "eo:common_name": name} for name in bands]
    assets = {"data": asset} | ({"cloud-mask": {"href": clouds}} if clouds else {})
    path = raster.with_suffix(".json")
    path.write_text(
        json.dumps(
            {
                "type": "Feature",
                "stac_version": "1.1.0",
                "id": raster.stem,
                "properties": {"datetime": None, **properties},
                "assets": assets,
            }
        )
    )
    return path


def noise(rows: int, columns: int, *, seed: int = 0, low: int = 1, high: int = 255, dtype: str = "uint8") -> Any:
    """Return four bands of random values."""
    return np.random.default_rng(seed).integers(low, high, (4, rows, columns)).astype(dtype)
