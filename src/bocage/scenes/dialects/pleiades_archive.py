"""Metadata of Pléiades as its ground segment archives them (``PHRDIMAP_*.XML``, format DIMAP_PHR).

They come with sensor products that were taken from the archive. Angles stand in a list along the strip, whose middle is
the centre of the image. Radiance is DN / PHYSICAL_GAIN + PHYSICAL_BIAS, as in DIMAP 2: the gains of both real files are
those that DIMAP 2 divides by (11.8 to 12.3 for the panchromatic band).
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.dialect import NAME_BANDS
from bocage.scenes.dialects.dimap2 import (
    BIASES,
    GAINS,
    NAMES,
    PLATFORMS,
    UNSUPPORTED_MEND,
)
from bocage.scenes.dialects.dimap2geometry import measured, satellite_azimuth, stated
from bocage.scenes.dialects.quantities import azimuth, sun_elevation, tilt, whole_number
from bocage.scenes.dialects.signatures import root_name, spelled
from bocage.scenes.documents import number, optional_text, parse_xml, relative_name, safe_name, text_of, time
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata

_MEND = "deliver the product's own metadata file again"
_IMAGE = "Product_Characteristics/Product_Image_Characteristics"
_ORDER = ("RED_CHANNEL", "GREEN_CHANNEL", "BLUE_CHANNEL", "ALPHA_CHANNEL")
_NATURAL = (("red", "green", "blue"), ("red", "green", "blue", "nir"))


def claims(name: str, head: bytes) -> bool:  # noqa: ARG001 - only the content counts
    """Say whether a file is such a document."""
    return root_name(head) == "PHR_Dimap_Document"


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read an archive document of Pléiades.

    Raises
    ------
    MetadataError
        If it is damaged, contradicts itself or does not say in which order its bands lie.
    UnsupportedSensorError
        If it is of another satellite.
    """
    root = parse_xml(name, files.read(name))
    strip = root.find("Data_Strip")
    if root.tag != "PHR_Dimap_Document" or strip is None:
        raise MetadataError(f"{name} describes no data strip", _MEND)
    mission = text_of(strip, "Data_Strip_Identification/PLATFORM_NAME", name)
    index = text_of(strip, "Data_Strip_Identification/PLATFORM_SERIAL_NUMBER", name)
    if PLATFORMS.get(mission + index) != "PHR":
        raise UnsupportedSensorError(f"{name}: not supported: {mission} {index}", UNSUPPORTED_MEND)
    centre = _centre(strip)
    level = text_of(root, "Product_Characteristics/PROCESSING_LEVEL", name)
    return ProductMetadata(
        dialect="pleiades_archive",
        sensor="PHR",
        platform=mission + index,
        product=safe_name(text_of(root, "Dataset_Identification/DATASET_NAME", name)),
        acquired=time(text_of(strip, "UTC_Acquisition_Range/START", name), "the start of the acquisition", name),
        bands=_bands(root, name),
        parts=tuple(
            PartRecord(spelled(relative_name(path.text or "", name), name, files))
            for path in root.iterfind(f"{_IMAGE}/Data_Access/Data_File/DATA_FILE_PATH")
        ),
        sun_elevation=None if centre is None else sun_elevation(stated(centre, ".//SUN_ELEVATION"), name),
        sun_azimuth=None if centre is None else azimuth(stated(centre, ".//SUN_AZIMUTH"), "SUN_AZIMUTH", name),
        off_nadir=None if centre is None else tilt(stated(centre, "Pointing_Angles/PSI_XY"), "PSI_XY", name),
        view_azimuth=None if centre is None else _view_azimuth(centre, name),
        nodata=_special(root, "NODATA", name),
        saturation=_special(root, "SATURATED", name),
        orthorectified=level != "SENSOR",
    )


def _centre(strip: Element) -> Element | None:
    headers = strip.findall("Geometric_Header_List/Located_Geometric_Header")
    return headers[len(headers) // 2] if len(headers) % 2 else None


def _view_azimuth(centre: Element, name: str) -> float | None:
    orientation = measured(centre, "ORIENTATION", name, -360.0, 360.0)
    along = measured(centre, "Incidences/ALONG_TRACK_INCIDENCE", name, -80.0, 80.0)
    across = measured(centre, "Incidences/ORTHO_TRACK_INCIDENCE", name, -80.0, 80.0)
    if orientation is None or along is None or across is None:
        return None
    return satellite_azimuth(orientation, along, across)


def _bands(root: Element, name: str) -> tuple[BandRecord, ...]:
    count = whole_number(text_of(root, "Raster_Dimensions/NBANDS", name), "NBANDS", name, low=1, high=64)
    texts = [optional_text(root, f"{_IMAGE}/Image_Display_Order/{channel}") for channel in _ORDER]
    idents = tuple(dict.fromkeys(text for text in texts if text))
    if len(idents) != count:
        raise MetadataError(f"{name} has {count} bands but displays {len(idents)}: {', '.join(idents)}", _MEND)
    if count > 1 and tuple(NAMES.get(ident, "other") for ident in idents) not in _NATURAL:
        raise MetadataError(f"{name} does not say in which order its bands lie", NAME_BANDS)
    records: dict[str, Element] = {}
    for record in root.iterfind("Image_Interpretation/Spectral_Band_Info"):
        ident = text_of(record, "BAND_ID", name)
        if ident in records:
            raise MetadataError(f"{name} has two records of the band {ident}", _MEND)
        records[ident] = record
    return tuple(_band(ident, records.get(ident), name) for ident in idents)


def _band(ident: str, record: Element | None, name: str) -> BandRecord:
    gain = None if record is None else measured(record, "PHYSICAL_GAIN", name, *GAINS)
    bias = None if record is None else measured(record, "PHYSICAL_BIAS", name, *BIASES)
    if (gain is None) != (bias is None):
        raise MetadataError(f"{name}: the band {ident} has only one of PHYSICAL_GAIN and PHYSICAL_BIAS", _MEND)
    return BandRecord(NAMES.get(ident, "other"), ident, None if gain is None else 1.0 / gain, bias)


def _special(root: Element, kind: str, name: str) -> float | None:
    for value in root.iterfind(f"{_IMAGE}/Special_Values"):
        if (optional_text(value, "SPECIAL_VALUE_TEXT") or "").upper() == kind:
            return number(
                text_of(value, "SPECIAL_VALUE_INDEX", name), f"the value of {kind}", name, low=0.0, high=65535.0
            )
    return None
