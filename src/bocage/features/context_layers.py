"""Opening the vector layers of ``[features.context]``: first their headers, then what lies near an area.

Whatever cannot be meant is refused in words: a file that is not there or no vector layer, points, a layer without a
coordinate reference system or without a feature, invalid polygons. Nothing of it is mended in silence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyogrio
import pyogrio.errors
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from bocage.errors import LayerError
from bocage.features.context import NAMES, SPAN, Context, Layer
from bocage.grid import Bounds
from bocage.project import Project
from bocage.settings.context import ContextSettings, Theme

_KINDS = {"LineString", "MultiLineString", "Polygon", "MultiPolygon"}
_TROUBLE = (
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError, pa.ArrowException,
    OSError, ProjError, CRSError, CPLE_BaseError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ContextFile:
    """One vector file.

    Attributes
    ----------
    path, stamp
        Where it lies; its size and time of change.
    crs
        Its coordinate reference system, as well-known text.
    bounds
        Left, bottom, right, top of all it holds, in that system; None where it holds nothing.
    """

    theme: Theme
    path: Path
    stamp: str
    crs: str
    bounds: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class ContextSources:
    """The layers of the context of a project, opened but not read.

    Attributes
    ----------
    files
        All files, theme by theme.
    distances
        By theme, the distance in metres within which a feature grows beside the thing.
    complete
        The themes whose files hold all there is.
    """

    files: tuple[ContextFile, ...]
    distances: dict[Theme, float]
    complete: tuple[Theme, ...] = ()

    @property
    def stamp(self) -> list[list[str]]:
        """What the features depend on: theme, file, its state, the distance, whether that is all."""
        return [
            [file.theme, str(file.path), file.stamp, str(self.distances[file.theme]), str(file.theme in self.complete)]
            for file in self.files
        ]

    def within(self, bounds: Bounds, crs: str) -> Context:
        """Read all that lies in a rectangle or near it.

        Raises
        ------
        LayerError
            If a file cannot be read or holds points, collections or invalid polygons there.
        """
        layers: dict[Theme, Layer] = {}
        around = Bounds(bounds.left - SPAN, bounds.bottom - SPAN, bounds.right + SPAN, bounds.top + SPAN)
        for theme in NAMES:
            own = [file for file in self.files if file.theme == theme]
            if own:
                shapes = [_read(file, around, crs) for file in own]
                extents = [around.as_tuple()] if theme in self.complete else [_extent(file, crs) for file in own]
                layers[theme] = Layer.of(np.concatenate(shapes), np.array(extents), self.distances[theme])
        return Context(layers)


def open_context(project: Project) -> ContextSources:
    """Open the vector layers that ``[features.context]`` names.

    Raises
    ------
    LayerError
        If a path names nothing, or a file is no vector layer of lines or polygons with a coordinate reference system.
    """
    given: ContextSettings = project.settings.features.context
    files: list[ContextFile] = []
    for theme in NAMES:
        for pattern in getattr(given, theme):
            paths = project.paths(pattern)
            if not paths or not all(path.is_file() for path in paths):
                raise LayerError(
                    f"no file is at {pattern!r}, which {theme} in [features.context] names",
                    "mend the path; a relative one starts at the project folder",
                )
            files += [_inspect(theme, path, may_be_empty=theme in given.complete) for path in paths]
    distances: dict[Theme, float] = {
        "streams": given.stream_distance, "roads": given.road_distance, "fields": given.field_distance,
        "built_up": given.built_up_distance,
    }  # fmt: skip
    return ContextSources(tuple(files), distances, given.complete)


def _inspect(theme: Theme, path: Path, *, may_be_empty: bool) -> ContextFile:
    try:
        if path.suffix == ".parquet":
            table = geopandas.read_parquet(path)
            crs, bounds, kinds = table.crs, tuple(table.total_bounds), set(table.geom_type.dropna())
        else:
            info = pyogrio.read_info(path, force_total_bounds=True, force_feature_count=True)
            crs, kinds = info["crs"], {str(info["geometry_type"]).removesuffix(" Z")}
            bounds = tuple(info["total_bounds"] or ()) if info["features"] else ()
        status = path.stat()
    except _TROUBLE as error:
        raise LayerError(
            f"{path}, which {theme} in [features.context] names, cannot be opened: {_first_line(error)}",
            "name a vector file such as a GeoPackage, or copy it again",
        ) from error
    if wrong := sorted(kinds - _KINDS - {"Unknown"}):
        raise LayerError(
            f"{path} holds {', '.join(wrong)}, and {theme} are lines or polygons",
            "name a layer of lines or polygons, or buffer the points",
        )
    empty = len(bounds) != 4 or not all(math.isfinite(value) for value in bounds)
    if empty and not may_be_empty:
        raise LayerError(
            f"{path} holds nothing",
            f"take it out of [features.context], or name {theme} in complete there if there is none in the area",
        )
    if crs is None:
        raise LayerError(f"{path} has no coordinate reference system", "save the layer with one")
    stamp, system = f"{status.st_size}-{status.st_mtime_ns}", CRS.from_user_input(crs).to_wkt()
    if empty:
        return ContextFile(theme, path, stamp, system, None)
    left, bottom, right, top = (float(value) for value in bounds)
    return ContextFile(theme, path, stamp, system, (left, bottom, right, top))


def _read(file: ContextFile, around: Bounds, crs: str) -> NDArray[np.object_]:
    if file.bounds is None:
        return np.zeros(0, object)
    try:
        own, target = CRS.from_wkt(file.crs), CRS.from_user_input(crs)
        bbox = transform_bounds(target, own, *around.as_tuple(), densify_pts=21)
        if file.path.suffix == ".parquet":
            table = geopandas.read_parquet(file.path).cx[bbox[0] : bbox[2], bbox[1] : bbox[3]]
        else:
            table = pyogrio.read_dataframe(file.path, columns=[], bbox=bbox)
        table = table[~(table.geometry.isna() | table.geometry.is_empty)].to_crs(crs)
    except _TROUBLE as error:
        raise LayerError(f"{file.path} cannot be read: {_first_line(error)}", "copy the file again") from error
    if wrong := sorted(set(table.geom_type) - _KINDS):
        raise LayerError(
            f"{file.path} holds {', '.join(wrong)}, and {file.theme} are lines or polygons",
            "name a layer of lines or polygons",
        )
    polygons = table.geometry[table.geom_type.isin(("Polygon", "MultiPolygon"))]
    if invalid := int((~polygons.is_valid).sum()):
        raise LayerError(
            f"{file.path} has {invalid} invalid polygons", "mend them, for instance with Fix geometries in QGIS"
        )
    shapes: NDArray[Any] = np.asarray(shapely.force_2d(table.geometry.to_numpy()), object)
    return shapes


def _extent(file: ContextFile, crs: str) -> tuple[float, float, float, float]:
    assert file.bounds is not None, "only a layer that is complete may be empty, and its extent is not asked for"
    left, bottom, right, top = file.bounds
    # A layer of a single straight line has a box without area.
    thin = 1e-9 * max(abs(left), abs(right), abs(bottom), abs(top), 1)
    box = (left - thin, bottom - thin, right + thin, top + thin)
    west, south, east, north = transform_bounds(CRS.from_wkt(file.crs), CRS.from_user_input(crs), *box, densify_pts=21)
    return float(west), float(south), float(east), float(north)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
