"""Metadata of DIMAP version 1 (``*.dim``, ``METADATA.DIM``): Geosat-2, formerly Deimos-2.

What is relied on was confirmed by the real L1B, L1C and L1D deliveries of Geosat-2 among the test data of
Terradue/Stars: ``MISSION`` is "Deimos 2"; ``Spectral_Band_Info`` counts the bands of the file from 1 and describes each
by its colour (multispectral files hold near infrared, red, green, blue); ``ESUN`` is the solar irradiance. Radiance is
PHYSICAL_GAIN * DN + PHYSICAL_BIAS where ``PHYSICAL_UNIT`` is one of radiance; 8-bit pictures have the unit "N/A" and
stay uncalibrated. The satellite's azimuth and the cloud cover stand among the quality parameters ``GEOSAT:SAA`` and
``GEOSAT:CCP``. Digital numbers fill 16 bits (up to 45 000 are seen) although the sensor has 10, so that ``NBITS``
counts, not the dynamic range.

SPOT 1 to 5, Formosat, ALOS, the DMC satellites and SNAP's own files are written in the same format and refused by name.
"""

from __future__ import annotations

import re
from datetime import datetime
from types import MappingProxyType
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.bands import OTHER, common_name
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.dialect import NAME_BANDS
from bocage.scenes.dialects.quantities import azimuth, bit_depth, cloud_percent, sun_elevation, tilt, whole_number
from bocage.scenes.dialects.signatures import root_name, spelled, stem
from bocage.scenes.documents import number, optional_text, parse_xml, relative_name, safe_name, text_of, time
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata

_MEND = "deliver the product's own metadata file again"
_GEOSAT = frozenset({"DEIMOS2", "GEOSAT2", "DE2", "GS2"})
_ON_MAP = MappingProxyType({"ORTHO": True, "ORTHORECTIFIED": True, "GEOLOCATED": False, "RAW": False})
_SCENE = "Dataset_Sources/Source_Information/Scene_Source"
_PROFILE = re.compile(rb"<METADATA_PROFILE>\s*([\w-]*)")


def claims(name: str, head: bytes) -> bool:  # noqa: ARG001 - makers' names differ, so only the content counts
    """Say whether a file is a DIMAP 1 document of an image, not the index of a volume."""
    profile = _PROFILE.search(head)
    whole = profile is not None and b"VOLUME" in profile[1].upper()
    return root_name(head) == "Dimap_Document" and b"<Metadata_Id>" in head and not whole


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read a DIMAP 1 document.

    Raises
    ------
    MetadataError
        If it is damaged, names no satellite, contradicts itself or does not describe every band.
    UnsupportedSensorError
        If it is of another satellite than Geosat-2.
    """
    root = parse_xml(name, files.read(name))
    profile = optional_text(root, "Metadata_Id/METADATA_PROFILE") or ""
    if profile.upper().startswith("BEAM"):
        raise UnsupportedSensorError(f"{name}: not supported: {profile}", "export the image as GeoTIFF")
    mission = text_of(root, f"{_SCENE}/MISSION", name)
    if re.sub(r"[^A-Z0-9]", "", mission.upper()) not in _GEOSAT:
        index = optional_text(root, f"{_SCENE}/MISSION_INDEX") or ""
        raise UnsupportedSensorError(
            f"{name}: not supported: {f'{mission} {index}'.strip()}",
            f"deliver an image of Geosat-2, or {NAME_BANDS}",
        )
    bands = _bands(root, name)
    level = (optional_text(root, "Data_Processing/GEOMETRIC_PROCESSING") or "").split(" ")[0].upper()
    return ProductMetadata(
        dialect="dimap1",
        sensor="GEOSAT2",
        platform="Geosat-2",
        product=safe_name(optional_text(root, "Dataset_Id/DATASET_NAME") or stem(name)),
        acquired=_acquired(root, name),
        bands=bands,
        parts=_parts(root, len(bands), name, files),
        sun_elevation=sun_elevation(optional_text(root, f"{_SCENE}/SUN_ELEVATION"), name),
        sun_azimuth=azimuth(optional_text(root, f"{_SCENE}/SUN_AZIMUTH"), "SUN_AZIMUTH", name),
        off_nadir=_off_nadir(root, name),
        view_azimuth=azimuth(_quality(root, "GEOSAT:SAA"), "the azimuth of the satellite", name),
        cloud_cover=cloud_percent(_quality(root, "GEOSAT:CCP"), name),
        nodata=_special(root, "NODATA", name),
        saturation=_special(root, "SATURATED", name),
        bit_depth=bit_depth(optional_text(root, "Raster_Encoding/NBITS"), "NBITS", name),
        orthorectified=_ON_MAP.get(level),
    )


def _acquired(root: Element, name: str) -> datetime:
    start = optional_text(root, f"{_SCENE}/START_TIME")
    if start is None:
        start = f"{text_of(root, f'{_SCENE}/IMAGING_DATE', name)}T{text_of(root, f'{_SCENE}/IMAGING_TIME', name)}"
    return time(start, "the imaging time", name)


def _off_nadir(root: Element, name: str) -> float | None:
    viewing = tilt(optional_text(root, f"{_SCENE}/VIEWING_ANGLE"), "VIEWING_ANGLE", name)
    incidence = tilt(optional_text(root, f"{_SCENE}/INCIDENCE_ANGLE"), "INCIDENCE_ANGLE", name)
    return incidence if viewing is None else viewing


def _bands(root: Element, name: str) -> tuple[BandRecord, ...]:
    count = whole_number(text_of(root, "Raster_Dimensions/NBANDS", name), "NBANDS", name, low=1, high=64)
    places: dict[int, BandRecord] = {}
    for record in root.iterfind("Image_Interpretation/Spectral_Band_Info"):
        place = whole_number(text_of(record, "BAND_INDEX", name), "BAND_INDEX", name)
        if not 1 <= place <= count or place in places:
            raise MetadataError(f"{name}: BAND_INDEX {place} stands twice or beyond the {count} bands", _MEND)
        places[place] = _band(record, name)
    if len(places) != count:
        raise MetadataError(f"{name} has {count} bands but describes {len(places)}", _MEND)
    bands = tuple(places[place] for place in sorted(places))
    colours = [band.name for band in bands if band.name != OTHER]
    if len(set(colours)) != len(colours):
        raise MetadataError(f"{name} describes two bands alike: {', '.join(colours)}", _MEND)
    return bands


def _band(record: Element, name: str) -> BandRecord:
    label = text_of(record, "BAND_DESCRIPTION", name)
    esun = optional_text(record, "ESUN")
    irradiance = None if esun is None else number(esun, "ESUN", name, low=100.0, high=3000.0)
    texts = [optional_text(record, kind) for kind in ("PHYSICAL_GAIN", "PHYSICAL_BIAS")]
    unit = (optional_text(record, "PHYSICAL_UNIT") or "").replace(" ", "").upper()
    # The unit is written with marks of typesetting: W m<sup>-2</sup> &micro;m<sup>-1</sup> str<sup>-1</sup>.
    if not unit.startswith("WM"):
        return BandRecord(common_name(label) or OTHER, label, None, None, irradiance)
    if None in texts:
        raise MetadataError(f"{name}: the band {label} lacks PHYSICAL_GAIN or PHYSICAL_BIAS", _MEND)
    gain = number(texts[0] or "", "PHYSICAL_GAIN", name, low=1e-6, high=10.0)
    bias = number(texts[1] or "", "PHYSICAL_BIAS", name, low=-1000.0, high=1000.0)
    return BandRecord(common_name(label) or OTHER, label, gain, bias, irradiance)


def _parts(root: Element, count: int, name: str, files: DeliveryFiles) -> tuple[PartRecord, ...]:
    found = root.findall("Data_Access/Data_File")
    parts: list[PartRecord] = []
    for file in found:
        path = file.find("DATA_FILE_PATH")
        written = relative_name("" if path is None else path.get("href") or "", name)
        bands: tuple[int, ...] = ()
        if len(found) > 1:
            bands = (whole_number(text_of(file, "BAND_INDEX", name), "BAND_INDEX", name, low=1, high=count),)
        parts.append(PartRecord(spelled(written, name, files), bands))
    if not parts:
        raise MetadataError(f"{name} names no raster file", _MEND)
    if len(parts) > 1 and sorted(part.bands for part in parts) != [(band,) for band in range(1, count + 1)]:
        raise MetadataError(f"{name} has {count} bands but names the files of {len(parts)}", _MEND)
    return tuple(parts)


def _quality(root: Element, code: str) -> str | None:
    for parameter in root.iter("Quality_Parameter"):
        if optional_text(parameter, "QUALITY_PARAMETER_CODE") == code:
            return optional_text(parameter, "QUALITY_PARAMETER_VALUE")
    return None


def _special(root: Element, kind: str, name: str) -> float | None:
    for value in root.iterfind("Image_Display/Special_Value"):
        if (optional_text(value, "SPECIAL_VALUE_TEXT") or "").upper() == kind:
            return number(
                text_of(value, "SPECIAL_VALUE_INDEX", name), f"the value of {kind}", name, low=0.0, high=65535.0
            )
    return None
