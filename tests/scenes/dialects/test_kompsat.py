"""The auxiliary files of KOMPSAT."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import kompsat
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata
from tests.scenes.dialects.files import FolderFiles, MemoryFiles

NAME = "k/K3A_20210113132915_32047_00039626_L1G_Aux.xml"
IMAGE = """
<{tag}><ImageFileName>K3A_20210113132915_32047_00039626_L1G_{letter}.tif</ImageFileName><ImageColor>{colour}</ImageColor>
<ImagingTime><ImagingStartTime><UTC>20210113132919.2834234</UTC></ImagingStartTime>
<ImagingCenterTime><UTC>20210113132920.2144584</UTC></ImagingCenterTime></ImagingTime>
<Angle><Azimuth>8.968590413</Azimuth><OffNadir>28.673948560</OffNadir></Angle>
<RadianceConversion><Gain>{gain}</Gain><Offset>{offset}</Offset></RadianceConversion></{tag}>
"""
# The numbers are those of a real file; the four bands stand in its order.
IMAGES = (
    ("PAN", "P", "Panchromatic", "0.000000", "0.000000"),
    ("MS1", "B", "Blue", "0.036200", "-22.141600"),
    ("MS2", "G", "Green", "0.024900", "-14.021000"),
    ("MS3", "R", "Red", "0.022900", "-13.045700"),
    ("MS4", "N", "Near Infrared", "0.013000", "-10.283400"),
)
XML = (
    """<?xml version="1.0" encoding="utf-8"?><Auxiliary><General><Satellite>KOMPSAT-3A</Satellite>
<ProductLevel>Level1G</ProductLevel><DesignBitsPerPixel>14</DesignBitsPerPixel></General><Metadata>
<MetadataBlock><Time>20210113132916.0000000</Time>
<SunAngle><Azimuth>196.399365097</Azimuth><Elevation>28.911536736</Elevation></SunAngle></MetadataBlock>
<MetadataBlock><Time>20210113132920.0000000</Time>
<SunAngle><Azimuth>196.305</Azimuth><Elevation>28.68</Elevation></SunAngle></MetadataBlock></Metadata><Image>"""
    + "".join(
        IMAGE.format(tag=tag, letter=letter, colour=colour, gain=gain, offset=offset)
        for tag, letter, colour, gain, offset in IMAGES
    )
    + "</Image></Auxiliary>"
)


def read(xml: str = XML) -> ProductMetadata:
    files = MemoryFiles({NAME: xml.encode()})
    assert kompsat.claims(NAME, files.head(NAME))
    return kompsat.parse(NAME, files)


@pytest.mark.real
def test_the_real_text_of_kompsat_2_is_refused_by_name(data_folder: Path) -> None:
    files = FolderFiles(data_folder / "vhr-metadata")
    name = "gdal-gcore/md_kompsat.txt"
    assert kompsat.claims(name, files.head(name))
    with pytest.raises(UnsupportedSensorError, match=r"md_kompsat\.txt: not supported: KOMPSAT-2"):
        kompsat.parse(name, files)


def test_four_bands_are_four_files_and_the_panchromatic_one_is_left_out() -> None:
    found = read()
    assert (found.sensor, found.platform) == ("KS3", "KOMPSAT-3A")
    assert found.product == "K3A_20210113132915_32047_00039626_L1G"
    assert found.bands[0] == BandRecord("blue", "MS1", 0.0362, -22.1416)
    assert found.bands[3] == BandRecord("nir", "MS4", 0.013, -10.2834)
    assert [band.name for band in found.bands] == ["blue", "green", "red", "nir"]
    assert found.parts[1] == PartRecord("K3A_20210113132915_32047_00039626_L1G_G.tif", (2,))
    assert found.acquired is not None
    assert found.acquired.replace(microsecond=0) == datetime(2021, 1, 13, 13, 29, 19, tzinfo=UTC)
    assert (found.bit_depth, found.orthorectified) == (14, True)


def test_the_sun_is_that_of_the_moment_nearest_to_the_centre_of_the_image() -> None:
    found = read()
    assert (found.sun_elevation, found.sun_azimuth) == (28.68, 196.305)
    assert (found.off_nadir, found.view_azimuth) == (28.67394856, 8.968590413)


def test_kompsat_3_spells_the_angle_its_own_way_and_states_clouds() -> None:
    xml = XML.replace("KOMPSAT-3A", "KOMPSAT-3").replace("OffNadir", "Offnadir")
    found = read(
        xml.replace("<RadianceConversion>", "<CloudCover><Average>12</Average></CloudCover><RadianceConversion>")
    )
    assert (found.platform, found.off_nadir, found.cloud_cover) == ("KOMPSAT-3", 28.67394856, 12.0)


def test_a_band_of_gain_0_and_one_without_colour_are_read() -> None:
    found = read(XML.replace("0.036200", "0").replace("-22.141600", "0").replace(">Green<", ">Not Applicable<"))
    assert found.bands[0] == BandRecord("blue", "MS1")
    assert found.bands[1].name == "green"


def test_sharpened_images_are_taken_where_there_are_no_others() -> None:
    found = read(XML.replace("MS1", "PS1").replace("MS2", "PS2").replace("MS3", "PS3").replace("MS4", "PS4"))
    assert [band.label for band in found.bands] == ["PS1", "PS2", "PS3", "PS4"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<Satellite>KOMPSAT-3A</Satellite>", "", "has no General/Satellite"),
        ("MS", "XX", "no multispectral image"),
        ("MS4", "MS3", "MS twice"),
        (">Blue<", ">Red<", "MS1 is said to be Red, not blue"),
        (">0.036200<", ">-0.0362<", "Gain of MS1 -0.0362 cannot be true"),
        (">-22.141600<", ">low<", "Offset of MS1 'low' is not a number"),
        ("28.68<", "98.68<", "sun elevation"),
        (">8.968590413<", ">720<", "Azimuth"),
        ("20210113132919.2834234", "20211313132919", "is not a time"),
        ("20210113132919.2834234", "yesterday", "is not a time"),
        ("<ImageFileName>K3A", "<ImageFileName>../../K3A", "outside its folder"),
        (">14<", ">1400<", "DesignBitsPerPixel"),
        ("</Auxiliary>", "", "not well-formed"),
        ("<Auxiliary>", '<!DOCTYPE a [<!ENTITY b "c">]><Auxiliary>', "entities"),
    ],
)
def test_damaged_files_are_refused(old: str, new: str, message: str) -> None:
    assert old in XML
    with pytest.raises(MetadataError, match=message) as caught:
        read(XML.replace(old, new))
    assert caught.value.problem.startswith(NAME)


@pytest.mark.parametrize("satellite", ["KOMPSAT-5", "CAS500-1"])
def test_other_satellites_are_refused_by_name(satellite: str) -> None:
    with pytest.raises(UnsupportedSensorError, match=f"not supported: {satellite}"):
        read(XML.replace("KOMPSAT-3A", satellite))


def test_a_sidecar_of_gdal_is_not_claimed() -> None:
    assert not kompsat.claims("a.tif.aux.xml", b"<PAMDataset>")
