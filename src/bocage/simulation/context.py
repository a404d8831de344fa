"""What features grow beside in a landscape: streams, roads and tracks, fields, plots of villages, as vectors."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from bocage.files import whole_file
from bocage.simulation.cell import Layer, Surface
from bocage.simulation.extent import Raster
from bocage.simulation.landscape import Landscape

_CRS = "EPSG:3035"
# Plots part at hedges and paths; what lies this near to one is village, too (m).
_BETWEEN_PLOTS = 5.0

type Shapes = NDArray[np.object_]


def context_of(landscape: Landscape, extent: Raster) -> dict[str, Shapes]:
    """Return the lines of ``streams`` and ``roads`` and the polygons of ``fields`` and ``built_up`` near an extent.

    They are as the landscape laid them: whole lines and parcels, which reach beyond the extent.
    """
    surfaces = [surface for cell in landscape.cells(extent) for surface in cell.surfaces]
    plots = shapely.buffer(_areas(surfaces, Layer.PLOT), _BETWEEN_PLOTS)
    return {
        "streams": _lines(surfaces, Layer.WATER),
        "roads": _lines(surfaces, Layer.ROAD, Layer.TRACK),
        "fields": _areas(surfaces, Layer.FIELD),
        "built_up": _polygons(shapely.get_parts(shapely.union_all(plots))),
    }


def write_context(folder: Path, landscape: Landscape, extent: Raster) -> None:
    """Write ``streams.gpkg``, ``roads.gpkg``, ``fields.gpkg`` and ``built_up.gpkg``."""
    for name, shapes in context_of(landscape, extent).items():
        kind = "LineString" if name in {"streams", "roads"} else "Polygon"
        with whole_file(folder / f"{name}.gpkg") as temporary:
            table = geopandas.GeoDataFrame(geometry=list(shapes), crs=_CRS)
            table.to_file(temporary, driver="GPKG", layer=name, geometry_type=kind)


def _lines(surfaces: list[Surface], *layers: Layer) -> Shapes:
    found = [shapely.linestrings(item.points) for item in surfaces if item.layer in layers and item.width]
    return np.array(found, object)


def _areas(surfaces: list[Surface], layer: Layer) -> Shapes:
    found = [shapely.polygons(item.points) for item in surfaces if item.layer is layer and not item.width]
    return _polygons(shapely.get_parts(shapely.make_valid(np.array(found, object))))


def _polygons(shapes: Shapes) -> Shapes:
    polygon = 3
    return np.asarray(shapes[shapely.get_type_id(shapes) == polygon], object)
