"""Scenes: deliveries of many sensors become one catalogue, and pixels on one lattice.

``catalogue_scenes`` recognises deliveries, ``Catalogue`` finds scenes by place, ``open_scene`` reads lattice windows.
The names are imported when they are first used: rasterio and what it needs take a second to load.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bocage.scenes.bands import BANDS
    from bocage.scenes.catalogue import Catalogue
    from bocage.scenes.cataloguing import catalogue_scenes
    from bocage.scenes.reader import Patch, SceneReader, open_raster, open_scene
    from bocage.scenes.recognition import recognise
    from bocage.scenes.scene import Scene
    from bocage.scenes.sensors import GENERIC, SENSORS, Sensor
    from bocage.scenes.stretch import STRETCH_TAG

__all__ = [
    "BANDS",
    "GENERIC",
    "SENSORS",
    "STRETCH_TAG",
    "Catalogue",
    "Patch",
    "Scene",
    "SceneReader",
    "Sensor",
    "catalogue_scenes",
    "open_raster",
    "open_scene",
    "recognise",
]

_HOMES = {
    "BANDS": "bands",
    "Catalogue": "catalogue",
    "GENERIC": "sensors",
    "Patch": "reader",
    "SENSORS": "sensors",
    "STRETCH_TAG": "stretch",
    "Scene": "scene",
    "SceneReader": "reader",
    "Sensor": "sensors",
    "catalogue_scenes": "cataloguing",
    "open_raster": "reader",
    "open_scene": "reader",
    "recognise": "recognition",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
