"""Metadata of KOMPSAT-3 and -3A: the auxiliary file ``*_Aux.xml`` beside one image per band.

Confirmed by the real auxiliary files (KOMPSAT-3 of 2016 and 2020, KOMPSAT-3A of 2021) among the test data of
Terradue/Stars: element names, ``OffNadir`` (3A) and ``Offnadir`` (3), ``MS1`` to ``MS4`` and, for pan-sharpened images,
``PS1`` to ``PS4``, with their ``ImageColor``. That radiance is ``Gain * DN + Offset`` in W m-2 sr-1 um-1 is said by the
documentation of the International Charter's calibration service.

KOMPSAT-2 comes with a text or an ``.eph`` of ``AUX_...`` keys; it is told apart and not supported.
"""

from __future__ import annotations

import re
from datetime import datetime
from types import MappingProxyType
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.bands import common_name
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.quantities import azimuth, bit_depth, cloud_percent, sun_elevation, tilt
from bocage.scenes.dialects.signatures import root_name, spelled, stem
from bocage.scenes.documents import number, optional_text, parse_xml, relative_name, safe_name, text_of, time
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata

_MEND = "deliver the product's own metadata file again"
_PLATFORMS = ("KOMPSAT-3", "KOMPSAT-3A")
_NUMBERED = MappingProxyType({"1": "blue", "2": "green", "3": "red", "4": "nir"})
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d(?:\.\d+)?)")


def claims(name: str, head: bytes) -> bool:
    """Say whether a file is an auxiliary file of the Korean satellites, in XML or as text."""
    return (root_name(head) == "Auxiliary" and name.lower().endswith("aux.xml")) or b"AUX_SATELLITE_NAME" in head


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read an auxiliary file.

    Raises
    ------
    MetadataError
        If it describes no multispectral image, or a value is missing or cannot be true.
    UnsupportedSensorError
        If it is of KOMPSAT-2, KOMPSAT-5 or CAS500.
    """
    content = files.read(name)
    if text := re.search(rb"AUX_SATELLITE_NAME\s+(\S+)", content):
        raise _unsupported(name, re.sub(r"(?<=[A-Z])(?=\d)", "-", text[1].decode("latin-1")))
    root = parse_xml(name, content)
    platform = text_of(root, "General/Satellite", name)
    if platform not in _PLATFORMS:
        raise _unsupported(name, platform)
    images = _images(name, root)
    first = images[0]
    moment = _stamp(text_of(first, "ImagingTime/ImagingStartTime/UTC", name), name)
    centre = optional_text(first, "ImagingTime/ImagingCenterTime/UTC")
    sun = _sun(name, root, moment if centre is None else _stamp(centre, name))
    level = (optional_text(root, "General/ProductLevel") or "").upper()
    return ProductMetadata(
        dialect="kompsat",
        sensor="KS3",
        platform=platform,
        product=safe_name(re.sub(r"_?Aux$", "", stem(name), flags=re.IGNORECASE)),
        acquired=moment,
        bands=tuple(_band(name, image) for image in images),
        parts=tuple(_part(name, image, index, files) for index, image in enumerate(images, 1)),
        sun_elevation=sun_elevation(None if sun is None else optional_text(sun, "Elevation"), name),
        sun_azimuth=azimuth(None if sun is None else optional_text(sun, "Azimuth"), "the sun azimuth", name),
        off_nadir=tilt(
            optional_text(first, "Angle/OffNadir") or optional_text(first, "Angle/Offnadir"), "OffNadir", name
        ),
        view_azimuth=azimuth(optional_text(first, "Angle/Azimuth"), "Azimuth", name),
        cloud_cover=cloud_percent(optional_text(first, "CloudCover/Average"), name),
        bit_depth=bit_depth(optional_text(root, "General/DesignBitsPerPixel"), "DesignBitsPerPixel", name),
        orthorectified={"LEVEL1R": False, "LEVEL1O": True, "LEVEL1G": True}.get(level),
    )


def _unsupported(name: str, satellite: str) -> UnsupportedSensorError:
    return UnsupportedSensorError(f"{name}: not supported: {satellite}", f"deliver scenes of {', '.join(_PLATFORMS)}")


def _images(name: str, root: Element) -> list[Element]:
    """Return the multispectral images, or the pan-sharpened ones where there are none, in the order of the file."""
    holder = root.find("Image")
    images = [] if holder is None else list(holder)
    for kind in ("MS", "PS"):
        chosen = [image for image in images if re.fullmatch(rf"{kind}[1-4]", image.tag)]
        if len({image.tag for image in chosen}) < len(chosen):
            raise MetadataError(f"{name} has a band of {kind} twice", _MEND)
        if chosen:
            return chosen
    raise MetadataError(f"{name} describes no multispectral image", "deliver the images of the bands with it")


def _band(name: str, image: Element) -> BandRecord:
    expected = _NUMBERED[image.tag[-1]]
    stated = optional_text(image, "ImageColor")
    # Some files say "Not Applicable"; the number of the band has one meaning in all of them.
    if stated is not None and not stated.lower().startswith("not") and common_name(stated) != expected:
        raise MetadataError(f"{name}: {image.tag} is said to be {stated}, not {expected}", _MEND)
    texts = [optional_text(image, f"RadianceConversion/{what}") for what in ("Gain", "Offset")]
    if texts[0] is None or texts[1] is None:
        return BandRecord(expected, image.tag)
    gain = number(texts[0], f"Gain of {image.tag}", name, low=0.0, high=10.0)
    offset = number(texts[1], f"Offset of {image.tag}", name, low=-1000.0, high=1000.0)
    # Where the maker has not calibrated a band both are 0.
    return BandRecord(expected, image.tag, gain, offset) if gain > 0.0 else BandRecord(expected, image.tag)


def _part(name: str, image: Element, index: int, files: DeliveryFiles) -> PartRecord:
    href = relative_name(text_of(image, "ImageFileName", name), name)
    return PartRecord(spelled(href, name, files), (index,))


def _stamp(text: str, name: str) -> datetime:
    """Return a time such as ``20210113132919.2834234``."""
    found = _STAMP.fullmatch(text)
    if found is None:
        raise MetadataError(f"{name}: {text!r} is not a time", _MEND)
    year, month, day, hour, minute, second = found.groups()
    return time(f"{year}-{month}-{day}T{hour}:{minute}:{second}", "the imaging time", name)


def _sun(name: str, root: Element, moment: datetime) -> Element | None:
    """Return the angles of the sun at the moment nearest to that of the image: the blocks may cover the whole strip."""
    blocks = [
        (abs((_stamp(stamp, name) - moment).total_seconds()), block.find("SunAngle"))
        for block in root.iterfind("Metadata/MetadataBlock")
        if (stamp := optional_text(block, "Time")) is not None
    ]
    return min(blocks, key=lambda block: block[0])[1] if blocks else None
