"""The text by which a scene's coordinate reference system is known."""

from __future__ import annotations

import rasterio


def crs_text(crs: rasterio.crs.CRS) -> str:
    """Return ``EPSG:code`` where the CRS has a code, else its WKT."""
    code = crs.to_epsg(confidence_threshold=100)
    return f"EPSG:{code}" if code else str(crs.to_wkt(version="WKT2_2019"))
