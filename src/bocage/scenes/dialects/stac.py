"""STAC Items (1.0 and 1.1): what describes any georeferenced image, beside it or naming it.

``scene.tif`` may have a ``scene.json`` in its folder, and an Item may name its files itself: the asset ``data``, or all
assets with the role ``data``, as one file with all bands or one file per band. Asset ``cloud-mask`` may name a GeoJSON
or GeoPackage of polygons (clouds and their shadows) whose pixels are invalid. Files are named relative to the Item, in
its folder or below, or by an ``s3://`` URL. ``bocage:sensor`` names a sensor of the table where ``platform`` does not,
and ``bocage:saturation`` is the digital number from which on a pixel is saturated.
Where the assets have the role ``reflectance``, ``raster:scale`` and ``raster:offset`` of a band make reflectance of its
numbers.
"""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from bocage.errors import MetadataError
from bocage.scenes import documents
from bocage.scenes.bands import OTHER, common_name
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.documents import relative_name, safe_name
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata
from bocage.scenes.sensors import GENERIC, SENSORS

NAME = "stac"
"""Name of this dialect in :attr:`ProductMetadata.dialect`."""

SATURATION = "bocage:saturation"
"""The property of an Item with the digital number of a saturated pixel."""

_MEND = "correct the STAC Item, or remove it and name the bands in the settings"
_LIMITS = {
    "view:sun_elevation": (-90.0, 90.0),
    "view:sun_azimuth": (0.0, 360.0),
    "view:off_nadir": (0.0, 90.0),
    "view:azimuth": (0.0, 360.0),
    "eo:cloud_cover": (0.0, 100.0),
    SATURATION: (1.0, math.inf),
}
_OTHERS = re.compile(rb'"type"\s*:\s*"(Catalog|Collection|FeatureCollection)"')
_REFLECTANCE = "reflectance"
_RASTERS = (".tif", ".tiff", ".jp2", ".j2k")


def claims(name: str, head: bytes) -> bool:
    """Say whether a file looks like a STAC Item by its name and its first bytes."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not name.lower().endswith(".json") or not start.startswith(b"{"):
        return False
    # A GeoJSON has no version of STAC, and a Catalog or Collection no image.
    return b'"stac_version"' in head and not _OTHERS.search(head)


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read a STAC Item.

    Raises
    ------
    MetadataError
        If it is not one, names an unknown sensor, a file out of its folder, or holds a value that cannot be true.
    """
    try:
        item = json.loads(files.read(name).decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"{name} is not JSON: {error}", _MEND) from error
    if not isinstance(item, dict) or item.get("type") != "Feature" or "stac_version" not in item:
        raise MetadataError(f"{name} is not a STAC Item", _MEND)
    properties, assets = _table(item, "properties", name), _table(item, "assets", name)
    data = _data_assets(assets, name)
    bands: list[BandRecord] = []
    parts: list[PartRecord] = []
    nodata: float | None = None
    for key, asset in data.items():
        first = len(bands) + 1
        own = _bands(asset, properties if len(data) == 1 else {}, key, name, alone=len(data) == 1)
        bands += own
        nodata = _nodata(asset, name) if nodata is None else nodata
        if "href" in asset:
            numbers = tuple(range(first, len(bands) + 1)) if len(data) > 1 else ()
            parts.append(PartRecord(_file(asset, f"asset {key}", name, files), numbers))
    if parts and len(parts) < len(data):
        raise MetadataError(f"{name}: only some of its assets of data have an href", _MEND)
    sensor, platform = _sensor(properties, name)
    return ProductMetadata(
        dialect=NAME,
        sensor=sensor,
        platform=platform,
        product=safe_name(str(item.get("id") or "")),
        acquired=_time(properties, name),
        bands=tuple(bands),
        parts=tuple(parts),
        numbers="reflectance" if any(band.gain is not None for band in bands) else "counts",
        sun_elevation=_number(properties, "view:sun_elevation", name),
        sun_azimuth=_number(properties, "view:sun_azimuth", name),
        off_nadir=_number(properties, "view:off_nadir", name),
        view_azimuth=_number(properties, "view:azimuth", name),
        cloud_cover=_number(properties, "eo:cloud_cover", name),
        nodata=nodata,
        saturation=_number(properties, SATURATION, name),
        cloud_masks=_clouds(assets, name, files),
        # An Item of the catalogue tells how its scene is to be stretched, not that its files are.
        stretched="bocage:stretch" in properties and "bocage:scene" not in properties,
    )


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _table(item: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    value = item.get(key, {})
    if not isinstance(value, dict):
        raise MetadataError(f"{name}: {key} is not an object", _MEND)
    return value


def _data_assets(assets: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Return the assets that hold the image: all with the role ``data``, else the one of that name."""
    found: dict[str, dict[str, Any]] = {}
    for key, asset in assets.items():
        if not isinstance(asset, dict):
            raise MetadataError(f"{name}: asset {key} is not an object", _MEND)
        roles = asset.get("roles") or []
        if not isinstance(roles, list):
            raise MetadataError(f"{name}: the roles of asset {key} are not a list", _MEND)
        href = str(asset.get("href", "")).lower()
        if (
            "data" in roles
            and not {"mask", "cloud", "metadata"} & {str(role) for role in roles}
            and (not href or href.endswith(_RASTERS))
        ):
            found[key] = asset
    if not found and "data" in assets:
        found["data"] = assets["data"]
    return found


def _bands(asset: dict[str, Any], properties: dict[str, Any], key: str, name: str, *, alone: bool) -> list[BandRecord]:
    """Return the bands of an asset; of an asset per band without any, the one that its key names."""
    bands = next(
        (
            found[field]
            for found in (asset, properties)
            for field in ("bands", "eo:bands")
            if found.get(field) is not None
        ),
        None,
    )
    if bands is None:
        return [] if alone else [BandRecord(common_name(key) or OTHER, label=key)]
    if not isinstance(bands, list) or not all(isinstance(band, dict) for band in bands):
        raise MetadataError(f"{name}: the bands of asset {key} are not a list of objects", _MEND)
    if len(bands) > 1000:
        raise MetadataError(f"{name}: asset {key} names {len(bands)} bands, which cannot be true", _MEND)
    calibrated = _REFLECTANCE in (asset.get("roles") or [])
    return [_band(band, name, calibrated=calibrated) for band in bands]


def _band(band: dict[str, Any], name: str, *, calibrated: bool) -> BandRecord:
    texts = [str(band.get(field) or "") for field in ("eo:common_name", "common_name", "name")]
    common = next((found for text in texts if (found := common_name(text))), OTHER)
    if not calibrated or band.get("raster:scale") is None:
        return BandRecord(common, label=texts[2])
    gain = _checked(band["raster:scale"], "raster:scale", name)
    if gain <= 0:
        raise MetadataError(f"{name}: raster:scale {gain} of {texts[2]} is not positive", _MEND)
    offset = band.get("raster:offset")
    return BandRecord(common, texts[2], gain, 0.0 if offset is None else _checked(offset, "raster:offset", name))


def _nodata(asset: dict[str, Any], name: str) -> float | None:
    for table in (asset, *_first_tables(asset)):
        value = table.get("nodata")
        if value is not None and value != "nan":
            return _checked(value, "nodata", name)
    return None


def _first_tables(asset: dict[str, Any]) -> list[dict[str, Any]]:
    lists = [asset.get("bands"), asset.get("raster:bands")]
    return [entries[0] for entries in lists if isinstance(entries, list) and entries and isinstance(entries[0], dict)]


def _sensor(properties: dict[str, Any], name: str) -> tuple[str, str]:
    """Return the code of the sensor and the satellite, as the table spells it where it has it."""
    stated = properties.get("bocage:sensor")
    if stated is not None and (not isinstance(stated, str) or stated not in {*SENSORS, GENERIC}):
        raise MetadataError(f"{name}: {stated!r} is not a sensor that Bocage knows", f"use one of {', '.join(SENSORS)}")
    platform = str(properties.get("platform") or "")
    for sensor in SENSORS.values():
        for own in sensor.platforms:
            if own.lower() == platform.lower():
                return str(stated or sensor.code), own
    return str(stated or GENERIC), platform


def _number(properties: dict[str, Any], key: str, name: str) -> float | None:
    value = properties.get(key)
    return None if value is None else _checked(value, key, name, *_LIMITS[key])


def _checked(value: object, key: str, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MetadataError(f"{name}: {key} is {value!r}, not a number", _MEND)
    return documents.number(str(value), key, name, low=low, high=high)


def _time(properties: dict[str, Any], name: str) -> datetime | None:
    text = properties.get("datetime")
    if text is None:
        return None
    try:
        return documents.time(str(text), "datetime", name)
    except MetadataError as error:
        raise MetadataError(error.problem, "write it as 2021-06-30T10:30:00Z") from error


def _clouds(assets: dict[str, Any], name: str, files: DeliveryFiles) -> tuple[str, ...]:
    asset = assets.get("cloud-mask")
    if asset is None:
        return ()
    return (_file(asset, "asset cloud-mask", name, files),)


def _file(asset: object, what: str, name: str, files: DeliveryFiles) -> str:
    """Return a file that an asset names, relative to the Item, or its ``s3://`` URL.

    A delivery comes from elsewhere: what it says must not make Bocage read other files of this machine.
    """
    href = asset.get("href") if isinstance(asset, dict) else None
    if not isinstance(href, str) or not href:
        raise MetadataError(f"{name}: {what} has no href", _MEND)
    folder = files.href(name).rpartition("/")[0] + "/"
    inner = href.removeprefix("file://")
    if inner.startswith(folder):
        return relative_name(inner.removeprefix(folder), name)
    if href.startswith("s3://"):
        if not href.isprintable() or not {"", ".", ".."}.isdisjoint(href.removeprefix("s3://").split("/")):
            raise MetadataError(f"{name}: {what} has the href {href!r}, which is not the URL of an object", _MEND)
        return href
    if "://" in href:
        raise MetadataError(
            f"{name}: {what} is at {href}, an address that Bocage does not read",
            "download it into the folder of the Item, or name an s3:// URL",
        )
    try:
        plain = relative_name(href, name)
    except MetadataError as error:
        raise MetadataError(
            f"{name}: {what} is at {href}, which lies outside the folder of the Item",
            "put the file beside the Item and correct the href",
        ) from error
    base = name.rpartition("/")[0]
    written = f"{base}/{plain}" if base else plain
    decoded = unquote(plain)
    if decoded != plain and written not in files.names:
        return relative_name(decoded, name)
    return plain
