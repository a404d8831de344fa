"""The raster files of one scene as one image.

GDAL's virtual raster does the work: parts that are cut into tiles, one file per band, or two files of three bands each
become one dataset, with the same windowed reading as a single file. The document is made in memory from what was
recognised, and names nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from affine import Affine


@dataclass(frozen=True, slots=True)
class Part:
    """One raster file and where it lies in the image.

    Attributes
    ----------
    href
        An absolute path, ``s3://bucket/key`` or ``/path/archive.zip!/member``.
    row, column
        The pixel of the image at which its upper-left pixel lies.
    height, width
        Its size in pixels.
    bands
        The bands of the image, counted from 1, that its own bands are, in its order; 0 for one that is left out.
    """

    href: str
    row: int
    column: int
    height: int
    width: int
    bands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """An image of one or more files on one pixel grid.

    Attributes
    ----------
    parts
        The files; together they hold every band of every pixel at most once.
    shape
        Rows and columns.
    count
        How many bands.
    dtype
        Data type that all parts share, as numpy names it.
    nodata
        The value that the files or the metadata declare as nodata, or None.
    crs
        Coordinate reference system, as ``EPSG:32631`` or WKT.
    transform
        Affine transform of the image.
    described
        Whether CRS, transform and nodata are those of the (single) file itself, so that it can be opened as it is.
    """

    parts: tuple[Part, ...]
    shape: tuple[int, int]
    count: int
    dtype: str
    nodata: float | None
    crs: str
    transform: Affine
    described: bool = True
