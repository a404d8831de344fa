"""Metadata of Vision-1: ``VIS1_..._Meta.xml`` (root ``Metadata_Document``) and the older ``DIM_VIS1_..._Meta.xml``.

Both are confirmed by real files among the test data of Terradue/Stars: the orthoimage of 2020-07-22 delivered in 2023
(JPEG 2000, angles along and across the track) and the one of 2021-01-14 in a DIMAP 1.1 document (GeoTIFF). The numbers
are radiance times 100, 16 bits wide (values up to 42 330 occur), and nodata is 0.
"""

from __future__ import annotations

from datetime import datetime
from xml.etree.ElementTree import Element

from bocage.errors import UnsupportedSensorError
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.data_files import data_files
from bocage.scenes.dialects.quantities import (
    azimuth,
    bit_depth,
    sun_elevation,
    tilt,
    whole_tilt,
)
from bocage.scenes.dialects.signatures import root_name
from bocage.scenes.dialects.spectral_bands import spectral_bands
from bocage.scenes.documents import number, optional_text, parse_xml, safe_name, text_of, time
from bocage.scenes.metadata import ProductMetadata

_SCENE = ".//Dataset_Sources/Source_Information/Scene_Source"


def claims(name: str, head: bytes) -> bool:  # noqa: ARG001  (the name says nothing here)
    """Say whether a file is one of the two documents; both name the product in their first lines."""
    return root_name(head) in {"Metadata_Document", "Dimap_Document"} and (
        b"<DATASET_NAME>VIS1_" in head or b">VIS1_ORT<" in head or b">VIS1_PRJ<" in head
    )


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read the metadata of an image.

    Raises
    ------
    MetadataError
        If they do not say which bands the image holds, or a value is missing or cannot be true.
    UnsupportedSensorError
        If the mission is not Vision-1.
    """
    root = parse_xml(name, files.read(name))
    mission = text_of(root, f"{_SCENE}/MISSION", name)
    index = optional_text(root, f"{_SCENE}/MISSION_INDEX") or ""
    if mission != "Vision-1" and (mission, index) != ("S1", "4"):
        raise UnsupportedSensorError(f"{name}: not supported: {mission} {index}".rstrip(), "deliver scenes of Vision-1")
    return ProductMetadata(
        dialect="vision1",
        sensor="VS1",
        platform="Vision-1",
        product=safe_name(text_of(root, "Dataset_Id/DATASET_NAME", name)),
        acquired=_acquired(root, name),
        bands=spectral_bands(root, name, calibrated=True),
        parts=data_files(root, name, files),
        sun_elevation=sun_elevation(optional_text(root, f"{_SCENE}/SUN_ELEVATION"), name),
        sun_azimuth=azimuth(optional_text(root, f"{_SCENE}/SUN_AZIMUTH"), "SUN_AZIMUTH", name),
        off_nadir=_off_nadir(root, name),
        view_azimuth=azimuth(
            optional_text(root, f"{_SCENE}/SENSOR_AZIMUTH") or _quality(root, "SPACEMETRIC:SENSOR_AZIMUTH"),
            "the sensor azimuth",
            name,
        ),
        nodata=_nodata(root, name),
        bit_depth=bit_depth(optional_text(root, "Raster_Encoding/NBITS"), "NBITS", name),
        orthorectified={"ORTHORECTIFIED": True, "PROJECTED": True, "PRIMARY": False, "SENSOR": False}.get(
            (optional_text(root, "Data_Processing/GEOMETRIC_PROCESSING") or "").upper()
        ),
    )


def _acquired(root: Element, name: str) -> datetime:
    start = optional_text(root, f"{_SCENE}/IMAGING_START_TIME")
    if start is None:
        day, moment = (text_of(root, f"{_SCENE}/IMAGING_{what}", name) for what in ("DATE", "TIME"))
        start = f"{day}T{moment}"
    return time(start, "the imaging time", name)


def _off_nadir(root: Element, name: str) -> float | None:
    whole = tilt(optional_text(root, f"{_SCENE}/VIEWING_ANGLE"), "VIEWING_ANGLE", name)
    if whole is not None:
        return whole
    along, across = (
        tilt(optional_text(root, f"{_SCENE}/VIEWING_ANGLE_{what}_TRACK"), f"VIEWING_ANGLE_{what}_TRACK", name)
        for what in ("ALONG", "ACROSS")
    )
    return whole_tilt(along, across)


def _quality(root: Element, code: str) -> str | None:
    for parameter in root.iterfind(f"{_SCENE}/../Quality_Assessment/Quality_Parameter"):
        if optional_text(parameter, "QUALITY_PARAMETER_CODE") == code:
            return optional_text(parameter, "QUALITY_PARAMETER_VALUE")
    return None


def _nodata(root: Element, name: str) -> float | None:
    text = optional_text(root, "Image_Display/NO_DATA_INDEX")
    for special in root.iterfind("Image_Display/Special_Value"):
        if (optional_text(special, "SPECIAL_VALUE_TEXT") or "").lower() == "nodata":
            text = optional_text(special, "SPECIAL_VALUE_INDEX")
    return None if text is None else number(text, "nodata", name, low=0.0, high=65535.0)
