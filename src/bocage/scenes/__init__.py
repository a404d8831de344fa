"""Scenes: deliveries of many sensors become one catalogue, and pixels on one lattice.

``catalogue_scenes`` recognises the files, ``Catalogue`` finds scenes by place, ``open_scene`` reads lattice windows.
"""

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
