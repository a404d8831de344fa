"""The cloud masks of a delivery: polygons under which nothing of the ground was seen."""

from __future__ import annotations

import io
import json
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from sqlite3 import DatabaseError
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.errors import CRSError
from shapely import MultiPolygon, Polygon
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from bocage.errors import SceneError
from bocage.scenes.cloudmask import read_cloud_gml
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.footprint import polygonal, project_outline
from bocage.scenes.projection import crs_text

_SQLITE = b"SQLite format 3\0"
_MEND = "deliver it as GeoJSON or GeoPackage with polygons"


def read_clouds(files: DeliveryFiles, names: Sequence[str], crs: str) -> Polygon | MultiPolygon | None:
    """Return the outline of all clouds of the masks in ``crs``, or None where they hold none.

    Parameters
    ----------
    files
        The files of the delivery.
    names
        The masks among them: GML as DIMAP delivers it, GeoJSON or GeoPackage.
    crs
        CRS of the result; a GML mask that states none is in it already.

    Raises
    ------
    SceneError
        If a file cannot be read or has no coordinate reference system.
    """
    found: list[Polygon | MultiPolygon] = []
    for name in names:
        if name.lower().endswith(".gml"):
            outline, own = read_cloud_gml(name, files.read(name))
        else:
            outline, own = _read_vector(files, name)
        if outline is not None:
            found.append(project_outline(outline, own or crs, crs, name))
    return polygonal(unary_union(found)) if found else None


def _read_vector(files: DeliveryFiles, name: str) -> tuple[Polygon | MultiPolygon | None, str | None]:
    content = files.read(name)
    try:
        shapes, crs = _shapes(content)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RuntimeError,
        ShapelyError,
        DatabaseError,
    ) as error:
        raise SceneError(f"the cloud mask {name} cannot be read: {error}", _MEND) from error
    if crs is None:
        raise SceneError(f"the cloud mask {name} has no coordinate reference system", "assign one")
    # An outline that crosses itself still says where the cloud is.
    areas = [polygonal(geometry) for geometry in shapes if geometry is not None and not geometry.is_empty]
    areas = [area for area in areas if not area.is_empty]
    if not areas:
        return None, None
    try:
        own = crs_text(rasterio.crs.CRS.from_user_input(crs))
    except CRSError as error:
        raise SceneError(f"the cloud mask {name} has a coordinate reference system that is not known", _MEND) from error
    return polygonal(unary_union(areas)), own


def _shapes(content: bytes) -> tuple[list[BaseGeometry | None], Any]:
    if content.startswith(_SQLITE):
        shapes, crs = _read_geopackage(content)
    elif content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        shapes, crs = _read_geojson(content)
    else:
        raise ValueError("it is neither GeoJSON nor a GeoPackage")
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise ValueError("it has points at infinity")
    return shapes, crs


def _read_geojson(content: bytes) -> tuple[list[BaseGeometry | None], str]:
    """Return geometries and CRS. Not read with GDAL, which asks any server that is named for the CRS."""
    data = json.loads(content.decode("utf-8-sig"))
    features = data["features"] if data["type"] == "FeatureCollection" else [data]
    found = [feature["geometry"] if feature["type"] == "Feature" else feature for feature in features]
    # RFC 7946 has no CRS but longitude and latitude; the GeoJSON of 2008, which GDAL still writes, names others.
    name = data["crs"]["properties"]["name"] if data.get("crs") else "OGC:CRS84"
    known = re.fullmatch(r"(?:urn:ogc:def:crs:)?(EPSG|OGC):[\d.]*:?(\d+|CRS84)", name)
    if known is None:
        raise ValueError(f"its coordinate reference system is {name!r}, not one of EPSG")
    return [shape(each) if each else None for each in found], f"{known[1]}:{known[2]}"


def _read_geopackage(content: bytes) -> tuple[list[BaseGeometry | None], Any]:
    import geopandas  # slow to import, and few scenes have such a mask

    with closing(sqlite3.connect(":memory:")) as base:
        base.deserialize(content)
        tables = base.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        base.execute("SELECT table_name FROM gpkg_contents")
    # Within GDAL a view or a virtual table can open other files and addresses; a spatial index cannot.
    for kind, table, sql in tables:
        virtual = kind == "table" and re.match(r"\s*CREATE\s+VIRTUAL", sql or "", re.IGNORECASE)
        index = virtual and re.match(r'CREATE VIRTUAL TABLE "?\w+"? USING rtree\(', sql)
        if kind == "view" or (virtual and not index):
            raise ValueError(f"it holds {table}, a {'view' if kind == 'view' else 'virtual table'}")
    frame = geopandas.read_file(io.BytesIO(content))
    return list(frame.geometry), frame.crs
