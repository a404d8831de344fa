"""A scene as a STAC Item 1.1 and back: the form in which the catalogue keeps it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
from affine import Affine
from shapely import wkt
from shapely.geometry import mapping

from bocage import __version__
from bocage.errors import SceneError
from bocage.scenes.bands import OTHER
from bocage.scenes.footprint import polygonal, project_outline
from bocage.scenes.scene import Scene

_EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/view/v1.0.0/schema.json",
]
# A multihash begins with its algorithm (0x12: SHA-256) and its length (0x20: 32 bytes).
_SHA256 = "1220"
_LONGITUDES = "EPSG:4326"
# An Item needs a time; where the delivery has none, it gives the widest interval that is true.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def to_item(scene: Scene, grid_crs: str, folder: Path) -> pystac.Item:
    """Return the STAC Item of a scene.

    Parameters
    ----------
    scene
        A scene whose footprint is in ``grid_crs``.
    grid_crs
        CRS of the footprint.
    folder
        Paths of files inside this folder are written relative to it.

    Returns
    -------
    pystac.Item
        With ``proj:code`` (or ``proj:wkt2``) of the raster's own CRS, ``bocage:footprint`` as WKT in ``bocage:grid``,
        and ``bocage:stretch`` as (low, high) of red, green, blue, nir; without ``file:size`` where the raster is gone.
    """
    outline = project_outline(scene.footprint, grid_crs, _LONGITUDES, scene.id)
    state = _state(scene.path)
    # Of a raster that is gone only this is sure: it was taken before now.
    changed = datetime.now(UTC) if state is None else datetime.fromtimestamp(state.st_mtime, tz=UTC)
    code = scene.crs if scene.crs.startswith("EPSG:") else None
    properties: dict[str, Any] = {
        "gsd": scene.gsd,
        "bocage:sensor": scene.sensor,
        "bocage:stretch": [[low, high] for low, high in scene.stretch],
        "bocage:nodata": None if scene.nodata is None else repr(scene.nodata),
        "bocage:footprint": scene.footprint.wkt,
        "bocage:grid": grid_crs,
        "proj:code": code,
        "proj:wkt2": None if code else scene.crs,
        "proj:shape": list(scene.shape),
        "proj:transform": list(scene.transform)[:6],
        "processing:software": {"bocage": __version__},
        "view:sun_elevation": scene.sun_elevation,
        "view:sun_azimuth": scene.sun_azimuth,
        "view:off_nadir": scene.off_nadir,
        "eo:cloud_cover": scene.cloud_cover,
    }
    item = pystac.Item(
        id=scene.id,
        geometry=mapping(outline),
        bbox=list(outline.bounds),
        datetime=scene.acquired,
        start_datetime=None if scene.acquired else _FIRST,
        end_datetime=None if scene.acquired else changed,
        properties=properties,
        stac_extensions=list(_EXTENSIONS),
    )
    item.add_asset("data", _data_asset(scene, folder, state))
    if scene.clouds is not None:
        item.add_asset(
            "cloud-mask",
            pystac.Asset(
                href=_href(scene.clouds, folder),
                roles=["cloud", "metadata"],
                extra_fields={"file:checksum": _SHA256 + scene.clouds_digest},
            ),
        )
    return item


def _state(path: Path) -> os.stat_result | None:
    """Return size and time of a file, or None where it cannot be reached: the catalogue outlives its rasters."""
    try:
        return path.stat()
    except OSError:
        return None


def _data_asset(scene: Scene, folder: Path, state: os.stat_result | None) -> pystac.Asset:
    bands = [
        {"name": name, "eo:common_name": name} if name != OTHER else {"name": f"{OTHER}-{number}"}
        for number, name in enumerate(scene.bands, start=1)
    ]
    return pystac.Asset(
        href=_href(scene.path, folder),
        media_type=pystac.MediaType.COG if scene.path.suffix.lower() in {".tif", ".tiff"} else None,
        roles=["data"],
        extra_fields={
            "bands": bands,
            "data_type": scene.dtype,
            "raster:spatial_resolution": scene.gsd,
            "file:checksum": _SHA256 + scene.digest,
        }
        | ({} if state is None else {"file:size": state.st_size}),
    )


def _href(path: Path, folder: Path) -> str:
    absolute = path.absolute()
    return absolute.relative_to(folder).as_posix() if absolute.is_relative_to(folder) else absolute.as_posix()


def from_item(item: dict[str, Any], grid_crs: str, folder: Path) -> Scene:
    """Return the scene that an Item of :func:`to_item` describes; the inverse of it.

    Raises
    ------
    SceneError
        If the Item was not written by Bocage.
    """
    try:
        properties, data = item["properties"], item["assets"]["data"]
        clouds = item["assets"].get("cloud-mask")
        footprint = polygonal(wkt.loads(properties["bocage:footprint"]))
        if properties["bocage:grid"] != grid_crs:
            footprint = project_outline(footprint, properties["bocage:grid"], grid_crs, item["id"])
        nodata = properties.get("bocage:nodata")
        time = properties.get("datetime")
        return Scene(
            id=item["id"],
            path=folder / data["href"],
            sensor=properties["bocage:sensor"],
            bands=tuple(band.get("eo:common_name") or OTHER for band in data["bands"]),
            crs=properties.get("proj:code") or properties["proj:wkt2"],
            shape=(int(properties["proj:shape"][0]), int(properties["proj:shape"][1])),
            transform=Affine(*properties["proj:transform"]),
            gsd=float(properties["gsd"]),
            acquired=datetime.fromisoformat(time) if time else None,
            dtype=data["data_type"],
            nodata=None if nodata is None else float(nodata),
            stretch=tuple((float(low), float(high)) for low, high in properties["bocage:stretch"]),
            footprint=footprint,
            sun_elevation=properties.get("view:sun_elevation"),
            sun_azimuth=properties.get("view:sun_azimuth"),
            off_nadir=properties.get("view:off_nadir"),
            cloud_cover=properties.get("eo:cloud_cover"),
            digest=data["file:checksum"].removeprefix(_SHA256),
            clouds=folder / clouds["href"] if clouds else None,
            clouds_digest=clouds["file:checksum"].removeprefix(_SHA256) if clouds else "",
        )
    except (KeyError, TypeError, IndexError) as error:
        raise SceneError(
            f"the catalogue holds an Item that Bocage did not write ({item.get('id')}: {error})",
            "remove the catalogue and run the stage scenes again",
        ) from error
