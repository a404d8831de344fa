"""The document of a virtual raster: several files as the bands and tiles of one dataset.

The format is GDAL's VRT, https://gdal.org/en/stable/drivers/raster/vrt.html. Every text in it is escaped by the XML
library, so a name of a file cannot add to the document.
"""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

from bocage.scenes.deliveries.image import Image

_TYPES = {
    "uint8": "Byte",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}


def document(image: Image) -> str:
    """Return the document of an image whose hrefs are GDAL's names already.

    Each band copies its pixels from the files that hold it, at the place where they lie, without resampling.
    """
    rows, columns = image.shape
    root = Element("VRTDataset", rasterXSize=str(columns), rasterYSize=str(rows))
    SubElement(root, "SRS").text = image.crs
    SubElement(root, "GeoTransform").text = ", ".join(repr(float(value)) for value in image.transform.to_gdal())
    for band in range(1, image.count + 1):
        described = SubElement(root, "VRTRasterBand", dataType=_TYPES[image.dtype], band=str(band))
        if image.nodata is not None and _fits(image.nodata, image.dtype):
            SubElement(described, "NoDataValue").text = repr(float(image.nodata))
        for part in image.parts:
            if band not in part.bands:
                continue
            source = SubElement(described, "SimpleSource")
            SubElement(source, "SourceFilename", relativeToVRT="0").text = part.href
            SubElement(source, "SourceBand").text = str(part.bands.index(band) + 1)
            width, height = str(part.width), str(part.height)
            SubElement(source, "SrcRect", xOff="0", yOff="0", xSize=width, ySize=height)
            SubElement(source, "DstRect", xOff=str(part.column), yOff=str(part.row), xSize=width, ySize=height)
    return tostring(root, encoding="unicode")


def _fits(value: float, dtype: str) -> bool:
    """Say whether a pixel of that type can have the value; a declaration of another value means nothing."""
    if np.issubdtype(np.dtype(dtype), np.floating):
        return True
    limits = np.iinfo(dtype)
    return math.isfinite(value) and value == int(value) and limits.min <= value <= limits.max
