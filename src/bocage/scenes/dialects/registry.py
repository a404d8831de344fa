"""Which dialect a metadata file is written in, and what it says."""

from __future__ import annotations

from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects import (
    contributing,
    digitalglobe,
    dimap1,
    dimap2,
    foreign,
    geoeye,
    keywords,
    kompsat,
    pleiades_archive,
    stac,
    superview,
    triplesat,
    vision1,
)
from bocage.scenes.dialects.dialect import Dialect
from bocage.scenes.dialects.signatures import suffix
from bocage.scenes.metadata import ProductMetadata

DIALECTS: tuple[Dialect, ...] = (
    foreign,
    vision1,
    superview,
    triplesat,
    kompsat,
    digitalglobe,
    geoeye,
    contributing,
    pleiades_archive,
    dimap2,
    dimap1,
    keywords,
    stac,
)
"""All dialects in the order in which they are asked: those that know one family before those of many (DIMAP)."""

SUFFIXES = frozenset({".xml", ".dim", ".imd", ".til", ".txt", ".eph", ".geom", ".pass", ".pvl", ".json"})
"""Suffixes of metadata files, in small letters; a file of another suffix is not looked into."""


def read_metadata(name: str, files: DeliveryFiles) -> ProductMetadata | None:
    """Return what a metadata file says, or None where it is not metadata of a product (an RPC file, a volume index).

    Raises
    ------
    MetadataError
        If it is damaged, lacks what a scene needs or holds a value that cannot be true.
    UnsupportedSensorError
        If it is of a sensor that Bocage does not support ("... not supported: IKONOS-2").
    SceneError
        If it cannot be read or is too large for a metadata file.
    """
    if suffix(name) not in SUFFIXES or files.state(name).size == 0:
        return None
    head = files.head(name)
    dialect = next((dialect for dialect in DIALECTS if dialect.claims(name, head)), None)
    return None if dialect is None else dialect.parse(name, files)
