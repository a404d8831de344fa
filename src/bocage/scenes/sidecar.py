"""The STAC Item beside a raster, with what the raster itself cannot say: bands, sensor, time, angles, clouds.

``scene.tif`` may have a ``scene.json`` in its folder: a STAC Item 1.1. Asset ``data`` names the bands in file order;
asset ``cloud-mask`` may name a GeoJSON or GeoPackage of polygons (clouds and their shadows) whose pixels are invalid;
it lies in the same folder or below.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bocage.errors import SceneError
from bocage.scenes.bands import OTHER, common_name
from bocage.scenes.sensors import GENERIC, SENSORS

_MEND = "correct the STAC Item, or remove it and name the bands in the settings"


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The facts that a sidecar gives; None or empty where it is silent."""

    bands: tuple[str, ...] | None = None
    sensor: str = GENERIC
    acquired: datetime | None = None
    sun_elevation: float | None = None
    sun_azimuth: float | None = None
    off_nadir: float | None = None
    cloud_cover: float | None = None
    clouds: Path | None = None
    stretched: bool = False


def sidecar_path(raster: Path) -> Path:
    """Return where the sidecar of a raster lies if it has one."""
    return raster.with_suffix(".json")


def read_sidecar(raster: Path) -> Sidecar:
    """Read the STAC Item beside a raster; without one, an empty sidecar.

    Raises
    ------
    SceneError
        If the file is not a STAC Item, names an unknown sensor, or its cloud mask is missing or outside the folder.
    """
    path = sidecar_path(raster)
    if not path.is_file():
        return Sidecar()
    try:
        item = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SceneError(f"{path} is not JSON: {error}", _MEND) from error
    if not isinstance(item, dict) or item.get("type") != "Feature" or "stac_version" not in item:
        raise SceneError(f"{path} is not a STAC Item", _MEND)
    properties, assets = _table(item, "properties", path), _table(item, "assets", path)
    sensor = properties.get("bocage:sensor", GENERIC)
    if sensor not in SENSORS and sensor != GENERIC:
        raise SceneError(f"{path}: {sensor!r} is not a sensor that Bocage knows", f"use one of {', '.join(SENSORS)}")
    return Sidecar(
        bands=_bands(assets, path),
        sensor=sensor,
        acquired=_time(properties.get("datetime"), path),
        sun_elevation=_number(properties, "view:sun_elevation", path),
        sun_azimuth=_number(properties, "view:sun_azimuth", path),
        off_nadir=_number(properties, "view:off_nadir", path),
        cloud_cover=_number(properties, "eo:cloud_cover", path),
        clouds=_clouds(assets, path),
        stretched="bocage:stretch" in properties,
    )


def _table(item: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = item.get(key, {})
    if not isinstance(value, dict):
        raise SceneError(f"{path}: {key} is not an object", _MEND)
    return value


def _bands(assets: dict[str, Any], path: Path) -> tuple[str, ...] | None:
    asset = assets.get("data", {})
    bands = asset.get("bands") if isinstance(asset, dict) else None
    if bands is None:
        return None
    if not isinstance(bands, list) or not all(isinstance(band, dict) for band in bands):
        raise SceneError(f"{path}: the bands of asset data are not a list of objects", _MEND)
    return tuple(
        common_name(str(band.get("eo:common_name") or "")) or common_name(str(band.get("name") or "")) or OTHER
        for band in bands
    )


def _number(properties: dict[str, Any], key: str, path: Path) -> float | None:
    value = properties.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise SceneError(f"{path}: {key} is {value!r}, not a number", _MEND)
    return float(value)


def _time(text: Any, path: Path) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise SceneError(f"{path}: datetime {text!r} is not a time", "write it as 2021-06-30T10:30:00Z") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _clouds(assets: dict[str, Any], path: Path) -> Path | None:
    asset = assets.get("cloud-mask")
    if asset is None:
        return None
    href = asset.get("href") if isinstance(asset, dict) else None
    if not isinstance(href, str):
        raise SceneError(f"{path}: asset cloud-mask has no href", _MEND)
    folder = Path(os.path.normpath(path.parent.absolute()))
    named = Path(os.path.normpath(folder / href))
    # A delivery comes from elsewhere: what it says must not make Bocage read other files of this machine.
    if not named.is_relative_to(folder):
        raise SceneError(
            f"{path} names the cloud mask {href}, which lies outside the folder of the delivery",
            "put the mask beside the scene and correct the href",
        )
    # The path that was checked is the one that is read, also where a folder of the href is a link.
    clouds = path.parent / named.relative_to(folder)
    if not clouds.is_file():
        raise SceneError(f"{path} names the cloud mask {href}, which is not there", "deliver it with the scene")
    return clouds
