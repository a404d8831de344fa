"""The pixels of a DIMAP version 2 product: its files, dimensions, coding and the order of its bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element

from bocage.simulation.deliveries.documents import node
from bocage.simulation.deliveries.product import Product
from bocage.simulation.families import Channel

_PLEIADES_IDS = {"blue": "B0", "green": "B1", "red": "B2", "nir": "B3"}
_NEO_IDS = {"blue": "B", "green": "G", "red": "R", "nir": "NIR"}
_NEO_NAMES = {"R": "Red", "G": "Green", "B": "Blue", "NIR": "NIR", "RE": "Red Edge", "DB": "Deep Blue"}


@dataclass(frozen=True, slots=True)
class Group:
    """The bands that one set of files holds: what it adds to their names, and the bands, counted from 0."""

    suffix: str
    bands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """What differs between the families: names, groups of bands and how the pixels are coded."""

    mission: str
    index: str
    spectral: str
    volume: str
    job: str
    groups: tuple[Group, ...]
    coding: Literal["image/tiff", "image/jp2"]

    @property
    def satellite(self) -> str:
        """Name of the satellite as the files have it."""
        return f"{self.mission}{self.index}"


def tile_name(stem: str, group: Group, row: int, column: int, style: Style) -> str:
    """Return the name of the file of one tile."""
    return f"IMG_{stem}{group.suffix}_R{row}C{column}.{'TIF' if style.coding == 'image/tiff' else 'JP2'}"


def bits_of(product: Product) -> int:
    """Return the significant bits of the numbers."""
    return product.take.largest.bit_length()


def raster_data(product: Product, style: Style, stem: str) -> Element:
    """Return the element ``Raster_Data``."""
    parts = [_data_access(product, style, stem), _dimensions(product, style), _encoding()]
    if style.mission != "PNEO":
        parts.append(_display(product))
    return node("Raster_Data", parts)


def band_id(channel: Channel, style: Style) -> str:
    """Return the maker's identifier of a band."""
    ids: Mapping[str, str] = _NEO_IDS if style.mission == "PNEO" else _PLEIADES_IDS
    return channel.label or ids[channel.name]


def _data_access(product: Product, style: Style, stem: str) -> Element:
    tiles = [(row, column) for row, column, _, _ in product.tiles()]
    sets = []
    for group in style.groups:
        names = (
            node(
                "Data_File",
                {"tile_R": str(row), "tile_C": str(column)},
                node("DATA_FILE_PATH", {"href": tile_name(stem, group, row, column, style)}),
            )
            for row, column in tiles
        )
        display = _group_display(product, style, group) if style.mission == "PNEO" else None
        sets.append(node("Data_Files", names, display))
    return node(
        "Data_Access",
        node("DATA_FILE_ORGANISATION", "BAND_COMPOSITE"),
        node("DATA_FILE_FORMAT", style.coding),
        node("DATA_FILE_TILES", str(len(tiles) > 1).lower()),
        sets,
    )


def _dimensions(product: Product, style: Style) -> Element:
    counts = [max(place) for place in zip(*((row, column) for row, column, _, _ in product.tiles()), strict=True)]
    edge = str(product.tile_edge)
    tiling = node(
        "Tile_Set",
        node("NTILES", counts[0] * counts[1]),
        node(
            "Regular_Tiling",
            node("NTILES_SIZE", {"nrows": edge, "ncols": edge}),
            node("NTILES_COUNT", {"ntiles_R": str(counts[0]), "ntiles_C": str(counts[1])}),
            node("OVERLAP_ROW", 0),
            node("OVERLAP_COL", 0),
        ),
    )
    return node(
        "Raster_Dimensions",
        node("NROWS", product.rows),
        node("NCOLS", product.columns),
        node("NBANDS", sum(len(group.bands) for group in style.groups)),
        tiling if counts != [1, 1] else None,
    )


def _encoding() -> Element:
    return node(
        "Raster_Encoding",
        node("DATA_TYPE", "INTEGER"),
        node("NBITS", 16),
        node("SIGN", "UNSIGNED"),
        node("COMPRESSION_TYPE", "LOSSLESS"),
    )


def _display(product: Product) -> Element:
    order = _band_order((("RED", "B2"), ("GREEN", "B1"), ("BLUE", "B0"), ("ALPHA", "B3")))
    return node("Raster_Display", order, _special_values(product))


def _group_display(product: Product, style: Style, group: Group) -> Element:
    ids = [band_id(product.take.channels[band], style) for band in group.bands]
    index = (
        node("Raster_Index", node("BAND_ID", name), node("BAND_NAME", _NEO_NAMES[name]), node("BAND_INDEX", place))
        for place, name in enumerate(ids, start=1)
    )
    order = _band_order(tuple(zip(("RED", "GREEN", "BLUE"), ids, strict=True)))
    return node("Raster_Display", node("Raster_Index_List", index), order, _special_values(product))


def _band_order(channels: Sequence[tuple[str, str]]) -> Element:
    return node("Band_Display_Order", (node(f"{colour}_CHANNEL", name) for colour, name in channels))


def _special_values(product: Product) -> Iterator[Element]:
    values = {"NODATA": 0}
    if product.take.processing == "basic":
        values["SATURATED"] = product.take.largest
    for text, number in values.items():
        yield node("Special_Value", node("SPECIAL_VALUE_TEXT", text), node("SPECIAL_VALUE_COUNT", number))
