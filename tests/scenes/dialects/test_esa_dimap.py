"""ESA's ``DIM*.xml`` of contributing missions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bocage.errors import MetadataError
from bocage.scenes.dialects import superview
from bocage.scenes.metadata import PartRecord, ProductMetadata
from tests.scenes.dialects.files import MemoryFiles

PRODUCT = "SW00_OPT_MS4_1C_20180612T092821_20180612T092823_TOU_1234_a2dc"
RANGES = "".join(
    f"<Band_Spectral_Range><BAND_ID>{band}</BAND_ID><MIN>{low}</MIN><MAX>{high}</MAX></Band_Spectral_Range>"
    for band, low, high in (("B1", 0.45, 0.52), ("B2", 0.52, 0.59), ("B3", 0.63, 0.69), ("B4", 0.77, 0.89))
)
XML = f"""<?xml version="1.0"?><Dimap_Document>
<Metadata_Identification><METADATA_FORMAT version="2.0">DIMAP</METADATA_FORMAT></Metadata_Identification>
<Dataset_Identification><DATASET_NAME>{PRODUCT}</DATASET_NAME></Dataset_Identification>
<Processing_Information><Product_Settings><Geometric_Settings><GEOMETRIC_PROCESSING>ORTHO</GEOMETRIC_PROCESSING>
</Geometric_Settings></Product_Settings></Processing_Information>
<Raster_Data><Data_Access><Data_Files><Data_File tile_R="1" tile_C="2"><DATA_FILE_PATH href="IMG_{PRODUCT}_R1C2.TIF"/>
</Data_File></Data_Files></Data_Access><Raster_Dimensions><NBANDS>4</NBANDS></Raster_Dimensions>
<Raster_Encoding><NBITS>16</NBITS></Raster_Encoding><Raster_Display><Band_Display_Order><RED_CHANNEL>B3</RED_CHANNEL>
<GREEN_CHANNEL>B2</GREEN_CHANNEL><BLUE_CHANNEL>B1</BLUE_CHANNEL></Band_Display_Order>
<Special_Value><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_COUNT>0</SPECIAL_VALUE_COUNT></Special_Value>
</Raster_Display></Raster_Data><Radiometric_Data><Radiometric_Calibration>{RANGES}</Radiometric_Calibration></Radiometric_Data>
<Geometric_Data><SUN_AZIMUTH>150.5</SUN_AZIMUTH><SUN_ELEVATION>58.25</SUN_ELEVATION><AZIMUTH_ANGLE>275</AZIMUTH_ANGLE>
<INCIDENCE_ANGLE>11.5</INCIDENCE_ANGLE></Geometric_Data></Dimap_Document>"""


def read(xml: str = XML) -> ProductMetadata:
    files = MemoryFiles({"DIM.xml": xml.encode()})
    assert superview.claims("DIM.xml", files.head("DIM.xml"))
    return superview.parse("DIM.xml", files)


def names(found: ProductMetadata) -> list[str]:
    return [band.name for band in found.bands]


def test_bands_are_told_by_their_wavelengths_in_the_order_of_their_numbers() -> None:
    found = read()
    assert (found.dialect, found.sensor, found.product) == ("superview", "SV1", PRODUCT)
    assert names(found) == ["blue", "green", "red", "nir"]
    assert {band.gain for band in found.bands} == {None}
    assert found.acquired == datetime(2018, 6, 12, 9, 28, 21, tzinfo=UTC)
    assert found.parts == (PartRecord(f"IMG_{PRODUCT}_R1C2.TIF", tile=(1, 2)),)
    assert (found.sun_elevation, found.sun_azimuth, found.off_nadir, found.view_azimuth) == (58.25, 150.5, 11.5, 275.0)
    assert (found.nodata, found.bit_depth, found.orthorectified) == (0.0, 16, True)


def test_a_list_of_places_goes_before_the_numbers_and_nanometres_are_understood() -> None:
    places = "".join(
        f"<Raster_Index><RASTER_INDEX>{index}</RASTER_INDEX><BAND_ID>{band}</BAND_ID></Raster_Index>"
        for index, band in ((2, "B1"), (1, "B3"), (3, "B4"), (4, "B2"))
    )
    xml = XML.replace("<Raster_Display>", f"<Raster_Display><Raster_Index_List>{places}</Raster_Index_List>")
    assert names(read(xml.replace("<MIN>0.45<", "<MIN>450<").replace("<MAX>0.52<", "<MAX>520<"))) == [
        "red", "blue", "nir", "green"
    ]  # fmt: skip


def test_without_wavelengths_the_display_tells_three_colours() -> None:
    found = read(XML.replace("<MIN>", "<LOW>").replace("</MIN>", "</LOW>"))
    assert names(found) == ["blue", "green", "red", "other"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<BAND_ID>B1<", "<BAND_ID>BLUE<", "does not say which bands"),
        ("<NBANDS>4<", "<NBANDS>3<", "does not say which bands"),
        ("<RED_CHANNEL>B3", "<RED_CHANNEL>B4", "band B4 is nir by its wavelengths but shown as red"),
        ("<DATASET_NAME>", "<NAME/><X>", "not well-formed"),
        (f"<DATASET_NAME>{PRODUCT}</DATASET_NAME>", "", "has no Dataset_Identification/DATASET_NAME"),
        ("20180612T092821", "20189912T092821", "is not a time"),
        ('href="IMG', 'href="/IMG', "outside its folder"),
        (">58.25<", ">-58.25<", "sun elevation"),
    ],
)
def test_damaged_documents_are_refused(old: str, new: str, message: str) -> None:
    assert old in XML
    with pytest.raises(MetadataError, match=message):
        read(XML.replace(old, new))
