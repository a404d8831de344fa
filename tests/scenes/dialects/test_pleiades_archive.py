from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import pleiades_archive
from bocage.scenes.metadata import ProductMetadata
from tests.scenes.dialects.dimap_documents import BOMB, PLEIADES, changed
from tests.scenes.dialects.files import FolderFiles, MemoryFiles

NAME = "PHRDIMAP_TEST.XML"

_HEADER = """<Located_Geometric_Header><ORIENTATION>{0}</ORIENTATION>
  <Pointing_Angles><PSI_XY unit="deg">{1}</PSI_XY></Pointing_Angles>
  <Incidences><ALONG_TRACK_INCIDENCE>10</ALONG_TRACK_INCIDENCE>
    <ORTHO_TRACK_INCIDENCE>10</ORTHO_TRACK_INCIDENCE></Incidences>
  <Solar_Incidences><SUN_AZIMUTH>151.5</SUN_AZIMUTH><SUN_ELEVATION>{2}</SUN_ELEVATION></Solar_Incidences>
</Located_Geometric_Header>"""

ARCHIVE = f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<PHR_Dimap_Document>
  <Dataset_Identification><DATASET_NAME>DS_PHR1A_TEST</DATASET_NAME></Dataset_Identification>
  <Product_Characteristics>
    <PROCESSING_LEVEL>SENSOR</PROCESSING_LEVEL>
    <Product_Image_Characteristics>
      <Data_Access><Data_File><DATA_FILE_PATH>IMG_R1C1.JP2</DATA_FILE_PATH></Data_File></Data_Access>
      <Image_Display_Order>
        <RED_CHANNEL>B2</RED_CHANNEL><GREEN_CHANNEL>B1</GREEN_CHANNEL><BLUE_CHANNEL>B0</BLUE_CHANNEL>
      </Image_Display_Order>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>4095</SPECIAL_VALUE_INDEX>
      </Special_Values>
    </Product_Image_Characteristics>
  </Product_Characteristics>
  <Raster_Dimensions><NBANDS>3</NBANDS></Raster_Dimensions>
  <Image_Interpretation>
    <Spectral_Band_Info>
      <BAND_ID>B2</BAND_ID><PHYSICAL_GAIN>12.5</PHYSICAL_GAIN><PHYSICAL_BIAS>0</PHYSICAL_BIAS>
    </Spectral_Band_Info>
  </Image_Interpretation>
  <Data_Strip>
    <Data_Strip_Identification>
      <PLATFORM_NAME>PHR</PLATFORM_NAME><PLATFORM_SERIAL_NUMBER>1A</PLATFORM_SERIAL_NUMBER>
    </Data_Strip_Identification>
    <UTC_Acquisition_Range><START>2018-12-26T10:48:55.4308919Z</START></UTC_Acquisition_Range>
    <Geometric_Header_List>
      {_HEADER.format(170, 1, 30)}{_HEADER.format(180, 14.5, 33)}{_HEADER.format(190, 2, 36)}
    </Geometric_Header_List>
  </Data_Strip>
</PHR_Dimap_Document>
"""


def parse(content: bytes) -> ProductMetadata:
    return pleiades_archive.parse(NAME, MemoryFiles({NAME: content}))


def test_an_archive_document_is_read_whole() -> None:
    metadata = parse(ARCHIVE.encode())
    assert (metadata.dialect, metadata.sensor, metadata.platform) == ("pleiades_archive", "PHR", "PHR1A")
    assert metadata.product == "DS_PHR1A_TEST"
    assert metadata.acquired == datetime(2018, 12, 26, 10, 48, 55, 430_891, tzinfo=UTC)
    assert [(band.name, band.gain) for band in metadata.bands] == [("red", 0.08), ("green", None), ("blue", None)]
    assert [part.name for part in metadata.parts] == ["IMG_R1C1.JP2"]
    assert (metadata.sun_elevation, metadata.sun_azimuth) == (33.0, 151.5)
    assert metadata.off_nadir == 14.5
    assert metadata.view_azimuth == pytest.approx(135.0)
    assert (metadata.nodata, metadata.saturation) == (None, 4095.0)
    assert metadata.orthorectified is False


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("<NBANDS>3<", "<NBANDS>4<"), "has 4 bands but displays 3"),
        (("<RED_CHANNEL>B2<", "<RED_CHANNEL>B3<"), "does not say in which order"),
        (("<PHYSICAL_GAIN>12.5<", "<PHYSICAL_GAIN>0<"), "cannot be true"),
        (("<PHYSICAL_BIAS>0</PHYSICAL_BIAS>", ""), "only one of"),
        (
            (
                "</Image_Interpretation>",
                "<Spectral_Band_Info><BAND_ID>B2</BAND_ID></Spectral_Band_Info></Image_Interpretation>",
            ),
            "two records",
        ),
        (("<SUN_ELEVATION>33<", "<SUN_ELEVATION>400<"), "cannot be true"),
        (("<ORIENTATION>180<", "<ORIENTATION>about south<"), "is not a number"),
        (("<START>2018", "<START>18"), "is not a time"),
        ((">IMG_R1C1.JP2<", ">../IMG_R1C1.JP2<"), "outside its folder"),
        (("<PLATFORM_NAME>PHR</PLATFORM_NAME>", ""), "PLATFORM_NAME"),
        (("Data_Strip>", "Strip>"), "no data strip"),
        (("<PHR_Dimap_Document>", BOMB + "<PHR_Dimap_Document>"), "entities"),
    ],
)
def test_a_damaged_document_is_refused(change: tuple[str, str], said: str) -> None:
    with pytest.raises(MetadataError, match=said):
        parse(changed(ARCHIVE, change))


def test_another_satellite_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedSensorError, match="not supported: PHR 2A"):
        parse(changed(ARCHIVE, ("<PLATFORM_SERIAL_NUMBER>1A<", "<PLATFORM_SERIAL_NUMBER>2A<")))


def test_only_archive_documents_are_claimed() -> None:
    assert pleiades_archive.claims(NAME, ARCHIVE.encode()[:4096])
    assert not pleiades_archive.claims(NAME, PLEIADES.encode()[:4096])


@given(st.data())
def test_a_mutated_document_gives_an_error_of_ours_or_a_sound_result(data: st.DataObject) -> None:
    content = bytearray(ARCHIVE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] = data.draw(st.integers(0, 255))
        else:
            del content[place : place + data.draw(st.integers(1, 60))]
    try:
        metadata = parse(bytes(content))
    except (MetadataError, UnsupportedSensorError):
        return
    assert metadata.sensor == "PHR"


FOLDER = "vhr-metadata/pleiades"
REAL = {
    "PHRDIMAP_P1BP--2017030824934340CP.XML": (
        "DS_PHR1B_201703080654573_FR1_PX_E057N22_0501_02239",
        datetime(2017, 3, 8, 6, 55, 34, tzinfo=UTC),
        12.27,
        (55.95562929073025, 139.0616022110291),
        4.691457579362745,
    ),
    "PHRDIMAP_P1BP--2018122638935449CP.XML": (
        "DS_PHR1B_201812261048184_FR1_PX_E002N31_0301_01724",
        datetime(2018, 12, 26, 10, 48, 55, tzinfo=UTC),
        11.86,
        (33.69443933214472, 162.415863625373),
        15.75329375636089,
    ),
}
"""Product, time to the second, gain of the panchromatic band, sun and pointing angle, read by eye."""


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_documents_say_what_the_eye_reads(name: str, data_folder: Path) -> None:
    files = FolderFiles(data_folder / FOLDER)
    assert pleiades_archive.claims(name, files.head(name))
    metadata = pleiades_archive.parse(name, files)
    assert metadata.acquired is not None
    assert [(band.name, band.label, band.offset) for band in metadata.bands] == [("other", "PA", 0.0)]
    assert (metadata.sensor, metadata.platform, metadata.orthorectified) == ("PHR", "PHR1B", False)
    assert (metadata.nodata, metadata.saturation) == (0.0, 4095.0)
    assert [part.name for part in metadata.parts] == ["IMG_R1C1.JP2"]
    assert (
        metadata.product,
        metadata.acquired.replace(microsecond=0),
        round(1.0 / (metadata.bands[0].gain or 1.0), 6),
        (metadata.sun_elevation, metadata.sun_azimuth),
        metadata.off_nadir,
    ) == REAL[name]


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_the_azimuth_points_to_the_place_below_the_satellite(name: str, data_folder: Path) -> None:
    text = (data_folder / FOLDER / name).read_text()

    def first(tag: str, start: int = 0) -> float:
        found = re.compile(rf"<{tag}(?: unit=\"deg\")?>([^<]+)<").search(text, start)
        assert found is not None
        return float(found[1])

    centre = text.index("<Center>")
    latitude, longitude = first("LAT", centre), first("LON", centre)
    north = first("NADIR_LAT") - latitude
    east = (first("NADIR_LON") - longitude) * math.cos(math.radians(latitude))
    metadata = pleiades_archive.parse(name, FolderFiles(data_folder / FOLDER))
    assert metadata.view_azimuth == pytest.approx(math.degrees(math.atan2(east, north)) % 360.0, abs=1.0)
