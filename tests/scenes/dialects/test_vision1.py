"""The two documents of Vision-1. The numbers are those of two real products."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import vision1
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata
from tests.scenes.dialects.files import MemoryFiles

BANDS = "".join(
    f"<Spectral_Band_Info><BAND_INDEX>{index}</BAND_INDEX><BAND_DESCRIPTION>{name}</BAND_DESCRIPTION>"
    "<PHYSICAL_GAIN>0.01</PHYSICAL_GAIN><PHYSICAL_BIAS>0.0</PHYSICAL_BIAS></Spectral_Band_Info>"
    for index, name in enumerate(("BLUE", "GREEN", "RED", "NIR"), 1)
)
NEW = f"""<?xml version="1.0" encoding="ISO-8859-1" standalone="no"?>
<Metadata_Document><Metadata_Id><METADATA_FORMAT version="1.0">VIS1_ORT</METADATA_FORMAT></Metadata_Id>
<Dataset_Id><DATASET_NAME>VIS1_MS4_20200722023318_ORT_103091_14e5</DATASET_NAME></Dataset_Id>
<Data_Processing><GEOMETRIC_PROCESSING>ORTHORECTIFIED</GEOMETRIC_PROCESSING></Data_Processing>
<Raster_Encoding><NBITS>16</NBITS></Raster_Encoding>
<Data_Access><Data_Files><Data_File tile_R="1" tile_C="1">
<DATA_FILE_PATH href="VIS1_MS4_20200722023318_ORT_103091_14e5.jp2"/></Data_File></Data_Files></Data_Access>
<Image_Interpretation>{BANDS}</Image_Interpretation><Image_Display><NO_DATA_INDEX>0</NO_DATA_INDEX></Image_Display>
<Dataset_Sources><Source_Information><Scene_Source><MISSION>Vision-1</MISSION>
<IMAGING_START_TIME>2020-07-22T02:33:20Z</IMAGING_START_TIME>
<VIEWING_ANGLE_ALONG_TRACK unit="DEG">0.57299</VIEWING_ANGLE_ALONG_TRACK>
<VIEWING_ANGLE_ACROSS_TRACK unit="DEG">-7.37576</VIEWING_ANGLE_ACROSS_TRACK>
<SUN_AZIMUTH unit="DEG">46.30246</SUN_AZIMUTH><SUN_ELEVATION unit="DEG">58.80224</SUN_ELEVATION>
<SENSOR_AZIMUTH unit="DEG">82.15971</SENSOR_AZIMUTH></Scene_Source></Source_Information></Dataset_Sources>
</Metadata_Document>"""
OLD = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<Dimap_Document><Metadata_Id><METADATA_FORMAT version="1.1">DIMAP</METADATA_FORMAT></Metadata_Id>
<Dataset_Id><DATASET_NAME>VIS1_MS4_20210114224140_ORTP_S105354_1e08</DATASET_NAME></Dataset_Id>
<Data_Processing><GEOMETRIC_PROCESSING>ORTHORECTIFIED</GEOMETRIC_PROCESSING></Data_Processing>
<Raster_Encoding><NBITS>16</NBITS></Raster_Encoding>
<Data_Access><Data_File><DATA_FILE_PATH href="VIS1_MS4_20210114224140_ORTP_S105354_1e08.tif"/></Data_File></Data_Access>
<Image_Interpretation>{BANDS}</Image_Interpretation>
<Image_Display><Special_Value><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
<SPECIAL_VALUE_TEXT>nodata</SPECIAL_VALUE_TEXT></Special_Value></Image_Display>
<Dataset_Sources><Source_Information><Scene_Source><MISSION>S1</MISSION><MISSION_INDEX>4</MISSION_INDEX>
<IMAGING_DATE>2021-01-14</IMAGING_DATE><IMAGING_TIME>22:41:44.500</IMAGING_TIME>
<VIEWING_ANGLE unit="DEG">27.12159027368</VIEWING_ANGLE><SUN_AZIMUTH unit="DEG">103.418551881</SUN_AZIMUTH>
<SUN_ELEVATION unit="DEG">67.32638745903</SUN_ELEVATION></Scene_Source>
<Quality_Assessment><Quality_Parameter><QUALITY_PARAMETER_CODE>SPACEMETRIC:SENSOR_AZIMUTH</QUALITY_PARAMETER_CODE>
<QUALITY_PARAMETER_VALUE>82.59265895115776</QUALITY_PARAMETER_VALUE></Quality_Parameter></Quality_Assessment>
</Source_Information></Dataset_Sources></Dimap_Document>"""


def read(xml: str) -> ProductMetadata:
    files = MemoryFiles({"v/a_Meta.xml": xml.encode()})
    assert vision1.claims("v/a_Meta.xml", files.head("v/a_Meta.xml"))
    return vision1.parse("v/a_Meta.xml", files)


def test_the_document_of_2023_is_read() -> None:
    found = read(NEW)
    assert (found.sensor, found.platform, found.product) == (
        "VS1",
        "Vision-1",
        "VIS1_MS4_20200722023318_ORT_103091_14e5",
    )
    assert found.acquired == datetime(2020, 7, 22, 2, 33, 20, tzinfo=UTC)
    assert found.bands == tuple(BandRecord(name, name.upper(), 0.01, 0.0) for name in ("blue", "green", "red", "nir"))
    assert found.parts == (PartRecord("VIS1_MS4_20200722023318_ORT_103091_14e5.jp2"),)
    assert (found.sun_elevation, found.sun_azimuth, found.view_azimuth) == (58.80224, 46.30246, 82.15971)
    expected = math.degrees(math.atan(math.hypot(math.tan(math.radians(0.57299)), math.tan(math.radians(7.37576)))))
    assert found.off_nadir == pytest.approx(expected)
    assert (found.nodata, found.bit_depth, found.orthorectified, found.numbers) == (0.0, 16, True, "counts")


def test_the_document_of_2021_is_read() -> None:
    found = read(OLD)
    assert found.acquired == datetime(2021, 1, 14, 22, 41, 44, 500000, tzinfo=UTC)
    assert [band.name for band in found.bands] == ["blue", "green", "red", "nir"]
    assert found.parts == (PartRecord("VIS1_MS4_20210114224140_ORTP_S105354_1e08.tif"),)
    assert (found.sun_elevation, found.sun_azimuth) == (67.32638745903, 103.418551881)
    assert (found.off_nadir, found.view_azimuth, found.nodata) == (27.12159027368, 82.59265895115776, 0.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<MISSION>Vision-1</MISSION>", "", "MISSION"),
        (">58.80224<", ">158<", "sun elevation 158 cannot be true"),
        (">46.30246<", ">east<", "'east' is not a number"),
        (">-7.37576<", ">-97<", "cannot be true"),
        ("<PHYSICAL_GAIN>0.01<", "<PHYSICAL_GAIN>-0.01<", "PHYSICAL_GAIN"),
        ("<BAND_INDEX>2<", "<BAND_INDEX>1<", "band 1 twice"),
        ('href="VIS1', 'href="../VIS1', "outside its folder"),
        ('<DATA_FILE_PATH href="VIS1_MS4_20200722023318_ORT_103091_14e5.jp2"/>', "", "outside its folder"),
        ('tile_R="1"', 'tile_R="0"', "tile_R"),
        ("2020-07-22T", "2020-07-42T", "is not a time"),
        ("</Metadata_Document>", "", "not well-formed"),
        ("<Metadata_Document>", '<!DOCTYPE a [<!ENTITY b "c">]><Metadata_Document>', "entities"),
    ],
)
def test_damaged_documents_are_refused(old: str, new: str, message: str) -> None:
    assert old in NEW
    with pytest.raises(MetadataError, match=message):
        read(NEW.replace(old, new))


def test_another_mission_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedSensorError, match="not supported: S1 3"):
        read(OLD.replace("<MISSION_INDEX>4<", "<MISSION_INDEX>3<"))


def test_other_documents_are_not_claimed() -> None:
    assert not vision1.claims("a.xml", b"<Dimap_Document><DATASET_NAME>DE2_MS4</DATASET_NAME>")
