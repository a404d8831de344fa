"""Metadata of SuperView-1 (GaoJing-1): the maker's ``...MUX.xml``, its ``SW*.dim``, and ESA's ``DIM*.xml``.

Element names of the maker's XML are those that EOReader and Esri's raster type read; the real file of GaoFen-2 among
the test data of Terradue/Stars has the same form and confirms that ``SolarZenith`` is the angle from the vertical (Esri
reads it as elevation, which that file refutes) and that ``StartTime`` is Beijing time, as the maker's guide says of all
times. No real file of SuperView-1 was at hand.

The XML does not name its bands. They are told by their position, which the maker defines: the multispectral product
(MUX, and PSH when sharpened) holds blue, green, red and near infrared in this order (EOReader, Esri, CATALYST). Where
``ESUN`` is given it must fall in that order; where it is not, nothing in the file corroborates the order.

Of the ``.dim`` two things are left out because no source confirms them: the gains (they may multiply or divide) and
``STOP_TIME``, whose zone is not stated. A ``.dim`` of several files is refused: nothing says how they lie.
"""

from __future__ import annotations

import re
from datetime import datetime
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.esa_dimap import parse_dimap
from bocage.scenes.dialects.quantities import azimuth, cloud_percent, sun_elevation, tilt, whole_tilt
from bocage.scenes.dialects.signatures import root_name, spelled, stem
from bocage.scenes.dialects.spectral_bands import spectral_bands
from bocage.scenes.documents import number, optional_text, parse_xml, relative_name, safe_name, text_of, time
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata

_MEND = "deliver the product's own metadata file again"
_ORDER = ("blue", "green", "red", "nir")
_SATELLITE = re.compile(rb"<SatelliteID>\s*(SV|GJ|SuperView|GaoJing)", re.IGNORECASE)
_MISSION = re.compile(rb"SW00_|SuperView|GaoJing", re.IGNORECASE)


def claims(name: str, head: bytes) -> bool:  # noqa: ARG001  (the name says nothing here)
    """Say whether a file is of a SuperView satellite, in the maker's form or as a DIMAP document."""
    if root_name(head) == "Dimap_Document":
        return _MISSION.search(head) is not None
    return bool(root_name(head)) and _SATELLITE.search(head) is not None


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read metadata in any of the three forms.

    Raises
    ------
    MetadataError
        If the bands cannot be told, or a value is missing or cannot be true.
    UnsupportedSensorError
        If it is of SuperView-2 or SuperView Neo.
    """
    root = parse_xml(name, files.read(name))
    if root.tag == "Dimap_Document" and root.find("Dataset_Identification") is not None:
        return parse_dimap(name, files, dialect="superview", sensor="SV1", platform="SuperView-1")
    return _dim(name, root, files) if root.tag == "Dimap_Document" else _native(name, root)


def _native(name: str, root: Element) -> ProductMetadata:
    satellite = text_of(root, ".//SatelliteID", name)
    if re.match(r"(SV|GJ|SuperView-?|GaoJing-?)1", satellite, re.IGNORECASE) is None:
        raise UnsupportedSensorError(f"{name}: not supported: {satellite}", "deliver scenes of SuperView-1")
    zenith = optional_text(root, ".//SolarZenith")
    level = (optional_text(root, ".//ProductLevel") or "").upper()
    return ProductMetadata(
        dialect="superview",
        sensor="SV1",
        platform="SuperView-1",
        product=safe_name(stem(name)),
        acquired=_beijing(name, root),
        bands=_bands(name, root),
        sun_elevation=None
        if zenith is None
        else sun_elevation(str(90.0 - number(zenith, "SolarZenith", name, low=0.0, high=90.0)), name),
        sun_azimuth=azimuth(optional_text(root, ".//SolarAzimuth"), "SolarAzimuth", name),
        off_nadir=_off_nadir(name, root),
        view_azimuth=azimuth(optional_text(root, ".//SatelliteAzimuth"), "SatelliteAzimuth", name),
        cloud_cover=cloud_percent(optional_text(root, ".//CloudPercent"), name),
        orthorectified={"LEVEL1B": False, "LEVEL2A": True, "LEVEL3A": True}.get(level),
    )


def _beijing(name: str, root: Element) -> datetime:
    """Return UTC from a time of China; the maker writes some of them with a Z, which does not stand for UTC there."""
    for what in ("StartTime", "CenterTime", "ReceiveTime"):
        text = optional_text(root, f".//{what}")
        if text is not None:
            return time(f"{text.rstrip('Zz')}+08:00", what, name)
    raise MetadataError(f"{name} has no StartTime, CenterTime or ReceiveTime", _MEND)


def _bands(name: str, root: Element) -> tuple[BandRecord, ...]:
    text = text_of(root, ".//Bands", name)
    listed = text.split(",")
    # "4" and "1,2,3,4" are both written.
    count = len(listed) if len(listed) > 1 else int(number(text, "Bands", name, low=1.0, high=4.0))
    if count == 1:
        return (BandRecord("other", "PAN"),)
    if count != len(_ORDER):
        raise MetadataError(f"{name}: a product of {count} bands is not one that the maker defines", _MEND)
    gains, offsets, irradiances = (_list(name, root, what, count) for what in ("Gain", "Offset", "ESUN"))
    if irradiances and sorted(irradiances, reverse=True) != irradiances:
        raise MetadataError(
            f"{name}: ESUN does not fall from blue to near infrared, so that the bands are unknown", _MEND
        )
    if any(gain <= 0.0 for gain in gains):
        raise MetadataError(f"{name}: a Gain that is not positive cannot be true", _MEND)
    calibrated = bool(gains and offsets)
    return tuple(
        BandRecord(
            colour,
            f"B{index + 1}",
            gains[index] if calibrated else None,
            offsets[index] if calibrated else None,
            irradiances[index] if irradiances else None,
        )
        for index, colour in enumerate(_ORDER)
    )


def _list(name: str, root: Element, what: str, count: int) -> list[float]:
    """Return one number per band, or none where the element is missing or empty."""
    text = optional_text(root, f".//{what}")
    if text is None:
        return []
    values = [number(item.strip(), what, name, low=-10_000.0, high=10_000.0) for item in text.split(",")]
    if len(values) != count:
        raise MetadataError(f"{name}: {what} has {len(values)} numbers for {count} bands", _MEND)
    return values


def _off_nadir(name: str, root: Element) -> float | None:
    whole = tilt(optional_text(root, ".//ViewAngle"), "ViewAngle", name)
    if whole is not None:
        return whole
    pitch, roll = (
        tilt(optional_text(root, f".//{axis}SatelliteAngle"), f"{axis}SatelliteAngle", name)
        for axis in ("Pitch", "Roll")
    )
    return whole_tilt(pitch, roll)


def _dim(name: str, root: Element, files: DeliveryFiles) -> ProductMetadata:
    """Read the maker's ``.dim``, as Esri's raster type reads it."""
    scene = ".//Dataset_Sources//Scene_Source"
    paths = root.findall(".//Data_Access//Data_File/DATA_FILE_PATH")
    if len(paths) > 1:
        raise MetadataError(
            f"{name} names {len(paths)} image files and does not say how they lie", "deliver one image per document"
        )
    return ProductMetadata(
        dialect="superview",
        sensor="SV1",
        platform="SuperView-1",
        product=safe_name(stem(name)),
        bands=spectral_bands(root, name, calibrated=False),
        parts=tuple(PartRecord(spelled(relative_name(path.get("href", ""), name), name, files)) for path in paths),
        sun_elevation=sun_elevation(optional_text(root, f"{scene}/SUN_ELEVATION"), name),
        sun_azimuth=azimuth(optional_text(root, f"{scene}/SUN_AZIMUTH"), "SUN_AZIMUTH", name),
        off_nadir=tilt(optional_text(root, f"{scene}/VIEWING_ANGLE"), "VIEWING_ANGLE", name),
    )
