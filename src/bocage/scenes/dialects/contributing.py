"""The circulation report ``GSC_CR_ESA_*.xml`` of a Copernicus contributing mission: an Earth Observation Profile (EOP).

It stands beside the delivery of the maker and supplements it: satellite, time, angles, cloud. It knows neither bands
nor gains. Paths are those that the Copernicus Data Space (eu-cdse/eometadatatool, ``CCM_OPTICAL.csv``) and EOxServer
read: ``gsc:report/gsc:opt_metadata`` with ``eop:`` and ``opt:`` elements; short names of the satellites are those of
the Data Space's documentation. No real report was at hand. A plain ``eop:`` or ``opt:EarthObservation`` is read alike.
"""

from __future__ import annotations

from types import MappingProxyType
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.quantities import azimuth, cloud_percent, sun_elevation, tilt, whole_tilt
from bocage.scenes.dialects.signatures import root_name, spelled, suffix
from bocage.scenes.documents import optional_text, parse_xml, relative_name, safe_name, text_of, time
from bocage.scenes.metadata import PartRecord, ProductMetadata

_HREF = "{http://www.w3.org/1999/xlink}href"
_RASTERS = frozenset({".tif", ".tiff", ".jp2", ".ntf"})

SATELLITES = MappingProxyType(
    {
        "PH1A": ("PHR", "PHR1A"),
        "PH1B": ("PHR", "PHR1B"),
        "PN03": ("PNEO", "PNEO3"),
        "PN04": ("PNEO", "PNEO4"),
        "SP06": ("SPOT", "SPOT6"),
        "SP07": ("SPOT", "SPOT7"),
        "SW00": ("SV1", "SuperView-1"),
        "EW02": ("WV2", "WorldView-2"),
        "EW03": ("WV3", "WorldView-3"),
        "KS03": ("KS3", "KOMPSAT-3"),
        "KS04": ("KS3", "KOMPSAT-3A"),
        "GY01": ("GE1", "GeoEye-1"),
        "DM02": ("GEOSAT2", "Geosat-2"),
        "TR00": ("TRIPLESAT", "TripleSat"),
        "VS01": ("VS1", "Vision-1"),
    }
)
"""Sensor and platform by the short name of the satellite."""

_UNSUPPORTED = MappingProxyType(
    {
        "AL01": "ALOS", "BJ01": "Beijing-1", "DE01": "Deimos-1", "DM01": "Deimos-1", "FO02": "Formosat-2",
        "IR06": "Resourcesat-1", "IR07": "Resourcesat-2", "NG01": "NigeriaSat-1", "PL00": "PlanetScope",
        "QB02": "QuickBird-2", "RE00": "RapidEye", "S20A": "Sentinel-2", "SP04": "SPOT-4", "SP05": "SPOT-5",
        "UK01": "UK-DMC-1", "UK02": "UK-DMC-2",
    }
)  # fmt: skip


def claims(name: str, head: bytes) -> bool:  # noqa: ARG001  (the name says nothing here)
    """Say whether a file is a circulation report or an EOP document of optical data."""
    return root_name(head) in {"gsc:report", "eop:EarthObservation", "opt:EarthObservation"} or (
        root_name(head) == "report" and b"http://earth.esa.int/gsc" in head
    )


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read a report.

    Raises
    ------
    MetadataError
        If satellite or time are missing, or a value cannot be true.
    UnsupportedSensorError
        If the satellite is none of the table.
    """
    root = parse_xml(name, files.read(name))
    satellite = text_of(root, ".//platform/Platform/shortName", name)
    if satellite not in SATELLITES:
        raise UnsupportedSensorError(
            f"{name}: not supported: {_UNSUPPORTED.get(satellite, satellite)}",
            f"deliver scenes of {', '.join(platform for _, platform in SATELLITES.values())}",
        )
    sensor, platform = SATELLITES[satellite]
    along, across = (
        tilt(optional_text(root, f".//{what}TrackIncidenceAngle"), f"{what}TrackIncidenceAngle", name)
        for what in ("along", "across")
    )
    return ProductMetadata(
        dialect="contributing",
        sensor=sensor,
        platform=platform,
        product=safe_name(text_of(root, ".//identifier", name)),
        acquired=time(text_of(root, ".//TimePeriod/beginPosition", name), "beginPosition", name),
        parts=_parts(name, root, files),
        sun_elevation=sun_elevation(optional_text(root, ".//illuminationElevationAngle"), name),
        sun_azimuth=azimuth(optional_text(root, ".//illuminationAzimuthAngle"), "illuminationAzimuthAngle", name),
        off_nadir=whole_tilt(along, across),
        cloud_cover=cloud_percent(optional_text(root, ".//cloudCoverPercentage"), name),
        orthorectified=_orthorectified(root),
    )


def _parts(name: str, root: Element, files: DeliveryFiles) -> tuple[PartRecord, ...]:
    """Return the images that the report names; it mostly names the archive instead."""
    hrefs = []
    for element in root.iterfind(".//ProductInformation/fileName"):
        reference = element.find("ServiceReference")
        hrefs.append((element.text or "") if reference is None else reference.get(_HREF, ""))
    parts = [relative_name(href, name) for href in hrefs if suffix(href.strip()) in _RASTERS]
    if len(set(parts)) < len(parts):
        raise MetadataError(f"{name} names an image twice", "deliver the product's own metadata file again")
    return tuple(PartRecord(spelled(part, name, files)) for part in parts)


def _orthorectified(root: Element) -> bool | None:
    for entry in root.iterfind(".//SpecificInformation"):
        if optional_text(entry, "localAttribute") == "proc_level":
            return True if (optional_text(entry, "localValue") or "").lower().startswith("ortho") else None
    return None
