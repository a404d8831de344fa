"""Cloud masks: what is read of them, and what is refused because it would lead elsewhere or says nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import pytest
from shapely import box, make_valid
from shapely.geometry import Polygon, mapping

from bocage.errors import SceneError
from bocage.scenes.clouds import read_clouds
from tests.scenes.dialects.files import MemoryFiles

SQUARE = box(4_000_000, 3_000_000, 4_000_100, 3_000_100)


def geojson(*geometries: Any, crs: str | None = "urn:ogc:def:crs:EPSG::3035") -> bytes:
    features = [{"type": "Feature", "properties": {}, "geometry": geometry} for geometry in geometries]
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs is not None:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    return json.dumps(content).encode()


def read(name: str, content: bytes) -> Any:
    return read_clouds(MemoryFiles({name: content}), [name], "EPSG:3035")


def test_geojson_and_geopackage_say_the_same(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(geometry=[SQUARE], crs="EPSG:3035")
    frame.to_file(tmp_path / "a.gpkg")
    found = [read("a.geojson", geojson(mapping(SQUARE))), read("a.gpkg", (tmp_path / "a.gpkg").read_bytes())]
    for outline in found:
        assert outline.symmetric_difference(SQUARE).area < 1e-6


def test_a_mask_in_longitude_and_latitude_is_brought_to_the_image() -> None:
    frame = geopandas.GeoDataFrame(geometry=[SQUARE], crs="EPSG:3035").to_crs("EPSG:4326")
    outline = read("a.geojson", geojson(mapping(frame.geometry.iloc[0]), crs=None))
    assert outline.symmetric_difference(SQUARE).area < 1


def test_an_outline_that_crosses_itself_still_hides() -> None:
    bow = Polygon([(4_000_000, 3_000_000), (4_000_100, 3_000_100), (4_000_100, 3_000_000), (4_000_000, 3_000_100)])
    assert read("a.geojson", geojson(mapping(bow))).area == pytest.approx(make_valid(bow).area)


def test_a_mask_without_clouds_hides_nothing() -> None:
    assert read("a.geojson", geojson()) is None
    assert read("a.geojson", geojson(None)) is None


@pytest.mark.parametrize(
    "content",
    [
        b'<OGRVRTDataSource><OGRVRTLayer name="c"><SrcDataSource>/c</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
        b"",
        b"{",
        b'{"type": "FeatureCollection"}',
        geojson({"type": "Polygon", "coordinates": [[[0, 0], [1e400, 1], [1, 0], [0, 0]]]}).replace(
            b"Infinity", b"1e400"
        ),
        geojson(mapping(SQUARE), crs="http://example.org/crs"),
        geojson(mapping(SQUARE), crs="urn:ogc:def:crs:EPSG::999999"),
        b"SQLite format 3\0" + bytes(100),
    ],
)
def test_what_is_no_mask_or_names_other_places_is_refused(content: bytes) -> None:
    with pytest.raises(SceneError, match=r"the cloud mask a\.geojson") as caught:
        read("a.geojson", content)
    assert caught.value.mend


def test_a_link_to_a_crs_is_not_followed() -> None:
    content = json.loads(geojson(mapping(SQUARE)))
    content["crs"] = {"type": "link", "properties": {"href": "http://127.0.0.1:9/crs", "type": "proj4"}}
    with pytest.raises(SceneError, match="cloud mask"):
        read("a.geojson", json.dumps(content).encode())
