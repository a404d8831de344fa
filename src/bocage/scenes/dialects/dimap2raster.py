"""The raster files of a DIMAP 2 product: which bands they hold in which order, and how they are cut into tiles.

``Data_Files`` groups the tiles of one stack of bands. Pléiades and SPOT have one group for all bands, Pléiades Neo has
one for red, green and blue and one for near infrared, red edge and deep blue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError
from bocage.scenes.dialects.dialect import NAME_BANDS
from bocage.scenes.dialects.quantities import whole_number
from bocage.scenes.documents import number, optional_text, text_of
from bocage.scenes.metadata import PartRecord

_MEND = "deliver the product's own metadata file again"
_CHANNELS = ("RED_CHANNEL", "GREEN_CHANNEL", "BLUE_CHANNEL", "ALPHA_CHANNEL")
_NATURAL = (("red", "green", "blue"), ("red", "green", "blue", "nir"))
_MOST = 64  # bands; the largest image of the families has 6


@dataclass(frozen=True, slots=True)
class Stack:
    """The tiles that hold the same bands: (row, column, path as it is written) and the band ids in file order."""

    tiles: tuple[tuple[int, int, str], ...]
    bands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """All stacks of an image, and the digital numbers with a meaning of their own."""

    stacks: tuple[Stack, ...] = ()
    nodata: float | None = None
    saturation: float | None = None

    @property
    def bands(self) -> tuple[str, ...]:
        """Ids of all bands, stack after stack."""
        return tuple(band for stack in self.stacks for band in stack.bands)

    def parts(self, path: Callable[[str], str]) -> Iterator[PartRecord]:
        """Yield a record per file; ``path`` checks a path as it is written."""
        first = 1
        for stack in self.stacks:
            bands = tuple(range(first, first + len(stack.bands))) if len(self.stacks) > 1 else ()
            first += len(stack.bands)
            yield from (PartRecord(path(href), bands, (row, column)) for row, column, href in stack.tiles)


def read_layout(root: Element, name: str, names: Mapping[str, str]) -> Layout:
    """Return the layout of the raster files; an empty one where the document does not describe them.

    Parameters
    ----------
    root, name
        The document and its name for messages.
    names
        Common names by band id.

    Raises
    ------
    MetadataError
        If bands or tiles are missing, stand twice or do not add up, or the order of the bands is not stated.
    """
    raster = root.find("Raster_Data")
    if raster is None:
        return Layout()
    count = whole_number(text_of(raster, "Raster_Dimensions/NBANDS", name), "NBANDS", name, low=1, high=_MOST)
    groups = raster.findall("Data_Access/Data_Files")
    if not groups:
        raise MetadataError(f"{name} names no raster files", _MEND)
    shared = raster.find("Raster_Display")
    displays = [own if (own := group.find("Raster_Display")) is not None else shared for group in groups]
    stacks: list[Stack] = []
    for group, display in zip(groups, displays, strict=True):
        before = sum(len(stack.bands) for stack in stacks)
        only = count if len(groups) == 1 else None
        stacks.append(Stack(_tiles(group, raster, name), _order(display, only, before, name, names)))
    bands = [band for stack in stacks for band in stack.bands]
    if len(bands) != count:
        raise MetadataError(f"{name} has {count} bands but describes {len(bands)}", _MEND)
    colours = [names[band] for band in bands if band in names]
    if len(set(bands)) != count or len(set(colours)) != len(colours):
        raise MetadataError(f"{name} names a band twice: {', '.join(bands)}", _MEND)
    described = [display for display in displays if display is not None]
    nodata, saturation = (_special(described, kind, name) for kind in ("NODATA", "SATURATED"))
    return Layout(tuple(stacks), nodata, saturation)


def _order(
    display: Element | None, count: int | None, before: int, name: str, names: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the band ids of a stack in the order of its files."""
    if display is None:
        raise MetadataError(f"{name} does not say in which order its bands lie", NAME_BANDS)
    records = display.findall("Raster_Index_List/Raster_Index")
    if records:
        return _indexed(records, before, name)
    order = display.find("Band_Display_Order")
    texts = [] if order is None else [optional_text(order, channel) for channel in _CHANNELS]
    bands = tuple(dict.fromkeys(text for text in texts if text))
    if not bands or count is None:
        raise MetadataError(f"{name} does not say in which order its bands lie", NAME_BANDS)
    if len(bands) != count:
        raise MetadataError(f"{name} has {count} bands but displays {len(bands)}: {', '.join(bands)}", _MEND)
    if count > 1 and tuple(names.get(band, "other") for band in bands) not in _NATURAL:
        raise MetadataError(
            f"{name} displays the bands {', '.join(bands)} in false colours, which do not say in which order they lie",
            NAME_BANDS,
        )
    return bands


def _indexed(records: list[Element], before: int, name: str) -> tuple[str, ...]:
    """Return band ids by their ``BAND_INDEX``, which counts from 1 within the stack.

    A published Pléiades Neo document counts the first band of its second stack through the whole image (4 for the band
    after the first three); such an index is understood where no index of the stack itself can be meant.
    """
    places: dict[int, str] = {}
    for record in records:
        band = text_of(record, "BAND_ID", name)
        index = whole_number(text_of(record, "BAND_INDEX", name), "BAND_INDEX", name, low=1, high=_MOST)
        place = index - before if index > len(records) else index
        if not 1 <= place <= len(records) or place in places:
            raise MetadataError(
                f"{name}: BAND_INDEX {index} of the band {band} stands twice or beyond the bands", _MEND
            )
        places[place] = band
    return tuple(places[place] for place in sorted(places))


def _tiles(group: Element, raster: Element, name: str) -> tuple[tuple[int, int, str], ...]:
    found = group.findall("Data_File")
    tiles: dict[tuple[int, int], str] = {}
    for file in found:
        row, column = (file.get(key) or ("1" if len(found) == 1 else "") for key in ("tile_R", "tile_C"))
        place = (
            whole_number(row, "tile_R", name, low=1, high=100_000),
            whole_number(column, "tile_C", name, low=1, high=100_000),
        )
        if place in tiles:
            raise MetadataError(f"{name} has two files for the tile in row {place[0]}, column {place[1]}", _MEND)
        path = file.find("DATA_FILE_PATH")
        tiles[place] = (path.get("href") or "") if path is not None else ""
    if not tiles:
        raise MetadataError(f"{name} names no raster files", _MEND)
    _check_tiling(tiles.keys(), raster, name)
    return tuple((row, column, tiles[row, column]) for row, column in sorted(tiles))


def _check_tiling(places: Collection[tuple[int, int]], raster: Element, name: str) -> None:
    """Check the tiles against the tiling that the document states."""
    total = optional_text(raster, "Raster_Dimensions/Tile_Set/NTILES")
    if total is not None and whole_number(total, "NTILES", name) != len(places):
        raise MetadataError(f"{name} has {total} tiles but names {len(places)} files", _MEND)
    tiling = raster.find("Raster_Dimensions/Tile_Set/Regular_Tiling")
    if tiling is None:
        return
    overlap = tiling.find("NTILES_OVERLAP")
    texts = [optional_text(tiling, "OVERLAP_ROW"), optional_text(tiling, "OVERLAP_COL")]
    texts += [] if overlap is None else [overlap.get("nrows"), overlap.get("ncols")]
    if any(number(text, "the overlap of tiles", name, low=0.0) > 0.0 for text in texts if text):
        raise MetadataError(f"{name} describes tiles that overlap", "mosaic them before they are delivered")
    counts = tiling.find("NTILES_COUNT")
    if counts is None:
        return
    rows, columns = (
        whole_number(counts.get(key) or "", key, name, low=1, high=100_000) for key in ("ntiles_R", "ntiles_C")
    )
    if beyond := [place for place in places if place[0] > rows or place[1] > columns]:
        row, column = beyond[0]
        raise MetadataError(
            f"{name} has a tile in row {row}, column {column}, but {rows} rows and {columns} columns of tiles", _MEND
        )


def _special(displays: list[Element], kind: str, name: str) -> float | None:
    """Return the digital number of a special value, which all stacks must state alike."""
    values = {
        number(text_of(value, "SPECIAL_VALUE_COUNT", name), f"the value of {kind}", name, low=0.0, high=65535.0)
        for display in displays
        for value in display.iterfind("Special_Value")
        if (optional_text(value, "SPECIAL_VALUE_TEXT") or "").upper() == kind
    }
    if len(values) > 1:
        raise MetadataError(f"{name} states several values of {kind}", _MEND)
    return values.pop() if values else None
