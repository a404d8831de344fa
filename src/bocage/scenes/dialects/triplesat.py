"""Metadata of TripleSat (DMC3, Beijing-2) of 21AT: ``TRIPLESAT_..._meta.xml``, and ESA's ``DIM*.xml``.

What is known of the delivery, none of it from a real file:

- CATALYST's description: one ``.xml``, one ``.tif`` and an RPC text per image; the multispectral TIFF holds blue
  (440-510 nm), green (510-590), red (600-670) and near infrared (760-910) as bands 1 to 4.
- GISdeveloper2017/imetadata, the reader of a Chinese archive: root ``SceneMetaData`` with ``MetaData/Satellite_Name``,
  ``Scene_ID``, ``Begin_Time``, ``Roll_Angle``, ``Cloud_Cover``; files are named
  ``TRIPLESAT_2_MS_L1_20191107021947_001FFCVI_002_..._meta.xml``. The time in the name fits UTC at the local hour of the
  orbit (10:30).
- A fork of GDAL reads ``ProductMetaData`` with ``SatelliteID``, ``ReceiveTime`` and ``CloudPercent`` (99: unknown).

The zone of ``Begin_Time`` and ``ReceiveTime`` is not known, so that a scene whose name tells no time has none. The
bands are told by their position: the metadata do not name them, and only a file name with ``MS`` or ``PSH`` in it says
that the image is the one that CATALYST describes. No calibration and no angles of the sun are known from these; the
EOP metadata of the Copernicus contributing missions supplement the time and the angles. A scene of TripleSat is
otherwise added as any raster with named bands.
"""

from __future__ import annotations

import re
from datetime import datetime

from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.esa_dimap import parse_dimap
from bocage.scenes.dialects.quantities import cloud_percent, tilt
from bocage.scenes.dialects.signatures import root_name, stem
from bocage.scenes.documents import optional_text, parse_xml, safe_name, time
from bocage.scenes.metadata import BandRecord, ProductMetadata

_ORDER = ("blue", "green", "red", "nir")
_MISSION = re.compile(rb"TR00_|TripleSat|DMC-?3|BJ-?2|Beijing-?2", re.IGNORECASE)
_NAME = re.compile(r"TRIPLESAT_\d_(MS|PSH|PMS|PAN)_L\d\w*?_(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)_", re.IGNORECASE)


def claims(name: str, head: bytes) -> bool:  # noqa: ARG001  (the name says nothing here)
    """Say whether a file is of a TripleSat satellite."""
    return (
        root_name(head) in {"SceneMetaData", "ProductMetaData", "Dimap_Document"} and _MISSION.search(head) is not None
    )


def parse(name: str, files: DeliveryFiles) -> ProductMetadata:
    """Read what the metadata are known to say.

    Raises
    ------
    MetadataError
        If the document is damaged or a value cannot be true.
    """
    root = parse_xml(name, files.read(name))
    if root.tag == "Dimap_Document":
        return parse_dimap(name, files, dialect="triplesat", sensor="TRIPLESAT", platform="TripleSat")
    product = optional_text(root, ".//Scene_ID") or re.sub(r"_meta$", "", stem(name), flags=re.IGNORECASE)
    clouds = optional_text(root, ".//Cloud_Cover") or optional_text(root, ".//CloudPercent")
    return ProductMetadata(
        dialect="triplesat",
        sensor="TRIPLESAT",
        platform="TripleSat",
        product=safe_name(product),
        acquired=_acquired(product, name),
        bands=_bands(product, name),
        off_nadir=tilt(optional_text(root, ".//Roll_Angle"), "Roll_Angle", name),
        cloud_cover=None if clouds == "99" else cloud_percent(clouds, name),
    )


def _acquired(product: str, name: str) -> datetime | None:
    found = _NAME.search(f"{product}_") or _NAME.search(f"{stem(name)}_")
    if found is None:
        return None
    _, year, month, day, hour, minute, second = found.groups()
    return time(f"{year}-{month}-{day}T{hour}:{minute}:{second}", "the time in the name", name)


def _bands(product: str, name: str) -> tuple[BandRecord, ...]:
    """Return the four bands of a multispectral or sharpened product, whose name says so; none where it does not."""
    found = _NAME.search(f"{stem(name)}_") or _NAME.search(f"{product}_")
    kind = "" if found is None else found[1].upper()
    if kind == "PAN":
        return (BandRecord("other", "PAN"),)
    # PMS names the pair of a panchromatic and a multispectral image, not a file.
    return (
        tuple(BandRecord(colour, f"B{index}") for index, colour in enumerate(_ORDER, 1))
        if kind in {"MS", "PSH"}
        else ()
    )
