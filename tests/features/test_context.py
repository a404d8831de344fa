"""Context from vector layers: near, along, inside; unknown where a layer is not; refusals in words."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.errors import LayerError
from bocage.features.axis import axes_of
from bocage.features.context import SPAN, Context, Layer, context_sums, nearest
from bocage.features.context_layers import open_context
from bocage.features.patch import Patch
from bocage.features.sums import Sums
from bocage.grid import Bounds
from bocage.project import Project
from tests.features.landscape import make_project

WEST, NORTH = 4_300_000.0, 3_000_000.0
CORNER = np.array([WEST, NORTH - 500])
BOUNDS = Bounds(WEST, NORTH - 500, WEST + 500, NORTH)


def hedge() -> Patch:
    """A hedge of 10 x 300 m from west to east, 200 m south of the corner, on cells of 5 m."""
    labels = np.zeros((100, 100), np.int32)
    labels[40:42, 20:80] = 1
    return Patch.whole(labels, labels > 0, 1, 5.0, row=round(-NORTH / 5), column=round(WEST / 5))


def shares(context: Context, theme: str, patch: Patch | None = None) -> tuple[float, float, float]:
    """The shares near and inside, and the share of the axis along."""
    patch = patch or hedge()
    found = context_sums(patch, axes_of(patch), context).added
    known = found[f"{theme}_known"][0]
    if not known:
        return np.nan, np.nan, np.nan
    axis = found[f"{theme}_axis"][0]
    return found[f"{theme}_near"][0] / known, found[f"{theme}_inside"][0] / known, found[f"{theme}_along"][0] / axis


def write(folder: Path, name: str, shapes: list[shapely.Geometry], crs: str = "EPSG:3035") -> Path:
    path = folder / name
    geopandas.GeoDataFrame(geometry=shapes, crs=crs).to_file(path)
    return path


def project_with(folder: Path, lines: str) -> Project:
    return make_project(folder, more=f"[features.context]\n{lines}")


STREAM = shapely.LineString([(WEST, NORTH - 212), (WEST + 500, NORTH - 212)])
CROSSING = shapely.LineString([(WEST + 250, NORTH), (WEST + 250, NORTH - 500)])


def test_a_hedge_on_the_bank_is_near_and_along_its_stream(tmp_path: Path) -> None:
    path = write(tmp_path, "streams.gpkg", [STREAM])
    context = open_context(project_with(tmp_path, f'streams = ["{path}"]')).within(BOUNDS, "EPSG:3035")
    near, inside, along = shares(context, "streams")
    assert (near, inside) == (1, 0)
    assert along == pytest.approx(1, abs=0.02)
    assert np.isnan(shares(context, "roads")[0])


def test_a_road_that_crosses_is_near_in_part_and_not_along() -> None:
    layer = Layer.of(np.array([CROSSING]), np.array(BOUNDS.as_tuple()), 15.0)
    near, _, along = shares(Context({"roads": layer}), "roads")
    # 30 of 300 m.
    assert near == pytest.approx(0.1, abs=0.02)
    assert along == 0


def test_what_stands_in_a_settlement_is_inside_and_along_its_edge_only_at_the_edge() -> None:
    area = shapely.box(WEST + 100, NORTH - 206, WEST + 250, NORTH - 100)
    layer = Layer.of(np.array([area]), np.array(BOUNDS.as_tuple()), 20.0)
    near, inside, _ = shares(Context({"built_up": layer}), "built_up")
    # Its southern edge runs between the two rows of cells of the western half.
    assert inside == pytest.approx(0.5 * 30 / 30 / 2, abs=0.3)
    assert near == pytest.approx(0.5 + 20 / 300, abs=0.03)


def test_ground_beyond_a_layer_is_unknown_not_far_from_streams() -> None:
    layer = Layer.of(np.array([STREAM]), np.array([WEST - 900, NORTH - 300, WEST - 500, NORTH - 200]), 15.0)
    assert np.isnan(shares(Context({"streams": layer}), "streams")[0])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(20, 70), st.integers(20, 70))
def test_tiles_add_up_to_the_whole(seed: int, high: int, wide: int) -> None:
    rng = np.random.default_rng(seed)
    lines = np.array([shapely.LineString(rng.uniform(-100, 600, (5, 2)) + CORNER) for _ in range(6)])
    layer = Layer.of(lines, np.array(BOUNDS.as_tuple()), 25.0)
    patch = hedge()
    axes = axes_of(patch)
    expected = context_sums(patch, axes, Context({"streams": layer}))
    total: Sums | None = None
    for rows in (slice(1, high), slice(high, 101)):
        for columns in (slice(1, wide), slice(wide, 101)):
            part = Patch(patch.labels, patch.linear, (rows, columns), patch.row, patch.column, 5.0, 1)
            sums = context_sums(part, axes_of(part), Context({"streams": layer}))
            total = sums if total is None else total + sums
    assert total is not None
    for name, values in expected.added.items():
        np.testing.assert_array_equal(values, total.added[name], err_msg=name)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_the_nearest_piece_is_that_of_an_exact_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    line = shapely.LineString(rng.uniform(0, 500, (6, 2)) + CORNER)
    patch = hedge()
    keys = nearest(patch, Layer.of(np.array([line]), np.array(BOUNDS.as_tuple()), 30.0))
    rows, columns = rng.integers(1, 101, (2, 200))
    x = (patch.column + columns + 0.5) * 5
    y = -(patch.row + rows + 0.5) * 5
    exact = shapely.distance(shapely.points(x, y), line)
    found = np.where(keys[rows, columns] < np.iinfo(np.int64).max, keys[rows, columns] // 1024 / 1000, np.inf)
    np.testing.assert_allclose(found[exact < 29.99], exact[exact < 29.99], atol=0.002)
    assert np.isinf(found[exact > 30.01]).all()


def test_layers_in_other_systems_are_brought_to_the_grid(tmp_path: Path) -> None:
    table = geopandas.GeoSeries([STREAM], crs="EPSG:3035").segmentize(20).to_crs("EPSG:4326")
    path = write(tmp_path, "streams.geojson", list(table), "EPSG:4326")
    context = open_context(project_with(tmp_path, f'streams = ["{path}"]')).within(BOUNDS, "EPSG:3035")
    assert shares(context, "streams")[0] == 1


def test_a_complete_layer_says_no_beyond_its_box_and_may_hold_nothing(tmp_path: Path) -> None:
    far = shapely.LineString([(WEST + 9000, NORTH), (WEST + 9100, NORTH - 50)])
    path = write(tmp_path, "roads.gpkg", [far])
    empty = tmp_path / "streams.gpkg"
    geopandas.GeoDataFrame(geometry=[], crs="EPSG:3035").to_file(empty, geometry_type="LineString")
    lines = f'roads = ["{path}"]\nstreams = ["{empty}"]\ncomplete = ["streams", "roads"]'
    context = open_context(project_with(tmp_path, lines)).within(BOUNDS, "EPSG:3035")
    for theme in ("roads", "streams"):
        assert shares(context, theme) == (0, 0, 0)
    lacking = open_context(project_with(tmp_path, f'roads = ["{path}"]')).within(BOUNDS, "EPSG:3035")
    assert np.isnan(shares(lacking, "roads")[0])


def test_only_what_lies_near_is_read(tmp_path: Path) -> None:
    far = shapely.LineString([(WEST + 9000, NORTH), (WEST + 9100, NORTH)])
    path = write(tmp_path, "roads.fgb", [CROSSING, far])
    context = open_context(project_with(tmp_path, f'roads = ["{path}"]')).within(BOUNDS, "EPSG:3035")
    assert context.layers["roads"].segments[:, 0].max() < WEST + 500 + SPAN


def test_the_stamp_follows_the_file_and_the_distance(tmp_path: Path) -> None:
    path = write(tmp_path, "streams.gpkg", [STREAM])
    one = open_context(project_with(tmp_path, f'streams = ["{path}"]')).stamp
    other = open_context(project_with(tmp_path, f'streams = ["{path}"]\nstream_distance = 20.0')).stamp
    assert one != other
    write(tmp_path, "streams.gpkg", [STREAM, CROSSING])
    assert open_context(project_with(tmp_path, f'streams = ["{path}"]')).stamp != one


def refusal(folder: Path, lines: str) -> str:
    with pytest.raises(LayerError) as caught:
        open_context(project_with(folder, lines)).within(BOUNDS, "EPSG:3035")
    return str(caught.value)


def test_layers_that_cannot_be_meant_are_refused_in_words(tmp_path: Path) -> None:
    assert "no file is at 'gone.gpkg'" in refusal(tmp_path, 'streams = ["gone.gpkg"]')
    text = tmp_path / "streams.gpkg"
    text.write_text("not a GeoPackage")
    assert "cannot be opened" in refusal(tmp_path, f'streams = ["{text}"]')
    points = write(tmp_path, "points.gpkg", [shapely.Point(WEST, NORTH)])
    assert "holds Point" in refusal(tmp_path, f'roads = ["{points}"]')
    path = tmp_path / "placeless.gpkg"
    geopandas.GeoDataFrame(geometry=[STREAM]).to_file(path)
    assert "no coordinate reference system" in refusal(tmp_path, f'streams = ["{path}"]')
    bow = shapely.Polygon([(WEST, NORTH), (WEST + 90, NORTH - 90), (WEST + 90, NORTH), (WEST, NORTH - 90)])
    crossed = write(tmp_path, "fields.gpkg", [bow])
    assert "1 invalid polygons" in refusal(tmp_path, f'fields = ["{crossed}"]')
    mixed = write(tmp_path, "mixed.geojson", [STREAM, shapely.Point(WEST + 5, NORTH - 5)])
    assert "holds Point" in refusal(tmp_path, f'streams = ["{mixed}"]')
    nothing = tmp_path / "nothing.gpkg"
    geopandas.GeoDataFrame({"name": []}, geometry=[], crs="EPSG:3035").to_file(nothing, geometry_type="LineString")
    assert "holds nothing" in refusal(tmp_path, f'streams = ["{nothing}"]')
