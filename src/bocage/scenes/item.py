"""A scene as a STAC Item 1.1 and back: the form in which the catalogue keeps it.

STAC's own fields say what others want to know of a scene. What Bocage reads back is one text, ``bocage:scene``, beside
the outlines of the footprint and of the clouds: a catalogue of 40 000 scenes with hundreds of asset columns is then
opened by reading three of them, and no number passes through a column that another scene has given its type.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import shapely
from affine import Affine
from shapely.geometry import MultiPolygon, Polygon, mapping

from bocage import __version__
from bocage.errors import SceneError
from bocage.scenes.bands import BANDS, OTHER
from bocage.scenes.calibration import Calibration
from bocage.scenes.deliveries.image import Image, Part
from bocage.scenes.footprint import polygonal, project_outline
from bocage.scenes.scene import BandStatistics, Scene
from bocage.scenes.sensors import SENSORS

type Area = Polygon | MultiPolygon

_EXTENSIONS = "https://stac-extensions.github.io/{}/schema.json"
_ALWAYS = ("eo/v2.0.0", "processing/v1.2.0", "projection/v2.0.0", "raster/v2.0.0")
_LONGITUDES = "EPSG:4326"
# An Item needs a time; where the delivery has none, it gives an interval that is certainly true.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


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
        With ``proj:code`` (or ``proj:wkt2``) of the raster's own CRS, and in the CRS ``bocage:grid`` the outlines
        ``bocage:footprint`` and ``bocage:clouds`` as WKT and ``bocage:bounds``. ``bocage:stretch`` is (low, high) of
        red, green, blue and, where there is one, nir. The first raster file is the asset ``data``, the others are
        ``data-2`` and so on; ``raster:scale`` and ``raster:offset`` of a band give reflectance at the top of the
        atmosphere. A field of which nothing is known is left out.
    """
    outline = project_outline(scene.footprint, grid_crs, _LONGITUDES, scene.id)
    code = scene.crs if scene.crs.startswith("EPSG:") else None
    sensor = SENSORS.get(scene.sensor)
    view = {
        "view:sun_elevation": scene.sun_elevation,
        "view:sun_azimuth": scene.sun_azimuth,
        "view:off_nadir": scene.off_nadir,
        "view:azimuth": scene.view_azimuth,
    }
    properties: dict[str, Any] = {
        "gsd": scene.gsd,
        "platform": scene.platform or None,
        "instruments": [sensor.name] if sensor else None,
        "eo:cloud_cover": scene.cloud_cover,
        "processing:software": {"bocage": __version__},
        "proj:code": code,
        "proj:wkt2": None if code else scene.crs,
        "proj:shape": list(scene.shape),
        "proj:transform": list(scene.transform)[:6],
        **view,
        "bocage:sensor": scene.sensor,
        "bocage:stretch": [[low, high] for low, high in scene.stretch],
        "bocage:calibration": scene.calibration.source if scene.calibration else None,
        "bocage:valid_share": scene.valid_share,
        "bocage:saturated_share": scene.saturated_share,
        "bocage:digest": scene.digest,
        "bocage:grid": grid_crs,
        "bocage:bounds": list(scene.footprint.bounds),
        "bocage:footprint": _wkt(scene.footprint),
        "bocage:clouds": None if scene.clouds is None else _wkt(scene.clouds),
        "bocage:scene": scene_text(scene, folder),
    }
    alone = len(scene.image.parts) == 1
    seen = any(value is not None for value in view.values())
    # The schemas of these two want one of their fields at least.
    used = [*_ALWAYS, *(["view/v1.0.0"] if seen else []), *(["file/v2.1.0"] if alone else [])]
    item = pystac.Item(
        id=scene.id,
        geometry=mapping(shapely.set_precision(outline, 1e-7)),
        bbox=list(outline.bounds),
        datetime=scene.acquired,
        start_datetime=None if scene.acquired else _FIRST,
        end_datetime=None if scene.acquired else _LAST,
        properties={name: value for name, value in properties.items() if value is not None},
        stac_extensions=sorted(_EXTENSIONS.format(name) for name in used),
    )
    for key, asset in _assets(scene, folder):
        item.add_asset(key, asset)
    return item


def scene_text(scene: Scene, folder: Path) -> str:
    """Return all of a scene but its id, footprint and clouds as JSON, with paths relative to ``folder``."""
    image, calibration = scene.image, scene.calibration
    content = {
        "parts": [
            [_href(part.href, folder), part.row, part.column, part.height, part.width, list(part.bands)]
            for part in image.parts
        ],
        "shape": image.shape,
        "count": image.count,
        "dtype": image.dtype,
        # As text, since JSON knows no value that is not a number.
        "nodata": None if image.nodata is None else repr(image.nodata),
        "crs": image.crs,
        "transform": list(image.transform)[:6],
        "described": image.described,
        "sensor": scene.sensor,
        "platform": scene.platform,
        "bands": scene.bands,
        "gsd": scene.gsd,
        "acquired": scene.acquired.isoformat() if scene.acquired else None,
        "stretch": scene.stretch,
        "sun_elevation": scene.sun_elevation,
        "sun_azimuth": scene.sun_azimuth,
        "off_nadir": scene.off_nadir,
        "view_azimuth": scene.view_azimuth,
        "cloud_cover": scene.cloud_cover,
        "digest": scene.digest,
        "size": scene.size,
        "calibration": [calibration.scale, calibration.offset, calibration.source] if calibration else None,
        "saturation": scene.saturation,
        "mask_saturated": scene.mask_saturated,
        "statistics": [[band.minimum, band.maximum, band.mean, band.deviation] for band in scene.statistics],
        "valid_share": scene.valid_share,
        "saturated_share": scene.saturated_share,
        "documents": [_href(href, folder) for href in scene.documents],
        "quicklook": None if scene.quicklook is None else _href(str(scene.quicklook), folder),
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def scene_of_text(name: str, text: str, footprint: Area, clouds: Area | None, folder: Path) -> Scene:
    """Return the scene of a text of :func:`scene_text`.

    Raises
    ------
    SceneError
        If the text is not one.
    """
    try:
        content: dict[str, Any] = json.loads(text)
        content["parts"] = _parts(content["parts"], folder)
        nodata, time, quicklook = content.pop("nodata"), content.pop("acquired"), content.pop("quicklook")
        calibration = content.pop("calibration")
        image = Image(
            parts=content.pop("parts"),
            shape=(content["shape"][0], content.pop("shape")[1]),
            count=content.pop("count"),
            dtype=content.pop("dtype"),
            nodata=None if nodata is None else float(nodata),
            crs=content.pop("crs"),
            transform=Affine(*content.pop("transform")),
            described=content.pop("described"),
        )
        return Scene(
            id=name,
            image=image,
            footprint=footprint,
            clouds=clouds,
            acquired=datetime.fromisoformat(time) if time else None,
            stretch=tuple((low, high) for low, high in content.pop("stretch")),
            bands=tuple(content.pop("bands")),
            calibration=Calibration(tuple(calibration[0]), tuple(calibration[1]), calibration[2])
            if calibration
            else None,
            statistics=tuple(BandStatistics(*band) for band in content.pop("statistics")),
            documents=tuple(_place(href, folder) for href in content.pop("documents")),
            quicklook=Path(_place(quicklook, folder)) if quicklook else None,
            **content,
        )
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise _foreign(name, error) from error


def files_of_text(text: str, folder: Path) -> list[str]:
    """Return where the rasters and the metadata files of a text of :func:`scene_text` lie."""
    content = json.loads(text)
    return [_place(href, folder) for href in (*(part[0] for part in content["parts"]), *content["documents"])]


def from_item(item: dict[str, Any], grid_crs: str, folder: Path) -> Scene:
    """Return the scene that an Item of :func:`to_item` describes; the inverse of it.

    Raises
    ------
    SceneError
        If the Item was not written by Bocage.
    """
    name = str(item.get("id"))
    try:
        properties = item["properties"]
        own, clouds = properties["bocage:grid"], properties.get("bocage:clouds")
        return scene_of_text(
            name,
            properties["bocage:scene"],
            read_outline(properties["bocage:footprint"], own, grid_crs, name),
            read_outline(clouds, own, grid_crs, name) if clouds else None,
            folder,
        )
    except (KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise _foreign(name, error) from error


def _foreign(name: str, error: Exception) -> SceneError:
    return SceneError(
        f"the catalogue holds an Item that Bocage did not write ({name}: {error})",
        "remove the catalogue and run the stage scenes again",
    )


def _assets(scene: Scene, folder: Path) -> list[tuple[str, pystac.Asset]]:
    data = [_data_asset(scene, part, folder) for part in scene.image.parts]
    metadata = [pystac.Asset(_href(href, folder), roles=["metadata"]) for href in scene.documents]
    found = [*_numbered("data", data), *_numbered("metadata", metadata)]
    if scene.quicklook is not None:
        href = _href(str(scene.quicklook), folder)
        found.append(("thumbnail", pystac.Asset(href, media_type="image/jpeg", roles=["thumbnail"])))
    return found


def _numbered(name: str, assets: list[pystac.Asset]) -> list[tuple[str, pystac.Asset]]:
    return [(name if number == 1 else f"{name}-{number}", asset) for number, asset in enumerate(assets, start=1)]


def _data_asset(scene: Scene, part: Part, folder: Path) -> pystac.Asset:
    jpeg2000 = part.href.lower().endswith((".jp2", ".j2k"))
    fields: dict[str, Any] = {
        "bands": [_band_json(scene, number) for number in part.bands if number],
        "data_type": scene.image.dtype,
        "raster:spatial_resolution": scene.gsd,
    }
    if scene.nodata is not None and math.isfinite(scene.nodata):
        # STAC spells the others as text, and a column of the catalogue holds one type.
        fields["nodata"] = float(scene.nodata)
    if len(scene.image.parts) == 1:
        fields["file:size"] = scene.size
    return pystac.Asset(
        href=_href(part.href, folder),
        media_type=pystac.MediaType.JPEG2000 if jpeg2000 else pystac.MediaType.GEOTIFF,
        roles=["data", *(["reflectance"] if scene.calibration is not None else [])],
        extra_fields=fields,
    )


def _band_json(scene: Scene, number: int) -> dict[str, Any]:
    name = scene.bands[number - 1]
    if name == OTHER:
        return {"name": f"{OTHER}-{number}"}
    band: dict[str, Any] = {"name": name, "eo:common_name": name}
    place = [known for known in BANDS if known in scene.bands].index(name)
    if scene.statistics:
        found = scene.statistics[place]
        band["statistics"] = {
            "minimum": found.minimum, "maximum": found.maximum, "mean": found.mean, "stddev": found.deviation
        }  # fmt: skip
    if scene.calibration is not None:
        band["raster:scale"] = scene.calibration.scale[place]
        band["raster:offset"] = scene.calibration.offset[place]
    sensor = SENSORS.get(scene.sensor)
    if sensor is not None:
        low, high = sensor.wavelengths[name]
        band["eo:center_wavelength"] = round((low + high) / 2000, 4)
        band["eo:full_width_half_max"] = round((high - low) / 1000, 4)
    return band


def _parts(parts: list[list[Any]], folder: Path) -> tuple[Part, ...]:
    return tuple(
        Part(_place(href, folder), row, column, height, width, tuple(bands))
        for href, row, column, height, width, bands in parts
    )


def _href(href: str, folder: Path) -> str:
    """Return a path relative to ``folder`` where it lies inside; another path or a URL as it is."""
    return href.removeprefix(f"{folder}/")


def _place(href: str, folder: Path) -> str:
    return href if "://" in href or href.startswith("/") else f"{folder}/{href}"


def _wkt(geometry: shapely.Geometry) -> str:
    return str(shapely.to_wkt(geometry, rounding_precision=-1))


def read_outline(text: str, own_crs: str, grid_crs: str, name: str) -> Area:
    """Return the outline of a WKT text, brought from its own CRS to that of the grid.

    Raises
    ------
    SceneError
        If it cannot be brought there.
    """
    found: Area = shapely.from_wkt(text)
    # What was written was valid; checking it again takes longer than parsing it.
    if found.geom_type not in {"Polygon", "MultiPolygon"}:
        found = polygonal(found)
    return found if own_crs == grid_crs else project_outline(found, own_crs, grid_crs, name)
