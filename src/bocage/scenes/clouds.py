"""The cloud masks of a delivery: polygons under which nothing of the ground was seen."""

from __future__ import annotations

import io
from collections.abc import Sequence

import rasterio
from rasterio.errors import CRSError
from shapely import MultiPolygon, Polygon
from shapely.ops import unary_union

from bocage.errors import SceneError
from bocage.scenes.cloudmask import read_cloud_gml
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.footprint import polygonal, project_outline
from bocage.scenes.projection import crs_text

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
    import geopandas  # slow to import, and few scenes have such a mask

    try:
        frame = geopandas.read_file(io.BytesIO(files.read(name)))
    except (OSError, ValueError, RuntimeError) as error:
        raise SceneError(f"the cloud mask {name} cannot be read: {error}", _MEND) from error
    if frame.crs is None:
        raise SceneError(f"the cloud mask {name} has no coordinate reference system", "assign one")
    shapes = [geometry for geometry in frame.geometry if geometry is not None and not geometry.is_empty]
    if not shapes:
        return None, None
    try:
        own = crs_text(rasterio.crs.CRS.from_user_input(frame.crs))
    except CRSError as error:
        raise SceneError(f"the cloud mask {name} has a coordinate reference system that is not known", _MEND) from error
    return polygonal(unary_union(shapes)), own
