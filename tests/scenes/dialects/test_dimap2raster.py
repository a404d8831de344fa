from __future__ import annotations

import pytest

from bocage.errors import MetadataError
from bocage.scenes.dialects import dimap2
from bocage.scenes.metadata import ProductMetadata
from tests.scenes.dialects.dimap_documents import PLEIADES, changed, neo
from tests.scenes.dialects.files import MemoryFiles

NAME = "DIM_TEST.XML"


def parse(content: bytes) -> ProductMetadata:
    return dimap2.parse(NAME, MemoryFiles({NAME: content}))


def indexed(*pairs: tuple[str, str]) -> bytes:
    """Return the Pléiades document with indexes in place of nothing."""
    records = "".join(
        f"<Raster_Index><BAND_ID>{band}</BAND_ID><BAND_INDEX>{place}</BAND_INDEX></Raster_Index>"
        for band, place in pairs
    )
    return changed(
        PLEIADES, ("<Band_Display_Order>", f"<Raster_Index_List>{records}</Raster_Index_List><Band_Display_Order>")
    )


def test_indexes_go_before_the_display() -> None:
    metadata = parse(indexed(("B3", "1"), ("B0", "4"), ("B1", "3"), ("B2", "2")))
    assert [band.name for band in metadata.bands] == ["nir", "red", "green", "blue"]
    assert [round(1 / band.gain, 6) for band in metadata.bands if band.gain] == [16.0, 12.5, 10.0, 8.0]


def test_an_index_of_the_second_stack_may_count_through_the_image() -> None:
    metadata = parse(neo(nir="4").encode())
    assert [band.label for band in metadata.bands] == ["R", "G", "B", "NIR", "RE", "DB"]


@pytest.mark.parametrize("place", ["2", "0", "4", "-1", "1.5", "one", "", "99"])
def test_an_index_twice_or_beyond_the_bands_is_refused(place: str) -> None:
    with pytest.raises(MetadataError):
        parse(neo(red=place).encode())


@pytest.mark.parametrize("place", ["2", "0", "5", "7"])
def test_an_index_of_the_second_stack_must_fit_too(place: str) -> None:
    with pytest.raises(MetadataError, match="BAND_INDEX"):
        parse(neo(nir=place).encode())


def test_a_number_of_bands_that_contradicts_the_records_is_refused() -> None:
    with pytest.raises(MetadataError, match="has 4 bands but describes 3"):
        parse(indexed(("B2", "1"), ("B1", "2"), ("B0", "3")))
    with pytest.raises(MetadataError, match="has 5 bands but displays 4"):
        parse(changed(PLEIADES, ("<NBANDS>4<", "<NBANDS>5<")))
    with pytest.raises(MetadataError, match="has 5 bands but describes 6"):
        parse(changed(neo(), ("<NBANDS>6<", "<NBANDS>5<")))


def test_a_band_twice_is_refused() -> None:
    with pytest.raises(MetadataError, match="names a band twice"):
        parse(indexed(("B2", "1"), ("B2", "2"), ("B0", "3"), ("B3", "4")))
    with pytest.raises(MetadataError, match="names a band twice"):
        parse(indexed(("B2", "1"), ("R", "2"), ("B0", "3"), ("B3", "4")))


def test_false_colours_do_not_say_in_which_order_bands_lie() -> None:
    content = changed(
        PLEIADES,
        ("<NBANDS>4<", "<NBANDS>3<"),
        (">B2</RED_CHANNEL>", ">B3</RED_CHANNEL>"),
        (">B1</GREEN_CHANNEL>", ">B2</GREEN_CHANNEL>"),
        (">B0</BLUE_CHANNEL>", ">B1</BLUE_CHANNEL>"),
        ("<ALPHA_CHANNEL>B3</ALPHA_CHANNEL>", ""),
    )
    with pytest.raises(MetadataError, match="false colours"):
        parse(content)


@pytest.mark.parametrize(
    "text",
    [
        PLEIADES.replace("Band_Display_Order>", "Other>"),
        PLEIADES.replace("Raster_Display>", "Other>"),
        neo().replace("Raster_Index>", "Other>"),
    ],
)
def test_an_order_that_is_not_stated_is_not_guessed(text: str) -> None:
    with pytest.raises(MetadataError, match="does not say in which order"):
        parse(text.encode())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('tile_R="2" tile_C="1"', 'tile_R="1" tile_C="1"'), "two files for the tile in row 1, column 1"),
        (('tile_R="2" tile_C="1"', 'tile_R="3" tile_C="1"'), "a tile in row 3, column 1, but 2 rows"),
        (('tile_R="2"', 'tile_R="two"'), "is not a number"),
        (('tile_R="2" tile_C="1"', ""), "tile_R"),
        (("<NTILES>2<", "<NTILES>3<"), "3 tiles but names 2 files"),
        (("<OVERLAP_ROW>0<", "<OVERLAP_ROW>8<"), "overlap"),
        (("<OVERLAP_ROW>0<", "<OVERLAP_ROW>some<"), "is not a number"),
        (('ntiles_R="2"', 'ntiles_R="0"'), "cannot be true"),
        (('<DATA_FILE_PATH href="IMG_R2C1.JP2"/>', ""), "outside its folder"),
        (("Data_Files>", "Files>"), "names no raster files"),
        (("<NBANDS>4</NBANDS>", ""), "NBANDS"),
        (("<NBANDS>4<", "<NBANDS>1000000<"), "cannot be true"),
        (("<SPECIAL_VALUE_COUNT>4095<", "<SPECIAL_VALUE_COUNT>many<"), "is not a number"),
        ((">SATURATED<", ">NODATA<"), "several values of NODATA"),
    ],
)
def test_raster_files_that_do_not_add_up_are_refused(change: tuple[str, str], said: str) -> None:
    with pytest.raises(MetadataError, match=said):
        parse(changed(PLEIADES, change))


def test_a_single_file_needs_no_place() -> None:
    text = PLEIADES.replace('<Data_File tile_R="2" tile_C="1"><DATA_FILE_PATH href="IMG_R2C1.JP2"/></Data_File>', "")
    start, end = text.index("<Tile_Set>"), text.index("</Tile_Set>") + len("</Tile_Set>")
    metadata = parse(changed(text[:start] + text[end:], ('tile_R="1" tile_C="1"', "")))
    assert [(part.name, part.tile) for part in metadata.parts] == [("IMG_R1C1.JP2", (1, 1))]
