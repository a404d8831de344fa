"""Metadata of DigitalGlobe (Maxar, Vantor): image metadata (IMD), tile index (TIL) and the XML that holds both.

Confirmed by real files: GDAL's and rpcm's samples of WorldView-1, -2 and -3, and the GeoEye-1 deliveries among the test
data of Terradue/Stars. The meaning of ``bandId`` is that of the "Imagery Support Data" documentation.

Radiance is ``gain * DN * absCalFactor / effectiveBandwidth + offset`` in W m-2 sr-1 um-1, with the gains and offsets of
the note "Absolute Radiometric Calibration", release 2018v0; absCalFactor is in W m-2 sr-1 per count and
effectiveBandwidth in um. It holds for 16-bit numbers as they came from the sensor, so that 8-bit and enhanced products
stay uncalibrated.
"""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.pvl import DEPTH_LIMIT, Group, read_groups
from bocage.scenes.dialects.quantities import azimuth, cloud_percent, sun_elevation, tilt, whole_number
from bocage.scenes.dialects.signatures import companion, root_name, spelled, stem, suffix
from bocage.scenes.documents import number, parse_xml, relative_name, safe_name, time
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata
from bocage.scenes.sensors import GENERIC

_MEND = "deliver the product's own metadata file again"

_SATELLITES = MappingProxyType(
    {"WV02": ("WV2", "WorldView-2"), "WV03": ("WV3", "WorldView-3"), "GE01": ("GE1", "GeoEye-1")}
)
_UNSUPPORTED = MappingProxyType(
    {"QB02": "QuickBird-2", "WV01": "WorldView-1", "WV04": "WorldView-4", "IK01": "IKONOS-1", "IK02": "IKONOS-2"}
)
_COLOURS = MappingProxyType({"B": "blue", "G": "green", "R": "red", "N": "nir"})
_ORDERS = MappingProxyType({"RGB": "R G B", "NRG": "N R G", "BGRN": "B G R N"})
"""Bands of the pan-sharpened products: their bandId is the order."""
_SETS = MappingProxyType(
    {"P": ("P",), "MS1": ("B G R N",), "MS2": ("N2 RE Y C",), "Multi": ("B G R N", "C B G Y R RE N N2")}
)
"""Bands of the other products, whose order is that of the groups."""

_CALIBRATION = MappingProxyType(
    {
        "WV2": {"blue": (1.002, -9.835), "green": (0.953, -7.218), "red": (0.955, -5.046), "nir": (0.966, -5.096)},
        "WV3": {"blue": (0.946, -9.409), "green": (0.958, -7.771), "red": (0.969, -4.579), "nir": (0.977, -6.508)},
        "GE1": {"blue": (1.041, 0.0), "green": (0.972, 0.0), "red": (0.979, 0.0), "nir": (0.951, 0.0)},
    }
)
"""Gain and offset of 2018v0 by sensor and band."""


def claims(name: str, head: bytes) -> bool:
    """Say whether a file is an IMD, a TIL or an XML with the root ``isd``."""
    return suffix(name) in {".imd", ".til"} or root_name(head) == "isd"


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read image metadata and tile index, whichever of the three files is named.

    Raises
    ------
    MetadataError
        If the file is damaged, the groups of bands contradict ``bandId``, or a value cannot be true.
    UnsupportedSensorError
        If it is of another satellite than WorldView-2, WorldView-3 or GeoEye-1.
    """
    image, tiles = _sections(name, files)
    parts = () if tiles is None else _parts(name, tiles, files)
    if image is None:
        return ProductMetadata("digitalglobe", product=safe_name(stem(name)), parts=parts)
    return _product(name, image, parts)


def _sections(name: str, files: DeliveryFiles) -> tuple[Group | None, Group | None]:
    """Return image metadata and tile index, from the file itself and from its companion."""
    content = files.read(name)
    if suffix(name) == ".imd":
        index = companion(name, ".til", files)
        return read_groups(name, content), None if index is None else read_groups(index, files.read(index))
    if suffix(name) == ".til":
        source = companion(name, ".xml", files)
        if source is not None and root_name(files.head(source)) == "isd":
            return _sections(source, files)[0], read_groups(name, content)
        source = companion(name, ".imd", files)
        return None if source is None else read_groups(source, files.read(source)), read_groups(name, content)
    root = parse_xml(name, content)
    found = root.find("IMD")
    if root.tag != "isd" or found is None:
        raise MetadataError(f"{name} has no IMD", _MEND)
    index_element = root.find("TIL")
    return _xml_group(name, found, 1), None if index_element is None else _xml_group(name, index_element, 1)


def _xml_group(name: str, element: Element, depth: int) -> Group:
    """Return an element with its values and groups; repeated elements become numbered groups, lists are left out."""
    if depth > DEPTH_LIMIT:
        raise MetadataError(f"{name} nests more than {DEPTH_LIMIT} groups", _MEND)
    group = Group(element.tag.upper())
    repeated = 0
    for child in element:
        tag = str(child.tag).upper()
        if tag.endswith("LIST"):
            continue
        if len(child) == 0:
            if tag in group.values:
                raise MetadataError(f"{name} states {tag} twice", _MEND)
            group.values[tag] = (child.text or "").strip()
            continue
        if tag in group.groups:
            if tag.startswith("BAND_"):
                raise MetadataError(f"{name} has the group {tag} twice", _MEND)
            repeated += 1
            tag = f"{tag}_{repeated}"
        group.groups[tag] = _xml_group(name, child, depth + 1)
    return group


def _product(name: str, image: Group, parts: tuple[PartRecord, ...]) -> ProductMetadata:
    view = image.group("IMAGE")
    if view is None:
        raise MetadataError(f"{name} has no group IMAGE", _MEND)
    sensor, platform = _satellite(name, view.values.get("SATID"))
    values = view.values
    return ProductMetadata(
        dialect="digitalglobe",
        sensor=sensor,
        platform=platform,
        product=safe_name(stem(name)),
        acquired=_acquired(name, image, view),
        bands=_bands(name, sensor, image),
        parts=parts,
        sun_elevation=sun_elevation(values.get("MEANSUNEL"), name),
        sun_azimuth=azimuth(values.get("MEANSUNAZ"), "meanSunAz", name),
        off_nadir=tilt(values.get("MEANOFFNADIRVIEWANGLE"), "meanOffNadirViewAngle", name),
        view_azimuth=azimuth(values.get("MEANSATAZ"), "meanSatAz", name),
        cloud_cover=_clouds(name, values.get("CLOUDCOVER")),
        bit_depth=8 if image.values.get("BITSPERPIXEL") == "8" else None,
        orthorectified=_projected(image),
    )


def _satellite(name: str, code: str | None) -> tuple[str, str]:
    if not code:
        raise MetadataError(f"{name} has no satId", _MEND)
    if code not in _SATELLITES:
        raise UnsupportedSensorError(
            f"{name}: not supported: {_UNSUPPORTED.get(code, code)}",
            f"deliver scenes of {', '.join(platform for _, platform in _SATELLITES.values())}",
        )
    return _SATELLITES[code]


def _acquired(name: str, image: Group, view: Group) -> datetime | None:
    map_product = image.group("MAP_PROJECTED_PRODUCT")
    for what, group in (("firstLineTime", view), ("TLCTime", view), ("earliestAcqTime", map_product)):
        text = None if group is None else group.values.get(what.upper())
        if text:
            return time(text, what, name)
    return None


def _clouds(name: str, text: str | None) -> float | None:
    """Return percent from a share of 0 to 1; -999 stands for not assessed."""
    if text is None or number(text, "cloudCover", name) == -999.0:
        return None
    return cloud_percent(str(100.0 * number(text, "cloudCover", name, low=0.0, high=1.0)), name)


def _projected(image: Group) -> bool | None:
    """Return whether the product lies on a map projection: levels 2A and 3 do, basic imagery (1B) does not."""
    level = image.values.get("PRODUCTLEVEL", "").upper()
    if "1B" in level:
        return False
    return True if "2A" in level or "LV3" in level else None


def _bands(name: str, sensor: str, image: Group) -> tuple[BandRecord, ...]:
    """Return the bands in the order of their groups, which is that of the image; none where there are no groups."""
    found = {key.removeprefix("BAND_"): group for key, group in image.groups.items() if key.startswith("BAND_")}
    identity = image.values.get("BANDID", "")
    letters = " ".join(found)
    if identity in _ORDERS:
        fits = letters == _ORDERS[identity]
    elif identity in _SETS:
        fits = sorted(found) in [sorted(option.split()) for option in _SETS[identity]]
    else:
        fits = not identity or letters == identity
    if found and not fits:
        raise MetadataError(f"{name}: the groups of bands ({letters}) contradict bandId {identity!r}", _MEND)
    raw = (
        image.values.get("BITSPERPIXEL", "16") == "16"
        and image.values.get("RADIOMETRICLEVEL", "Corrected") == "Corrected"
        and image.values.get("RADIOMETRICENHANCEMENT", "Off") == "Off"
    )
    return tuple(_band(name, letter, group, sensor if raw else GENERIC) for letter, group in found.items())


def _band(name: str, letter: str, group: Group, sensor: str) -> BandRecord:
    colour = _COLOURS.get(letter, "other")
    label = f"BAND_{letter}"
    factor, width = group.values.get("ABSCALFACTOR"), group.values.get("EFFECTIVEBANDWIDTH")
    checked = [
        number(text, f"{what} of {label}", name, low=1e-9, high=10.0)
        for what, text in (("absCalFactor", factor), ("effectiveBandwidth", width))
        if text is not None
    ]
    coefficients = _CALIBRATION.get(sensor, {}).get(colour)
    if coefficients is None or len(checked) < 2:
        return BandRecord(colour, label)
    gain, offset = coefficients
    return BandRecord(colour, label, gain * checked[0] / checked[1], offset)


def _parts(name: str, tiles: Group, files: DeliveryFiles) -> tuple[PartRecord, ...]:
    """Return the files of the tile index with the pixels at which they begin."""
    entries = [group.values for group in tiles.numbered("TILE")] or _dotted(tiles)
    stated = tiles.values.get("NUMTILES")
    if not entries or (stated is not None and whole_number(stated, "numTiles", name) != len(entries)):
        raise MetadataError(f"{name}: the tile index names {len(entries)} of {stated or 'its'} tiles", _MEND)
    parts = []
    for values in entries:
        if missing := {"FILENAME", "ULROWOFFSET", "ULCOLOFFSET"} - values.keys():
            raise MetadataError(f"{name}: a tile of the index has no {', '.join(sorted(missing))}", _MEND)
        row, column = (whole_number(values[f"UL{what}OFFSET"], f"UL{what}Offset", name) for what in ("ROW", "COL"))
        part = spelled(relative_name(values["FILENAME"], name), name, files)
        parts.append(PartRecord(part, offset=(row, column)))
    if len({part.name for part in parts}) < len(parts) or len({part.offset for part in parts}) < len(parts):
        raise MetadataError(f"{name}: two tiles of the index are one file or lie at one place", _MEND)
    return tuple(parts)


def _dotted(tiles: Group) -> list[dict[str, str]]:
    """Return the tiles of an index that writes ``TILE_1.filename = ...`` in place of groups."""
    entries: dict[str, dict[str, str]] = {}
    for key, text in tiles.values.items():
        tile, dot, what = key.partition(".")
        if dot and tile.startswith("TILE_"):
            entries.setdefault(tile, {})[what] = text
    return list(entries.values())
