"""A raster of heights in which 0 is no height: canopy height v2 writes 0 also where nothing was ever imaged.

A dataset has one nodata value, and a mean over the pixels of a raster leaves out that one only. So the raster is shown
through a virtual one that copies all but the zeros and has the nodata value in their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import Element, SubElement, tostring

import rasterio


@contextmanager
def without_zeros(source: rasterio.DatasetReader, name: str, absent: float) -> Iterator[rasterio.DatasetReader]:
    """Show an open raster of one band with ``absent``, its nodata value, in the place of every 0.

    Parameters
    ----------
    name
        Under which GDAL opens it.

    Raises
    ------
    rasterio.errors.RasterioError
        If it cannot be opened again.
    """
    rows, columns = str(source.height), str(source.width)
    root = Element("VRTDataset", rasterXSize=columns, rasterYSize=rows)
    SubElement(root, "SRS").text = source.crs.to_wkt()
    SubElement(root, "GeoTransform").text = ", ".join(repr(float(value)) for value in source.transform.to_gdal())
    band = SubElement(root, "VRTRasterBand", dataType="Float32", band="1")
    SubElement(band, "NoDataValue").text = repr(absent)
    # A pixel that the source marks is not copied, and the band holds its own nodata value there.
    part = SubElement(band, "ComplexSource")
    SubElement(part, "SourceFilename", relativeToVRT="0").text = name
    SubElement(part, "SourceBand").text = "1"
    for place in ("SrcRect", "DstRect"):
        SubElement(part, place, xOff="0", yOff="0", xSize=columns, ySize=rows)
    SubElement(part, "NODATA").text = "0"
    with rasterio.open(tostring(root, encoding="unicode"), driver="VRT") as shown:
        yield shown
