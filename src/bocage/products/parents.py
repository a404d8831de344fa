"""The parent-scene layer (PSIL): which scene each part of the map was made from, by the receipts of the tiles.

A row is a scene that at least one tile used, on the ground on which it was used: its footprint of valid pixels within
those tiles, without its clouds. Scenes overlap, and so do rows. The columns are those of Annex I of the user manual as
far as a scene of any origin has them (``id``, ``product_id``, ``product_na``, ``acq_year``, ``satellite``, ``mission``,
``area_ref``, ``area_prod``, ``cell_id_li``); those about orders and deliveries at the data warehouse are left out. Ours
are ``acquired``, ``sha256`` and ``used_km2``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from bocage.grid import Grid
from bocage.products.mosaic import MappedTile
from bocage.scenes import Catalogue
from bocage.scenes.footprint import polygonal
from bocage.scenes.scene import Scene

_COLUMNS: Mapping[str, str] = {
    "id": "int32",
    "product_id": "str",
    "product_na": "str",
    "acq_year": "Int16",
    "acquired": "str",
    "satellite": "str",
    "mission": "str",
    "area_ref": "float64",
    "area_prod": "float64",
    "used_km2": "float64",
    "cell_id_li": "str",
    "sha256": "str",
}


def parent_scenes(mosaic: Sequence[MappedTile], catalogue: Catalogue | None, grid: Grid) -> gpd.GeoDataFrame:
    """Return the scenes that the tiles used, ordered by name.

    Parameters
    ----------
    catalogue
        Where footprints, dates and satellites stand. A scene that is no longer in it has the tiles themselves as its
        ground, and no further columns.

    Returns
    -------
    geopandas.GeoDataFrame
        ``area_prod`` is the area of valid pixels of the scene, ``area_ref`` that without clouds and ``used_km2`` the
        ground of the row, in km2; ``cell_id_li`` names the tiles, with commas; ``sha256`` is the digest by which the
        receipts name the content of the scene.
    """
    tiles: dict[str, list[MappedTile]] = {}
    for mapped in mosaic:
        for name in mapped.scenes:
            tiles.setdefault(name, []).append(mapped)
    known = set() if catalogue is None else set(catalogue.ids)
    rows, shapes = [], []
    for index, name in enumerate(sorted(tiles), start=1):
        scene = catalogue.scene(name) if catalogue is not None and name in known else None
        ground = shapely.union_all([grid.bounds(mapped.tile.window).polygon() for mapped in tiles[name]])
        if scene is not None:
            ground = polygonal(shapely.intersection(ground, scene.footprint))
            if scene.clouds is not None:  # pixels under clouds are not read
                ground = polygonal(shapely.difference(ground, scene.clouds))
        if ground.is_empty:
            continue
        shapes.append(ground)
        rows.append(_row(index, name, scene, ground, tiles[name]))
    table = {column: [row.get(column) for row in rows] for column in _COLUMNS}
    return gpd.GeoDataFrame(table, geometry=shapes, crs=grid.crs).astype(dict(_COLUMNS))


def _row(index: int, name: str, scene: Scene | None, ground: BaseGeometry, tiles: list[MappedTile]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": index,
        "product_id": name,
        "used_km2": ground.area / 1e6,
        "cell_id_li": ",".join(mapped.tile.id for mapped in tiles),
        "sha256": tiles[0].scenes[name],
    }
    if scene is None:
        return row
    clear = scene.footprint if scene.clouds is None else shapely.difference(scene.footprint, scene.clouds)
    return row | {
        "product_na": scene.image.parts[0].href.rpartition("/")[2],
        "acq_year": None if scene.acquired is None else scene.acquired.year,
        "acquired": None if scene.acquired is None else f"{scene.acquired:%Y-%m-%dT%H:%M:%SZ}",
        "satellite": scene.platform or None,
        "mission": scene.sensor,
        "area_ref": clear.area / 1e6,
        "area_prod": scene.footprint.area / 1e6,
    }
