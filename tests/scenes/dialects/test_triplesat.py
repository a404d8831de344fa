"""What is known of TripleSat's metadata."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bocage.errors import MetadataError
from bocage.scenes.dialects import triplesat
from bocage.scenes.metadata import ProductMetadata
from tests.scenes.dialects.files import MemoryFiles

SCENE = "TRIPLESAT_2_MS_L1_20191107021947_001FFCVI_002"
XML = f"""<SceneMetaData><MetaData><Satellite_Name>TripleSat-2</Satellite_Name><Scene_ID>{SCENE}</Scene_ID>
<Begin_Time>2019-11-07 10:19:47</Begin_Time><Roll_Angle>-8.5</Roll_Angle><Cloud_Cover>4</Cloud_Cover>
</MetaData></SceneMetaData>"""


def read(xml: str = XML, name: str = f"t/{SCENE}_meta.xml") -> ProductMetadata:
    files = MemoryFiles({name: xml.encode()})
    assert triplesat.claims(name, files.head(name))
    return triplesat.parse(name, files)


def test_the_name_tells_time_and_bands() -> None:
    found = read()
    assert (found.sensor, found.platform, found.product) == ("TRIPLESAT", "TripleSat", SCENE)
    assert found.acquired == datetime(2019, 11, 7, 2, 19, 47, tzinfo=UTC)
    assert [band.name for band in found.bands] == ["blue", "green", "red", "nir"]
    assert {band.gain for band in found.bands} == {None}
    assert (found.off_nadir, found.cloud_cover, found.sun_elevation) == (8.5, 4.0, None)


def test_a_name_that_tells_nothing_leaves_bands_and_time_open() -> None:
    """The zone of Begin_Time is not known, so that it is no time."""
    found = read(XML.replace(SCENE, "A1"), "a.xml")
    assert (found.bands, found.acquired) == ((), None)


def test_an_overcast_scene_is_not_an_unknown_one() -> None:
    assert read(XML.replace(">4<", ">100<")).cloud_cover == 100.0


def test_a_panchromatic_image_has_no_colours_and_99_percent_is_unknown() -> None:
    name = SCENE.replace("_MS_", "_PAN_")
    found = read(XML.replace(SCENE, name).replace(">4<", ">99<"), f"{name}_meta.xml")
    assert [band.name for band in found.bands] == ["other"]
    assert found.cloud_cover is None


def test_the_other_known_form_is_read() -> None:
    xml = """<ProductMetaData><SatelliteID>TripleSat</SatelliteID><ReceiveTime>2019-11-07 02:19:47</ReceiveTime>
    <CloudPercent>7</CloudPercent></ProductMetaData>"""
    found = read(xml, "a.xml")
    assert (found.cloud_cover, found.acquired) == (7.0, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-8.5", "-98.5", "Roll_Angle"),
        (">4<", ">few<", "cloud cover"),
        ("</SceneMetaData>", "", "not well-formed"),
        ("<SceneMetaData>", '<!DOCTYPE a [<!ENTITY b "c">]><SceneMetaData>', "entities"),
        (SCENE, SCENE.replace("20191107", "20191307"), "is not a time"),
    ],
)
def test_damaged_files_are_refused(old: str, new: str, message: str) -> None:
    assert old in XML
    with pytest.raises(MetadataError, match=message):
        read(XML.replace(old, new))
