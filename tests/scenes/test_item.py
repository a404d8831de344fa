"""The STAC Item of a scene: valid, honest, and the scene comes back from it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry import MultiPolygon, box

from bocage.errors import SceneError
from bocage.grid import Grid
from bocage.scenes import BANDS, SENSORS, Scene, recognise
from bocage.scenes.calibration import Calibration
from bocage.scenes.item import files_of_text, from_item, scene_text, to_item
from bocage.scenes.scene import BandStatistics
from tests.scenes.rasters import noise, write_raster, write_sidecar
from tests.scenes.scenes import make_image, make_scene

GRID = Grid("EPSG:3035", 2.0)
FOLDER = Path("/projects/map")
ODD = CRS.from_user_input("+proj=laea +lat_0=50 +lon_0=9 +ellps=GRS80 +units=m").to_wkt("WKT2_2019")
floats = st.floats(-1e9, 1e9, allow_nan=False)
shares = st.none() | st.floats(0, 1)
angles = st.none() | st.floats(0, 90)


def dictionary(scene: Scene) -> dict[str, Any]:
    """The Item as it would be read from a file."""
    content: dict[str, Any] = json.loads(
        json.dumps(to_item(scene, GRID.crs, FOLDER).to_dict(include_self_link=False, transform_hrefs=False))
    )
    return content


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    bands: tuple[str, ...] = draw(st.sampled_from([BANDS, BANDS[:3], ("nir", *BANDS[:3]), (*BANDS, "other", "other")]))
    many = 4 if "nir" in bands else 3
    lines = st.lists(floats, min_size=many, max_size=many).map(tuple)
    corner = st.integers(-100_000_00, 100_000_00).map(lambda value: value / 100)
    x, y = 4_300_000 + draw(corner), 3_000_000 + draw(corner)
    folder = draw(st.sampled_from([str(FOLDER / "scenes"), "/elsewhere", "s3://bucket/key", f"{FOLDER}/a.zip!"]))
    image = make_image(
        f"{folder}/a b",
        parts=draw(st.integers(1, 3)),
        bands=len(bands),
        dtype=draw(st.sampled_from(["uint8", "uint16", "float32"])),
        nodata=draw(st.none() | floats),
        crs=draw(st.sampled_from(["EPSG:32631", ODD])),
        described=draw(st.booleans()),
    )
    two = MultiPolygon([box(x, y, x + 9, y + 9), box(x + 20, y, x + 30, y + 9)])
    footprint = draw(st.sampled_from([box(x, y, x + 500.25, y + 300), two]))
    clouds = draw(st.sampled_from([None, box(x, y, x + 3.33, y + 4.44)]))
    one = st.tuples(lines, lines, st.sampled_from(["metadata", "metadata and table"]))
    calibration = draw(st.none() | one.map(lambda given: Calibration(*given)))
    return make_scene(
        "a b",
        bands=bands,
        image=image,
        footprint=footprint,
        clouds=clouds,
        calibration=calibration,
        stretch=tuple(draw(st.lists(st.tuples(floats, floats), min_size=many, max_size=many))),
        sensor=draw(st.sampled_from([*SENSORS, "GENERIC"])),
        platform=draw(st.sampled_from(["", "PHR1A"])),
        acquired=draw(st.none() | st.datetimes(datetime(1999, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
        sun_elevation=draw(angles),
        sun_azimuth=draw(angles),
        off_nadir=draw(angles),
        view_azimuth=draw(angles),
        cloud_cover=draw(st.none() | st.floats(0, 100)),
        digest="0" * 64,
        size=draw(st.integers(0, 2**50)),
        saturation=draw(st.none() | floats),
        mask_saturated=draw(st.booleans()),
        statistics=tuple(BandStatistics(*draw(st.tuples(floats, floats, floats, floats))) for _ in range(many)),
        valid_share=draw(shares),
        saturated_share=draw(shares),
        documents=draw(st.sampled_from([(), (f"{folder}/DIM.XML", f"{folder}/MASKS/CLD.GML")])),
        quicklook=draw(st.sampled_from([None, FOLDER / "quicklooks" / "a b.jpg"])),
    )


@given(scene=scenes())
@settings(max_examples=40)
def test_an_item_is_valid_and_gives_the_scene_back(scene: Scene) -> None:
    content = dictionary(scene)
    assert from_item(content, GRID.crs, FOLDER) == scene
    item = to_item(scene, GRID.crs, FOLDER)
    # The schemas of the extensions are on the network; what they ask for is held to below.
    item.stac_extensions = []
    item.validate()


@given(scene=scenes())
@settings(max_examples=40)
def test_extensions_are_named_where_their_fields_are_used_and_only_there(scene: Scene) -> None:
    content = dictionary(scene)
    text = json.dumps({"properties": content["properties"], "assets": content["assets"]})
    named = {url.split("/")[3] for url in content["stac_extensions"]}
    prefixes = {"proj": "projection"} | {name: name for name in ("eo", "file", "processing", "raster", "view")}
    assert named == {name for prefix, name in prefixes.items() if f'"{prefix}:' in text}
    assert None not in content["properties"].values() or content["properties"]["datetime"] is None
    assert ("proj:code" in content["properties"]) != ("proj:wkt2" in content["properties"])
    assert len(content["properties"]["proj:transform"]) == 6
    for asset in content["assets"].values():
        assert asset["roles"][0] in {"data", "metadata", "thumbnail"}


def test_fields_say_what_others_look_for() -> None:
    scene = make_scene(
        "a",
        bands=("blue", "green", "red", "nir"),
        sensor="PHR",
        platform="PHR1A",
        acquired=datetime(2021, 5, 1, 10, tzinfo=UTC),
        calibration=Calibration((1e-4, 2e-4, 3e-4, 4e-4), (0.1, 0.2, 0.3, 0.4), "metadata"),
        statistics=tuple(BandStatistics(number, 9.0, 5.0, 1.5) for number in range(4)),
        image=make_image(f"{FOLDER}/scenes/a", nodata=7.0),
        size=1234,
    )
    content = dictionary(scene)
    data = content["assets"]["data"]
    assert content["stac_version"] == "1.1.0"
    assert content["properties"]["datetime"] == "2021-05-01T10:00:00Z"
    assert content["properties"]["proj:code"] == "EPSG:32631"
    assert content["properties"]["proj:shape"] == [40, 60]
    assert content["properties"]["instruments"] == ["Pléiades"]
    assert (data["href"], data["file:size"], data["nodata"], data["data_type"]) == ("scenes/a.tif", 1234, 7.0, "uint16")
    blue = data["bands"][0]
    assert (blue["eo:common_name"], blue["raster:scale"], blue["raster:offset"]) == ("blue", 3e-4, 0.3)
    assert blue["statistics"]["minimum"] == 2
    assert blue["eo:center_wavelength"] == pytest.approx(0.49)
    # Longitude and latitude of the footprint, not of the raster's CRS.
    assert shapely.geometry.shape(content["geometry"]).within(box(5.4, 49.9, 5.6, 50.1))


def test_a_nodata_value_that_is_no_number_comes_back() -> None:
    for value in (float("nan"), float("inf")):
        scene = make_scene("a", image=make_image("/a", nodata=value))
        again = from_item(dictionary(scene), GRID.crs, FOLDER)
        assert repr(again.nodata) == repr(value)
        assert replace(again.image, nodata=None) == replace(scene.image, nodata=None)


def test_an_undated_scene_has_the_same_item_every_time() -> None:
    assert dictionary(make_scene("a")) == dictionary(make_scene("a"))
    assert dictionary(make_scene("a"))["properties"]["datetime"] is None


def test_a_recognised_scene_comes_back(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(30, 40))
    write_sidecar(path, None, **{"view:sun_elevation": 50, "eo:cloud_cover": 1})
    scene = recognise(path, GRID)
    content = to_item(scene, GRID.crs, tmp_path).to_dict(include_self_link=False)
    assert content["assets"]["data"]["href"] == "a.tif"
    assert from_item(content, GRID.crs, tmp_path) == scene
    assert files_of_text(scene_text(scene, tmp_path), tmp_path) == [str(path), str(path.with_suffix(".json"))]


def test_outlines_are_brought_to_another_grid() -> None:
    scene = make_scene("a", clouds=box(4_000_000, 3_000_000, 4_000_010, 3_000_010))
    again = from_item(dictionary(scene), "EPSG:32631", FOLDER)
    assert again.clouds is not None
    assert again.footprint.area == pytest.approx(scene.footprint.area, rel=0.01)
    assert again.clouds.within(again.footprint.buffer(0.1))
    assert not again.footprint.intersects(scene.footprint)


@pytest.mark.parametrize(
    "item",
    [
        {"id": "x", "properties": {}, "assets": {}},
        {"properties": {"bocage:grid": "EPSG:3035", "bocage:footprint": "POLYGON EMPTY", "bocage:scene": "{}"}},
        {"properties": {"bocage:grid": "EPSG:3035", "bocage:footprint": "nonsense", "bocage:scene": "{}"}},
        {"properties": {"bocage:grid": "EPSG:3035", "bocage:footprint": "POINT (1 1)", "bocage:scene": "[1"}},
    ],
)
def test_an_item_of_others_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(SceneError, match="did not write"):
        from_item(item, GRID.crs, FOLDER)
