"""The three forms of SuperView-1's metadata."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import superview
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata
from tests.scenes.dialects.files import MemoryFiles

NAME = "s/SV1-01_20200103_L2A0000907711_1109200012820001_01-MUX.xml"
XML = """<?xml version="1.0" encoding="UTF-8"?><ProductMetaData>
<SatelliteID>SV1-01</SatelliteID><SensorID>MUX</SensorID>
<ReceiveTime>2020-01-03 11:00:00</ReceiveTime><ProductLevel>LEVEL2A</ProductLevel><Bands>1,2,3,4</Bands>
<StartTime>2020-01-03 06:59:58</StartTime><CloudPercent>3</CloudPercent>
<SolarAzimuth>160.5</SolarAzimuth><SolarZenith>62.25</SolarZenith><SatelliteAzimuth>98.5</SatelliteAzimuth>
<ViewAngle>12.5</ViewAngle><Gain>0.15,0.14,0.12,0.11</Gain><Offset>0,0,0.5,-0.5</Offset>
<ESUN>1958,1853,1561,1091</ESUN></ProductMetaData>"""
DIM = """<?xml version="1.0"?><Dimap_Document>
<Metadata_Id><METADATA_FORMAT version="1.1">DIMAP</METADATA_FORMAT></Metadata_Id>
<Data_Access><Data_File><DATA_FILE_PATH href="SW1.tif"/></Data_File></Data_Access><Image_Interpretation>
<Spectral_Band_Info><BAND_INDEX>1</BAND_INDEX><BAND_DESCRIPTION>BLUE</BAND_DESCRIPTION></Spectral_Band_Info>
<Spectral_Band_Info><BAND_INDEX>2</BAND_INDEX><BAND_DESCRIPTION>NIR</BAND_DESCRIPTION><PHYSICAL_GAIN>5</PHYSICAL_GAIN>
<PHYSICAL_BIAS>0</PHYSICAL_BIAS></Spectral_Band_Info></Image_Interpretation>
<Dataset_Sources><Source_Information><Scene_Source><MISSION>SUPERVIEW</MISSION><STOP_TIME>2020-01-03T03:00:00</STOP_TIME>
<SUN_ELEVATION>27.5</SUN_ELEVATION></Scene_Source></Source_Information></Dataset_Sources></Dimap_Document>"""


def read(xml: str = XML, name: str = NAME) -> ProductMetadata:
    files = MemoryFiles({name: xml.encode()})
    assert superview.claims(name, files.head(name))
    return superview.parse(name, files)


def test_the_makers_xml_is_read_and_its_time_is_that_of_beijing() -> None:
    found = read()
    assert (found.sensor, found.platform) == ("SV1", "SuperView-1")
    assert found.product == "SV1-01_20200103_L2A0000907711_1109200012820001_01-MUX"
    assert found.acquired == datetime(2020, 1, 2, 22, 59, 58, tzinfo=UTC)
    assert found.bands == (
        BandRecord("blue", "B1", 0.15, 0.0, 1958.0),
        BandRecord("green", "B2", 0.14, 0.0, 1853.0),
        BandRecord("red", "B3", 0.12, 0.5, 1561.0),
        BandRecord("nir", "B4", 0.11, -0.5, 1091.0),
    )
    assert (found.sun_elevation, found.sun_azimuth, found.off_nadir, found.view_azimuth) == (27.75, 160.5, 12.5, 98.5)
    assert (found.cloud_cover, found.orthorectified, found.parts) == (3.0, True, ())


def test_a_z_behind_a_time_of_beijing_is_not_utc() -> None:
    found = read(XML.replace("2020-01-03 06:59:58", "2020-01-03T06:59:58.000000Z"))
    assert found.acquired == datetime(2020, 1, 2, 22, 59, 58, tzinfo=UTC)


def test_a_count_of_bands_and_angles_of_the_platform_are_read_too() -> None:
    xml = XML.replace("1,2,3,4", "4").replace(
        "<ViewAngle>12.5</ViewAngle>",
        "<RollSatelliteAngle>-12.5</RollSatelliteAngle><PitchSatelliteAngle>0</PitchSatelliteAngle>",
    )
    found = read(xml)
    assert len(found.bands) == 4
    assert found.off_nadir == pytest.approx(12.5)


def test_without_gain_there_is_no_calibration_and_pan_is_no_colour() -> None:
    assert {band.gain for band in read(XML.replace("0.15,0.14,0.12,0.11", "")).bands} == {None}
    assert read(XML.replace("1,2,3,4", "1")).bands == (BandRecord("other", "PAN"),)


def test_the_makers_dim_is_read_without_its_gains_and_without_its_time_of_unknown_zone() -> None:
    found = read(DIM, "SW1.dim")
    assert found.bands == (BandRecord("blue", "BLUE"), BandRecord("nir", "NIR"))
    assert found.parts == (PartRecord("SW1.tif"),)
    assert (found.acquired, found.sun_elevation) == (None, 27.5)


def test_a_dim_of_several_files_is_refused() -> None:
    file = '<Data_File><DATA_FILE_PATH href="SW1.tif"/></Data_File>'
    with pytest.raises(MetadataError, match=r"SW1\.dim names 2 image files"):
        read(DIM.replace(file, file + file.replace("SW1", "SW2")), "SW1.dim")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<Bands>1,2,3,4</Bands>", "", "has no Bands"),
        ("1,2,3,4", "1,2,3", "3 bands"),
        ("1,2,3,4", "many", "'many' is not a number"),
        ("0.15,0.14,0.12,0.11", "0.15,0.14,0.12", "Gain has 3 numbers for 4 bands"),
        ("0.15,0.14", "-0.15,0.14", "not positive"),
        ("0.15,0.14", "a,0.14", "'a' is not a number"),
        ("1958,1853", "1853,1958", "ESUN does not fall"),
        ("<SolarZenith>62.25", "<SolarZenith>162.25", "SolarZenith"),
        ("<ViewAngle>12.5", "<ViewAngle>92.5", "ViewAngle"),
        ("<CloudPercent>3", "<CloudPercent>300", "cloud cover"),
        ("2020-01-03 06:59:58", "3 January", "is not a time"),
        ("</ProductMetaData>", "", "not well-formed"),
        ("<ProductMetaData>", '<!DOCTYPE a [<!ENTITY b "c">]><ProductMetaData>', "entities"),
    ],
)
def test_damaged_files_are_refused(old: str, new: str, message: str) -> None:
    assert old in XML
    with pytest.raises(MetadataError, match=message):
        read(XML.replace(old, new))


def test_a_file_without_any_time_is_refused() -> None:
    with pytest.raises(MetadataError, match="has no StartTime"):
        read(XML.replace("StartTime", "Start").replace("ReceiveTime", "Receive"))


@pytest.mark.parametrize("satellite", ["SV2-01", "SVN1-01", "GJ3A"])
def test_later_satellites_are_refused_by_name(satellite: str) -> None:
    with pytest.raises(UnsupportedSensorError, match=f"not supported: {satellite}"):
        read(XML.replace("SV1-01", satellite))
