"""Metadata of DIMAP version 2: Pléiades 1A/1B, Pléiades Neo 3/4 and SPOT-6/7 (``DIM_*.XML``).

Confirmed by real files: the deliveries of the three families among the test data of Terradue/Stars, and GDAL's stripped
samples. A document with ``Raster_Index`` records says with them where each band lies. Those of Pléiades and SPOT have
none: their bands lie as the channels of ``Band_Display_Order`` say: red, green, blue, then near infrared (the first
component of a Pléiades file is red, the third blue: Orfeo ToolBox, PleiadesImageMetadataInterface). That holds for
natural colours only, so that any other order without ``Raster_Index`` is refused.

Calibration is what each record's ``MEASURE_DESC`` states: radiance = DN / GAIN + BIAS for BASIC products. REFLECTANCE
products hold reflectance as DN / 10000, which the maker has freed of Rayleigh scattering. Products that were adjusted
for display stay uncalibrated. A solar irradiance of 999 is a filler of early products and counts as not stated.

Stripped documents hold an element's own name in place of its number (``<GAIN>GAIN</GAIN>``); such an element is silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.dialect import NAME_BANDS
from bocage.scenes.dialects.dimap2geometry import centre, georeference, measured, off_nadir, stated, view_azimuth
from bocage.scenes.dialects.dimap2raster import read_layout
from bocage.scenes.dialects.quantities import azimuth, bit_depth, cloud_percent, sun_elevation
from bocage.scenes.dialects.signatures import root_name, spelled, stem
from bocage.scenes.documents import optional_text, parse_xml, relative_name, safe_name, text_of, time
from bocage.scenes.metadata import BandRecord, Numbers, ProductMetadata

_MEND = "deliver the product's own metadata file again"
UNSUPPORTED_MEND = f"deliver an image of Pléiades, Pléiades Neo or SPOT-6/7, or {NAME_BANDS}"

PLATFORMS = MappingProxyType(
    {"PHR1A": "PHR", "PHR1B": "PHR", "PNEO3": "PNEO", "PNEO4": "PNEO", "SPOT6": "SPOT", "SPOT7": "SPOT"}
)
"""Sensor codes by mission with its index."""
_PROFILES = MappingProxyType(
    {"PHR": ("PHR", ""), "PNEO": ("PNEO", ""), "S6": ("SPOT", "SPOT6"), "S7": ("SPOT", "SPOT7")}
)
"""Sensor and satellite by the first word of ``METADATA_PROFILE``."""
NAMES = MappingProxyType(
    {"B0": "blue", "B1": "green", "B2": "red", "B3": "nir", "B": "blue", "G": "green", "R": "red", "NIR": "nir"}
)
"""Common names by ``BAND_ID``; any other band (P, PAN, RE, DB) is not used."""

GAINS = (1e-2, 1e3)
"""Limits of what radiance is multiplied by to give a digital number; real ones are 6 to 20."""
BIASES = (-1e3, 1e3)
"""Limits of the radiance of a digital number of 0."""
IRRADIANCES = (100.0, 3000.0)
"""Limits of the solar irradiance of a band in W m-2 um-1; real ones are 1000 to 2000."""
FILLER = 999.0
"""The solar irradiance of documents that were written before it was known."""
_REFLECTANCES = (1.0, 1e5)
_ON_MAP = MappingProxyType({"SENSOR": False, "PROJECTED": True, "ORTHO": True, "SYSTEM_ORTHO": True, "MOSAIC": True})
_SUBPROFILE = re.compile(rb"<METADATA_SUBPROFILE>\s*(\w*)")
_PROFILE = re.compile(rb"<METADATA_PROFILE>\s*(\w*)")


def claims(name: str, head: bytes) -> bool:  # noqa: ARG001 - makers' names differ, so only the content counts
    """Say whether a file is a DIMAP 2 document of a product, not of its RPC, strip, lineage or volume."""
    if root_name(head) != "Dimap_Document" or b"<Metadata_Identification>" not in head:
        return False
    part = _SUBPROFILE.search(head)
    whole = _PROFILE.search(head)
    return (part is None or part[1] == b"PRODUCT") and (whole is None or whole[1] not in {b"VOLUME", b"PRODUCT"})


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read a DIMAP 2 document.

    Raises
    ------
    MetadataError
        If it is damaged, contradicts itself, does not say in which order its bands lie, or is of several days.
    UnsupportedSensorError
        If it is of another satellite.
    """
    root = parse_xml(name, files.read(name))
    if root.tag != "Dimap_Document":
        raise MetadataError(f"{name} is not a DIMAP document", _MEND)
    sensor, platform = _satellite(root, name)
    layout = read_layout(root, name, NAMES)
    bits = bit_depth(stated(root, ".//Dynamic_Range/PRODUCT_RANGE"), "PRODUCT_RANGE", name)
    processing = _processing(root)
    reflectance = processing == "REFLECTANCE"
    numbers: Numbers = "reflectance" if reflectance else "counts"
    middle = centre(root)
    return ProductMetadata(
        dialect="dimap2",
        sensor=sensor,
        platform=platform,
        product=_product(root, name),
        acquired=_acquired(root, name),
        bands=_bands(root, name, layout.bands, processing, bits),
        parts=tuple(layout.parts(lambda href: _path(href, name, files))),
        numbers=numbers,
        sun_elevation=None if middle is None else sun_elevation(stated(middle, ".//SUN_ELEVATION"), name),
        sun_azimuth=None if middle is None else azimuth(stated(middle, ".//SUN_AZIMUTH"), "SUN_AZIMUTH", name),
        off_nadir=None if middle is None else off_nadir(middle, name),
        view_azimuth=None if middle is None else view_azimuth(middle, sensor, name),
        cloud_cover=cloud_percent(stated(root, "Dataset_Content/CLOUD_COVERAGE"), name),
        nodata=layout.nodata,
        saturation=layout.saturation,
        bit_depth=bits,
        orthorectified=_orthorectified(root),
        georeference=georeference(root, name),
        cloud_masks=tuple(_path(href, name, files) for href in _cloud_masks(root)),
    )


def _path(href: str, name: str, files: DeliveryFiles) -> str:
    return spelled(relative_name(href, name), name, files)


def _strips(root: Element) -> list[Element]:
    return root.findall("Dataset_Sources/Source_Identification/Strip_Source")


def _satellite(root: Element, name: str) -> tuple[str, str]:
    """Return sensor and platform: those of the strips, which the profile may not contradict, else the profile's."""
    word = (optional_text(root, "Metadata_Identification/METADATA_PROFILE") or "").partition("_")[0].upper()
    profile = _PROFILES.get(word)
    missions = {
        (text_of(strip, "MISSION", name), optional_text(strip, "MISSION_INDEX") or "") for strip in _strips(root)
    }
    if not missions:
        if profile is None and not word:
            raise MetadataError(f"{name} names no satellite", _MEND)
        if profile is None:
            raise UnsupportedSensorError(f"{name}: not supported: {word}", UNSUPPORTED_MEND)
        return profile
    if len(missions) > 1:
        raise MetadataError(f"{name} is a mosaic of {len(missions)} satellites", "deliver the images one by one")
    mission, index = missions.pop()
    platform = (mission + index).replace(" ", "").upper()
    sensor = PLATFORMS.get(platform)
    if sensor is None:
        raise UnsupportedSensorError(f"{name}: not supported: {f'{mission} {index}'.strip()}", UNSUPPORTED_MEND)
    if profile is not None and (profile[0] != sensor or profile[1] not in {"", platform}):
        raise MetadataError(f"{name} contradicts itself: its profile is {word}, its satellite {platform}", _MEND)
    return sensor, platform


def _acquired(root: Element, name: str) -> datetime | None:
    times = [
        time(f"{text_of(strip, 'IMAGING_DATE', name)}T{text_of(strip, 'IMAGING_TIME', name)}", "the imaging time", name)
        for strip in _strips(root)
    ]
    if len({moment.date() for moment in times}) > 1:
        raise MetadataError(f"{name} is a mosaic of several days", "deliver the images one by one")
    return min(times, default=None)


def _product(root: Element, name: str) -> str:
    """Return the identifier of the product: the file's name after ``DIM_``, since a data set name may cover several."""
    plain = stem(name)
    if plain.upper().startswith("DIM_"):
        return safe_name(plain[4:])
    return safe_name(optional_text(root, "Dataset_Identification/DATASET_NAME") or plain)


def _processing(root: Element) -> str:
    """Return BASIC or REFLECTANCE for numbers that can be calibrated, else DISPLAY."""
    text = (optional_text(root, ".//Radiometric_Settings/RADIOMETRIC_PROCESSING") or "BASIC").upper()
    adjusted = (optional_text(root, ".//Dynamic_Adjustment/ADJUSTMENT_TYPE") or "NONE").upper() != "NONE"
    stretched = (optional_text(root, ".//Radiometric_Settings/RADIOMETRIC_STRETCH") or "false").lower() != "false"
    return text if text in {"BASIC", "REFLECTANCE"} and not (adjusted or stretched) else "DISPLAY"


def _records(root: Element, kind: str, name: str) -> dict[str, Element]:
    records: dict[str, Element] = {}
    for record in root.iter(kind):
        ident = text_of(record, "BAND_ID", name)
        if ident in records:
            raise MetadataError(f"{name} has two {kind} records of the band {ident}", _MEND)
        records[ident] = record
    return records


def _bands(
    root: Element, name: str, idents: Iterable[str], processing: str, bits: int | None
) -> tuple[BandRecord, ...]:
    kind, formula = (
        ("Band_Reflectance", "RHO=RHO'/GAIN+BIAS")
        if processing == "REFLECTANCE"
        else ("Band_Radiance", "L=DN/GAIN+BIAS")
    )
    records = {} if processing == "DISPLAY" else _records(root, kind, name)
    sun = _records(root, "Band_Solar_Irradiance", name)
    bands = []
    for ident in idents:
        gain, offset = _calibration(records.get(ident), formula, ident, name)
        if gain is None and processing == "REFLECTANCE" and bits != 8:
            gain, offset = 1e-4, 0.0
        irradiance = measured(sun[ident], "VALUE", name, *IRRADIANCES) if ident in sun else None
        bands.append(
            BandRecord(NAMES.get(ident, "other"), ident, gain, offset, None if irradiance == FILLER else irradiance)
        )
    return tuple(bands)


def _calibration(record: Element | None, formula: str, ident: str, name: str) -> tuple[float | None, float | None]:
    """Return factor and offset of ``factor * DN + offset`` from a record of ``DN / GAIN + BIAS``."""
    if record is None:
        return None, None
    description = "".join((optional_text(record, "MEASURE_DESC") or "").upper().split())
    if description and formula not in description:
        raise MetadataError(f"{name}: the record of the band {ident} does not state the formula {formula}", _MEND)
    limits = GAINS if record.tag == "Band_Radiance" else _REFLECTANCES
    gain, bias = measured(record, "GAIN", name, *limits), measured(record, "BIAS", name, *BIASES)
    if (gain is None) != (bias is None):
        raise MetadataError(f"{name}: the band {ident} has only one of GAIN and BIAS", _MEND)
    return (None, None) if gain is None else (1.0 / gain, bias)


def _orthorectified(root: Element) -> bool | None:
    return _ON_MAP.get((optional_text(root, ".//Product_Settings/PROCESSING_LEVEL") or "").upper())


def _cloud_masks(root: Element) -> list[str]:
    return [
        component.get("href", "")
        for measure in root.iterfind("Quality_Assessment/Imaging_Quality_Measurement")
        if "CLOUD" in (optional_text(measure, "MEASURE_NAME") or "").upper()
        for component in measure.iter("COMPONENT_PATH")
    ]
