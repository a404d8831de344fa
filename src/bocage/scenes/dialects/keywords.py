"""Keyword lists of the Orfeo ToolBox (``.geom``): one ``key:  value`` a line.

Older versions of the toolbox wrote them beside an image, from the product's own metadata. They name no raster files.

Lists of Pléiades and SPOT hold angles at three or nine places in image order, the middle one of which is the centre,
and gains, biases and irradiances in the order of the records of the product's metadata. That order is not stated and is
not always the one of ``band_name_list`` (which is the order in the file: B2 B1 B0 B3). The irradiances tell: they
belong to one order of the bands only. Early lists hold 999 there; those of Pléiades then count as sorted by band id, as
all its documents are, those of SPOT stay uncalibrated, since its documents are written in both orders.

Lists of WorldView hold absCalFactor without the effective bandwidth, and those of GeoEye-1 no factors; they stay
uncalibrated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.bands import OTHER, common_name
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.dialect import NAME_BANDS
from bocage.scenes.dialects.dimap2 import BIASES, FILLER, GAINS, IRRADIANCES, NAMES
from bocage.scenes.dialects.dimap2geometry import satellite_azimuth
from bocage.scenes.dialects.quantities import azimuth, sun_elevation, tilt, whole_number
from bocage.scenes.dialects.signatures import stem, suffix
from bocage.scenes.documents import number, safe_name, time
from bocage.scenes.metadata import BandRecord, ProductMetadata
from bocage.scenes.sensors import SENSORS

_MEND = "write the keyword list again, or deliver the product's own metadata"
_LINE = re.compile(r"([A-Za-z_][\w.]*):\s*(.*)")
_SATELLITES = MappingProxyType(
    {
        "PHR 1A": ("PHR", "PHR1A"),
        "PHR 1B": ("PHR", "PHR1B"),
        "SPOT 6": ("SPOT", "SPOT6"),
        "SPOT 7": ("SPOT", "SPOT7"),
        "WV02": ("WV2", "WorldView-2"),
        "WV03": ("WV3", "WorldView-3"),
        "GeoEye-1": ("GE1", "GeoEye-1"),
    }
)
_UNSUPPORTED = MappingProxyType({"QB02": "QuickBird-2", **{f"RE{unit}I": "RapidEye" for unit in range(1, 6)}})
"""Names for a person of satellites that the lists name by a code."""
_LETTERS = MappingProxyType({"R": "red", "G": "green", "B": "blue", "N": "nir"})
"""Common names by the letters of WorldView; C, Y, RE, N2 and P are not used."""
_LIKENESS = 0.05
"""Irradiances of one band differ by less between two models of the sun; those of two bands by more."""


def claims(name: str, head: bytes) -> bool:
    """Say whether a file is a keyword list of an image."""
    return suffix(name) == ".geom" and (b"adjustment_0" in head or b"support_data." in head or b"ossim" in head)


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read a keyword list.

    Raises
    ------
    MetadataError
        If it is damaged, contradicts itself or names no satellite.
    UnsupportedSensorError
        If it is of another satellite.
    """
    words = read_keywords(name, files.read(name))
    sensor = words.get("sensor") or words.get("support_data.sensorID") or words.get("support_data.sat_id")
    if not sensor:
        raise MetadataError(f"{name} names no satellite", _MEND)
    for key in ("support_data.sensorID", "support_data.sat_id", "support_data.sensor"):
        if words.get(key, sensor) != sensor:
            raise MetadataError(f"{name} contradicts itself: it is of {sensor} and of {words[key]}", _MEND)
    if sensor not in _SATELLITES:
        raise UnsupportedSensorError(
            f"{name}: not supported: {_UNSUPPORTED.get(sensor, sensor)}",
            f"deliver an image of a supported sensor, or {NAME_BANDS}",
        )
    data = {key.removeprefix("support_data."): text for key, text in words.items() if key.startswith("support_data.")}
    code, platform = _SATELLITES[sensor]
    product = safe_name(words.get("image_id") or data.get("image_id") or stem(name)) or safe_name(stem(name))
    if code in {"PHR", "SPOT"}:
        return _airbus(name, data, code, platform, product)
    if code == "GE1":
        return _geoeye(name, data, product)
    return _worldview(name, data, code, platform, product)


def read_keywords(name: str, content: bytes) -> Mapping[str, str]:
    """Return the values of a keyword list by key, without the quotes of long ones.

    Raises
    ------
    MetadataError
        If it is not text, a line is not ``key:  value`` or a key stands twice.
    """
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise MetadataError(f"{name} is not a text file", _MEND) from error
    words: dict[str, str] = {}
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise MetadataError(f"{name}: line {row} is not a keyword and its value", _MEND)
        if found[1] in words:
            raise MetadataError(f"{name} has the keyword {found[1]} twice", _MEND)
        words[found[1]] = found[2].removeprefix('"""').removesuffix('"""').strip()
    return words


def _airbus(name: str, data: Mapping[str, str], code: str, platform: str, product: str) -> ProductMetadata:
    labels = tuple(_needed(data, "band_name_list", name).split())
    _check_count(data, len(labels), name)
    viewing = tilt(_middle(data, "viewing_angle", name), "the viewing angle", name)
    incidence = tilt(_middle(data, "incident_angle", name), "the angle of incidence", name)
    level = data.get("processing_level", "").upper()
    return ProductMetadata(
        dialect="keywords",
        sensor=code,
        platform=platform,
        product=product,
        acquired=time(_needed(data, "image_date", name), "the image date", name),
        bands=_calibrated(name, data, code, platform, labels),
        sun_elevation=sun_elevation(_middle(data, "elevation_angle", name), name),
        sun_azimuth=azimuth(_middle(data, "azimuth_angle", name), "the sun azimuth", name),
        off_nadir=incidence if viewing is None else viewing,
        view_azimuth=_view_azimuth(name, data, code),
        orthorectified={"SENSOR": False, "ORTHO": True}.get(level),
    )


def _view_azimuth(name: str, data: Mapping[str, str], code: str) -> float | None:
    """Return the azimuth of the satellite: Pléiades states that of its scan axis, SPOT the satellite's own."""
    orientation = azimuth(_middle(data, "scene_orientation", name), "the scene orientation", name)
    if code == "SPOT" or orientation is None:
        return orientation
    angles = [_middle(data, f"{kind}_track_incidence_angle", name) for kind in ("along", "across")]
    along, across = (
        None if text is None else number(text, "the angle of incidence", name, low=-80.0, high=80.0) for text in angles
    )
    return None if along is None or across is None else satellite_azimuth(orientation, along, across)


def _calibrated(
    name: str, data: Mapping[str, str], code: str, platform: str, labels: tuple[str, ...]
) -> tuple[BandRecord, ...]:
    gains, biases, suns = (
        _numbers(data, key, len(labels), name, limits)
        for key, limits in (("physical_gain", GAINS), ("physical_bias", BIASES), ("solar_irradiance", IRRADIANCES))
    )
    if (gains is None) != (biases is None):
        raise MetadataError(f"{name} has only one of physical_gain and physical_bias", _MEND)
    order = _order(name, suns, code, platform, labels)
    bands = []
    for label in labels:
        gain = bias = sun = None
        if order is not None:
            place = order.index(label)
            gain = None if gains is None else 1.0 / gains[place]
            bias = None if biases is None else biases[place]
            sun = None if suns is None or suns[place] == FILLER else suns[place]
        bands.append(BandRecord(NAMES.get(label, OTHER), label, gain, bias, sun))
    return tuple(bands)


def _order(
    name: str, suns: Sequence[float] | None, code: str, platform: str, labels: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the bands in the order of the lists of gains and irradiances; None where it cannot be told."""
    if len(labels) == 1:
        return labels
    by_id = tuple(sorted(labels))
    if suns is None or all(sun == FILLER for sun in suns):
        return by_id if code == "PHR" else None
    known = SENSORS[code].solar_irradiance[platform]
    for order in (by_id, labels):
        expected = [known.get(NAMES.get(label, OTHER)) for label in order]
        if all(e is None or abs(sun - e) <= _LIKENESS * e for sun, e in zip(suns, expected, strict=True)):
            return order
    raise MetadataError(f"{name}: its solar irradiances are not those of {platform} in any order of the bands", _MEND)


def _worldview(name: str, data: Mapping[str, str], code: str, platform: str, product: str) -> ProductMetadata:
    labels = _needed(data, "band_name_list", name).split()
    height = data.get("sat_elevation_angle")
    return ProductMetadata(
        dialect="keywords",
        sensor=code,
        platform=platform,
        product=product,
        acquired=time(_needed(data, "tlc_date", name).rstrip("; "), "the time of acquisition", name),
        bands=_unique([BandRecord(_LETTERS.get(label, OTHER), label) for label in labels], name),
        sun_elevation=sun_elevation(data.get("elevation_angle"), name),
        sun_azimuth=azimuth(data.get("azimuth_angle"), "the sun azimuth", name),
        off_nadir=_incidence(height, name),
        view_azimuth=azimuth(data.get("sat_azimuth_angle"), "the satellite's azimuth", name),
    )


def _geoeye(name: str, data: Mapping[str, str], product: str) -> ProductMetadata:
    labels = [label for label in _needed(data, "band_name", name).split("/") if label.strip()]
    _check_count(data, len(labels), name)
    return ProductMetadata(
        dialect="keywords",
        sensor="GE1",
        platform="GeoEye-1",
        product=product,
        acquired=_date_and_time(name, data),
        bands=_unique([BandRecord(common_name(label) or OTHER, label) for label in labels], name),
        sun_elevation=sun_elevation(data.get("elevation_angle"), name),
        sun_azimuth=azimuth(data.get("azimuth_angle"), "the sun azimuth", name),
        off_nadir=_incidence(data.get("nominal_collection_elevation_angle"), name),
        view_azimuth=azimuth(data.get("nominal_collection_azimuth_angle"), "the collection azimuth", name),
    )


def _date_and_time(name: str, data: Mapping[str, str]) -> datetime:
    text = f"{_needed(data, 'acquisition_date', name)}T{_needed(data, 'acquisition_time', name)}"
    return time(text, "the time of acquisition", name)


def _incidence(height: str | None, name: str) -> float | None:
    """Return the angle of incidence from the height of the satellite above the horizon, both in degrees."""
    return None if height is None else 90.0 - number(height, "the satellite's elevation", name, low=10.0, high=90.0)


def _needed(data: Mapping[str, str], key: str, name: str) -> str:
    if not data.get(key):
        raise MetadataError(f"{name} has no {key}", _MEND)
    return data[key]


def _unique(bands: list[BandRecord], name: str) -> tuple[BandRecord, ...]:
    colours = [band.name for band in bands if band.name != OTHER]
    if len(set(colours)) != len(colours):
        raise MetadataError(f"{name} names a band twice: {', '.join(colours)}", _MEND)
    return tuple(bands)


def _check_count(data: Mapping[str, str], count: int, name: str) -> None:
    stated = whole_number(_needed(data, "number_bands", name), "the number of bands", name, low=1, high=64)
    if stated != count:
        raise MetadataError(f"{name} has {stated} bands but names {count}", _MEND)


def _middle(data: Mapping[str, str], key: str, name: str) -> str | None:
    """Return the middle one of the values along (and across) the image, which is that of its centre."""
    values = data.get(key, "").split()
    if not values:
        return None
    stated = data.get(f"number_of_{key}")
    if len(values) % 2 == 0 or (stated is not None and stated != str(len(values))):
        raise MetadataError(f"{name} has {len(values)} values of {key}, an odd number as stated was expected", _MEND)
    return values[len(values) // 2]


def _numbers(
    data: Mapping[str, str], key: str, count: int, name: str, limits: tuple[float, float]
) -> list[float] | None:
    texts = data.get(key, "").split()
    if not texts:
        return None
    if len(texts) != count:
        raise MetadataError(f"{name} has {count} bands but {len(texts)} values of {key}", _MEND)
    return [number(text, key, name, low=limits[0], high=limits[1]) for text in texts]
