"""The cloud mask of a delivery: polygons under which nothing of the ground was seen."""

from __future__ import annotations

from pathlib import Path

import rasterio
from shapely import MultiPolygon, Polygon
from shapely.ops import unary_union

from bocage.errors import SceneError
from bocage.scenes.footprint import polygonal, project_outline
from bocage.scenes.projection import crs_text


def read_clouds(path: Path, crs: str) -> Polygon | MultiPolygon | None:
    """Return the outline of all clouds of a mask in ``crs``, or None where the mask holds none.

    Raises
    ------
    SceneError
        If the file cannot be read or has no coordinate reference system.
    """
    import geopandas  # slow to import, and few scenes have clouds

    try:
        frame = geopandas.read_file(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise SceneError(
            f"the cloud mask {path} cannot be read: {error}", "deliver it as GeoJSON or GeoPackage with polygons"
        ) from error
    if frame.crs is None:
        raise SceneError(f"the cloud mask {path} has no coordinate reference system", "assign one")
    shapes = [geometry for geometry in frame.geometry if geometry is not None and not geometry.is_empty]
    if not shapes:
        return None
    own = crs_text(rasterio.crs.CRS.from_user_input(frame.crs))
    return project_outline(polygonal(unary_union(shapes)), own, crs, str(path))
