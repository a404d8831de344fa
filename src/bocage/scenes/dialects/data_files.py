"""The raster files as documents of the DIMAP kind name them: ``Data_File`` with its tile and a ``DATA_FILE_PATH``."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.quantities import whole_number
from bocage.scenes.dialects.signatures import spelled
from bocage.scenes.documents import relative_name
from bocage.scenes.metadata import PartRecord


def data_files(root: Element, name: str, files: DeliveryFiles) -> tuple[PartRecord, ...]:
    """Return a record per ``Data_File``; a file without ``tile_R`` or ``tile_C`` is the tile in row or column 1.

    Raises
    ------
    MetadataError
        If a path is missing or leads out of the folder, or a tile is not a whole number from 1.
    """
    return tuple(_part(file, name, files) for file in root.iterfind(".//Data_Access//Data_File"))


def _part(file: Element, name: str, files: DeliveryFiles) -> PartRecord:
    path = file.find("DATA_FILE_PATH")
    href = "" if path is None else path.get("href", "")
    row, column = (
        whole_number(file.get(f"tile_{axis}", "1"), f"tile_{axis}", name, low=1, high=10_000) for axis in ("R", "C")
    )
    return PartRecord(spelled(relative_name(href, name), name, files), tile=(row, column))
