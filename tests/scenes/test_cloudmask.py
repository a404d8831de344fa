from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from bocage.errors import MetadataError
from bocage.scenes.cloudmask import read_cloud_gml

NAME = "MASKS/CLD_TEST_MSK.GML"
UTM = "urn:ogc:def:crs:EPSG:6.3:32631"
SQUARE = "<gml:posList>0 0 100 0 100 50 0 50 0 0</gml:posList>"
HOLE = "<gml:posList>10 10 20 10 20 20 10 20 10 10</gml:posList>"


def polygon(outer: str = SQUARE, *inner: str, system: str | None = UTM, kind: str = "CLOUD") -> str:
    name = "" if system is None else f' srsName="{system}"'
    holes = "".join(f"<gml:interior><gml:LinearRing>{ring}</gml:LinearRing></gml:interior>" for ring in inner)
    return f"""<hma:MaskFeature><hma:maskType>{kind}</hma:maskType><gml:extentOf><gml:Polygon{name}>
      <gml:exterior><gml:LinearRing>{outer}</gml:LinearRing></gml:exterior>{holes}
    </gml:Polygon></gml:extentOf></hma:MaskFeature>"""


def mask(*polygons: str, envelope: str | None = UTM) -> bytes:
    name = "" if envelope is None else f' srsName="{envelope}"'
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<hma:Mask xmlns:gml="http://www.opengis.net/gml" xmlns:hma="http://earth.esa.int/hma">
  <gml:boundedBy><gml:Envelope{name}><gml:lowerCorner>0 0</gml:lowerCorner>
    <gml:upperCorner>1000 1000</gml:upperCorner></gml:Envelope></gml:boundedBy>
  <hma:maskMembers>{"".join(polygons)}</hma:maskMembers>
</hma:Mask>""".encode()


def test_polygons_are_read_x_before_y_with_their_holes() -> None:
    outline, crs = read_cloud_gml(NAME, mask(polygon(SQUARE, HOLE)))
    assert outline is not None
    assert crs == "EPSG:32631"
    assert outline.bounds == (0.0, 0.0, 100.0, 50.0)
    assert outline.area == pytest.approx(100 * 50 - 10 * 10)
    assert not outline.contains(Point(15, 15))


def test_clouds_that_touch_are_one_outline() -> None:
    beside = "<gml:posList>100 0 200 0 200 50 100 50 100 0</gml:posList>"
    apart = "<gml:posList>500 500 510 500 510 510 500 510 500 500</gml:posList>"
    outline, _ = read_cloud_gml(NAME, mask(polygon(), polygon(beside), polygon(apart)))
    assert outline is not None
    assert outline.geom_type == "MultiPolygon"
    assert outline.area == pytest.approx(200 * 50 + 100)


def test_a_mask_without_clouds_has_no_outline() -> None:
    assert read_cloud_gml(NAME, mask()) == (None, None)
    flat = "<gml:posList>0 0 100 0 50 0 0 0</gml:posList>"
    assert read_cloud_gml(NAME, mask(polygon(flat))) == (None, None)
    assert read_cloud_gml(NAME, mask(envelope="urn:ogc:def:derivedCRSType:OGC:1.0:image")) == (None, None)


@pytest.mark.parametrize(
    ("system", "crs"),
    [
        ("urn:ogc:def:crs:EPSG:6.3:32618", "EPSG:32618"),
        ("urn:ogc:def:crs:EPSG::3035", "EPSG:3035"),
        ("urn:ogc:def:crs:epsg::32622", "EPSG:32622"),
        ("GDLIB:32622", "EPSG:32622"),
        ("EPSG:4326", "EPSG:4326"),
        ("32749 WGS84/UTM 49S (S. hemisphere - 108E to 114E)", "EPSG:32749"),
        ("http://www.opengis.net/gml/srs/epsg.xml#32631", "EPSG:32631"),
        ("http://www.opengis.net/def/crs/EPSG/0/32631", "EPSG:32631"),
    ],
)
def test_the_ways_of_naming_a_crs_are_known(system: str, crs: str) -> None:
    assert read_cloud_gml(NAME, mask(polygon(system=system), envelope=None))[1] == crs
    assert read_cloud_gml(NAME, mask(polygon(system=None), envelope=system))[1] == crs


def test_a_mask_that_states_no_crs_leaves_it_open() -> None:
    outline, crs = read_cloud_gml(NAME, mask(polygon(system=None), envelope=None))
    assert outline is not None
    assert crs is None


@pytest.mark.parametrize(
    "ring",
    [
        '<gml:posList srsDimension="3">0 0 7 100 0 7 100 50 7 0 50 7 0 0 7</gml:posList>',
        "<gml:coordinates>0,0 100,0 100,50 0,50 0,0</gml:coordinates>",
        "<gml:coordinates>0,0,7 100,0,7 100,50,7 0,50,7 0,0,7</gml:coordinates>",
        "".join(f"<gml:pos>{x} {y}</gml:pos>" for x, y in ((0, 0), (100, 0), (100, 50), (0, 50), (0, 0))),
    ],
)
def test_the_ways_of_writing_a_ring_mean_the_same(ring: str) -> None:
    outline, _ = read_cloud_gml(NAME, mask(polygon(ring)))
    assert outline is not None
    assert outline.equals(read_cloud_gml(NAME, mask(polygon()))[0])


def test_a_ring_that_crosses_itself_is_mended() -> None:
    bow = "<gml:posList>0 0 10 10 10 0 0 10 0 0</gml:posList>"
    outline, _ = read_cloud_gml(NAME, mask(polygon(bow)))
    assert outline is not None
    assert outline.is_valid
    assert outline.area == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (mask(polygon("<gml:posList>0 0 100 0 100 50 0 50</gml:posList>")), "not closed"),
        (mask(polygon("<gml:posList>0 0 100 0 0 0</gml:posList>")), "less than three corners"),
        (mask(polygon("<gml:posList>0 0 100 0 100 50 0 50 0</gml:posList>")), "9 numbers"),
        (mask(polygon("<gml:posList>0 0 100 0 100 fifty 0 50 0 0</gml:posList>")), "not a number"),
        (mask(polygon("<gml:posList>0 0 100 0 100 nan 0 50 0 0</gml:posList>")), "cannot be true"),
        (mask(polygon("<gml:posList>0 0 100 0 1e308 50 0 50 0 0</gml:posList>")), "cannot be true"),
        (mask(polygon('<gml:posList srsDimension="5">0 0 100 0 100 50 0 50 0 0</gml:posList>')), "dimension"),
        (mask(polygon("<gml:pos>0</gml:pos>")), "two or three numbers"),
        (mask(polygon("<gml:coordinates>0;0 1;1</gml:coordinates>")), "two or three numbers"),
        (mask(polygon("")), "not closed"),
        (mask(polygon(SQUARE, "<gml:posList>10 10 20 10</gml:posList>")), "not closed"),
        (mask(polygon().replace("exterior", "other")), "0 outer rings"),
        (mask(polygon(), polygon(system="EPSG:3035")), "several coordinate reference systems"),
        (mask(polygon(system="urn:ogc:def:derivedCRSType:OGC:1.0:image")), "in pixels"),
        (mask(polygon(system="Lambert, somewhere")), "is not known"),
        (mask(polygon(kind="SNOW")), "mask of SNOW"),
        (b"<other/>", "not a mask in GML"),
        (b"<hma:Mask", "well-formed"),
        (mask(polygon()).replace(b"<hma:Mask ", b'<!DOCTYPE m [<!ENTITY a "b">]><hma:Mask '), "entities"),
        (b"", "well-formed"),
    ],
)
def test_a_mask_that_cannot_be_trusted_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(MetadataError, match=said) as caught:
        read_cloud_gml(NAME, content)
    assert caught.value.problem.startswith(NAME)
    assert caught.value.mend


@given(st.data())
def test_a_mutated_mask_gives_an_error_of_ours_or_a_valid_outline(data: st.DataObject) -> None:
    content = bytearray(mask(polygon(SQUARE, HOLE), polygon()))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] = data.draw(st.integers(0, 255))
        else:
            del content[place : place + data.draw(st.integers(1, 40))]
    try:
        outline, crs = read_cloud_gml(NAME, bytes(content))
    except MetadataError:
        return
    assert outline is None or outline.is_valid
    assert crs is None or crs.startswith("EPSG:")
