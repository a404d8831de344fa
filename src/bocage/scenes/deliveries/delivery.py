"""One delivery: the files of one scene and what their metadata say, before any pixel is read."""

from __future__ import annotations

from dataclasses import dataclass

from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.metadata import PartRecord, ProductMetadata


@dataclass(frozen=True, slots=True)
class Delivery:
    """A scene as it was delivered.

    Attributes
    ----------
    id
        Name of the scene, safe as a file name: the stem of a single raster, else the product's identifier.
    files
        The tree in which the files lie.
    parts
        The raster files, by their names in ``files`` (not relative to the metadata file any more).
    metadata
        What the metadata say; None for a raster without any.
    documents
        The metadata files and companions that were read, by their names in ``files``.
    masks
        Cloud masks by their names in ``files``.
    """

    id: str
    files: DeliveryFiles
    parts: tuple[PartRecord, ...]
    metadata: ProductMetadata | None = None
    documents: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
