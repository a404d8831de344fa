"""Metadata of GeoEye's own production (until 2013): the text ``*_metadata.txt`` beside the images.

Confirmed by GDAL's sample (an IKONOS-2 order with all its sections) and by the keys that ACOLITE, OSSIM and ESA's
EO-SIP converter read from such files. No real order of GeoEye-1 was at hand: its keys are taken to be those of IKONOS,
as CATALYST's description of the format says ("similar to the IKONOS format").

The text does not name the bands; the files do: ``..._blu_0000000.tif``, one per band, or ``..._rgb_0000000.tif`` with
their bands in the order of its letters. It holds no gains, so that the scene is not calibrated.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from types import MappingProxyType

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.quantities import azimuth, bit_depth, cloud_percent, sun_elevation
from bocage.scenes.dialects.signatures import beside
from bocage.scenes.documents import number, safe_name, time
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata

_MEND = "deliver the product's own metadata file again"
_ENDING = "_metadata.txt"
_COLOURS = MappingProxyType({"blu": "blue", "grn": "green", "red": "red", "nir": "nir"})
_LETTERS = MappingProxyType({"b": "blue", "g": "green", "r": "red", "n": "nir"})
_STACKS = ("rgb", "bgr", "nrg", "bgrn", "rgbn")
_LEVELS = MappingProxyType({"standard geometrically corrected": True})


def claims(name: str, head: bytes) -> bool:
    """Say whether a file is the text of a GeoEye order."""
    return name.lower().endswith(_ENDING) and b"Product Order Metadata" in head


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read the order and its source image.

    Raises
    ------
    MetadataError
        If it names no sensor, describes several source images, or holds a value that cannot be true.
    UnsupportedSensorError
        If it is of another satellite than GeoEye-1.
    """
    order, sources = _sections(files.read(name).decode("latin-1"))
    sensor = order.get("sensor name") or next((source["sensor"] for source in sources if "sensor" in source), None)
    if sensor is None:
        raise MetadataError(f"{name} names no sensor", _MEND)
    if re.sub(r"[^a-z0-9]", "", sensor.lower()) != "geoeye1":
        raise UnsupportedSensorError(f"{name}: not supported: {sensor}", "deliver GeoEye-1, or another sensor's scenes")
    if len(sources) > 1:
        raise MetadataError(
            f"{name} describes {len(sources)} source images of different times", "order each image as its own product"
        )
    bands, parts = _rasters(name, files)
    source = sources[0] if sources else {}
    elevation = _quantity(source, "nominal collection elevation")
    return ProductMetadata(
        dialect="geoeye",
        sensor="GE1",
        platform="GeoEye-1",
        product=safe_name(PurePosixPath(name).name[: -len(_ENDING)]),
        acquired=time(source["acquisition date/time"].replace(" GMT", "+00:00"), "Acquisition Date/Time", name)
        if "acquisition date/time" in source
        else None,
        bands=bands,
        parts=parts,
        sun_elevation=sun_elevation(_quantity(source, "sun angle elevation"), name),
        sun_azimuth=azimuth(_quantity(source, "sun angle azimuth"), "Sun Angle Azimuth", name),
        # The height of the satellite above the horizon of the ground: its complement is the angle of incidence.
        off_nadir=None
        if elevation is None
        else 90.0 - number(elevation, "Nominal Collection Elevation", name, low=10.0, high=90.0),
        view_azimuth=azimuth(_quantity(source, "nominal collection azimuth"), "Nominal Collection Azimuth", name),
        cloud_cover=cloud_percent(_quantity(source, "percent cloud cover"), name),
        bit_depth=bit_depth(_quantity(order, "bits per pixel per band"), "Bits per Pixel per Band", name),
        orthorectified=_LEVELS.get(order.get("processing level", "").lower()),
    )


def _sections(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return the values of the order, and those of each source image, by their keys in small letters."""
    order: dict[str, str] = {}
    sources: list[dict[str, str]] = []
    title = ""
    for line in text.splitlines():
        plain = line.strip()
        if plain.endswith(" Metadata") and ":" not in plain:
            title = plain
        key, colon, value = plain.partition(":")
        if not colon:
            continue
        if title == "Product Order Metadata":
            order.setdefault(key.strip().lower(), value.strip())
        elif title == "Source Image Metadata":
            if key.strip() == "Source Image ID":
                sources.append({})
            if sources:
                sources[-1].setdefault(key.strip().lower(), value.strip())
    return order, sources


def _quantity(values: dict[str, str], key: str) -> str | None:
    """Return the number of a value such as ``62.5 degrees``."""
    text = values.get(key)
    return text.split()[0] if text else None


def _rasters(name: str, files: DeliveryFiles) -> tuple[tuple[BandRecord, ...], tuple[PartRecord, ...]]:
    """Return bands and files from the names of the files beside; none where no name says its bands."""
    base = re.escape(PurePosixPath(name).name[: -len(_ENDING)])
    codes = "|".join([*_COLOURS, *_STACKS])
    pattern = re.compile(rf"{base}_({codes})_(\d+)\.(tif|tiff|ntf)", re.IGNORECASE)
    found = [match for plain in sorted(beside(name, files)) if (match := pattern.fullmatch(plain))]
    if len({match[2] for match in found}) > 1:
        raise MetadataError(f"{name} belongs to several components", "deliver each component in a folder of its own")
    names = {match[1].lower(): match[0] for match in found}
    stacks = [code for code in _STACKS if code in names]
    singles = [code for code in _COLOURS if code in names]
    if len(stacks) + bool(singles) > 1 or len(names) < len(found):
        raise MetadataError(f"{name}: more than one set of images lies beside it", "deliver one set of images")
    if stacks:
        code = stacks[0]
        return tuple(BandRecord(_LETTERS[letter], letter.upper()) for letter in code), (PartRecord(names[code]),)
    bands = tuple(BandRecord(_COLOURS[code], code) for code in singles)
    return bands, tuple(PartRecord(names[code], (index,)) for index, code in enumerate(singles, 1))
