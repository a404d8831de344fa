"""A layer on the lattice: values, validity, invariance to the window, and clear refusals."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest

from bocage.errors import LayerError
from bocage.grid import Window
from bocage.project import Project
from bocage.reference import file as module
from bocage.reference.layer import label_of, open_layer
from bocage.settings import LayerKind, LayerSettings

Writer = Callable[..., Path]
Maker = Callable[..., Project]


def layer_settings(kind: LayerKind, *paths: str, **more: Any) -> LayerSettings:
    return LayerSettings.model_validate({"kind": kind, "paths": paths} | more)


def test_coarse_codes_repeat_on_the_lattice(write_layer: Writer, make_project: Maker, rng: np.random.Generator) -> None:
    values = rng.integers(0, 101, (20, 30)).astype(np.uint8)
    values[3, 4] = 255
    # A delivery that declares 0 as nodata: the table of the product knows better.
    write_layer("tcd.tif", values, 10.0, nodata=0)
    project = make_project(settings := layer_settings("tree_cover_density", "tcd.tif"))
    layer = open_layer(settings, project)
    window = layer.files[0].window
    reading = layer.read(project.grid, window)
    expected = np.kron(values, np.ones((5, 5), np.uint8))
    assert window.shape == expected.shape
    np.testing.assert_array_equal(reading.valid, expected != 255)
    np.testing.assert_array_equal(reading.values[reading.valid], expected[reading.valid])
    assert layer.gsd == 10.0


@pytest.mark.parametrize("kind", ["classes", "canopy_height"])
def test_a_pixel_does_not_depend_on_the_window(
    write_layer: Writer, make_project: Maker, rng: np.random.Generator, kind: LayerKind
) -> None:
    values = rng.integers(0, 2, (120, 130)).astype(np.uint8)
    write_layer("layer.tif", values, 5.0 if kind == "classes" else 1.3, origin=(4_000_001.7, 2_999_998.1))
    project = make_project(settings := layer_settings(kind, "layer.tif", tree=(1,) if kind == "classes" else ()))
    layer = open_layer(settings, project)
    whole = layer.files[0].window
    reference = layer.read(project.grid, whole)
    for _ in range(20):
        column, row = (int(rng.integers(0, edge - 8)) for edge in (whole.width, whole.height))
        window = Window(whole.column + column, whole.row + row, int(rng.integers(1, 9)), int(rng.integers(1, 9)))
        part, where = layer.read(project.grid, window), window.slices(whole)
        np.testing.assert_array_equal(part.valid, reference.valid[where])
        np.testing.assert_array_equal(part.values[part.valid], reference.values[where][part.valid])


@pytest.mark.parametrize("corner", [(4_000_003, 3_000_001), (5_912_345, 5_012_341), (4_000_000, 3_000_000)])
def test_a_5_m_pixel_on_a_2_m_lattice_never_depends_on_rounding(
    write_layer: Writer, make_project: Maker, rng: np.random.Generator, corner: tuple[int, int]
) -> None:
    """Every fifth centre lies on an edge, and takes the eastern and southern pixel; at these corners GDAL would not."""
    values = rng.integers(0, 200, (60, 70)).astype(np.uint8)
    write_layer("c.tif", values, 5.0, origin=corner)
    project = make_project(settings := layer_settings("classes", "c.tif", tree=(1,)))
    layer = open_layer(settings, project)
    window = layer.files[0].window
    reading = layer.read(project.grid, window)
    x = 2 * (window.column + np.arange(window.width)) + 1 - corner[0]
    y = corner[1] + 2 * (window.row + np.arange(window.height)) + 1
    assert (x % 5 == 0).any()
    assert (y % 5 == 0).any()
    inside = ((y >= 0) & (y < 300))[:, np.newaxis] & ((x >= 0) & (x < 350))
    np.testing.assert_array_equal(reading.valid, inside)
    expected = values[np.clip(y // 5, 0, 59)[:, np.newaxis], np.clip(x // 5, 0, 69)]
    np.testing.assert_array_equal(reading.values[inside], expected[inside])


def test_canopy_height_in_web_mercator_is_averaged_and_nodata_stays_out_of_the_mean(
    write_layer: Writer, make_project: Maker
) -> None:
    to_mercator = pyproj.Transformer.from_crs("EPSG:3035", "EPSG:3857", always_xy=True)
    x, y = to_mercator.transform(4_000_000.0, 3_000_000.0)
    heights = np.full((200, 200), 255, np.uint8)
    heights[:, :100] = np.where(np.arange(100) % 2 == 0, 4, 12)
    write_layer("chm.tif", heights, 1.1943, origin=(x, y), crs="EPSG:3857")
    project = make_project(settings := layer_settings("canopy_height", "chm.tif"))
    layer = open_layer(settings, project)
    assert layer.gsd == pytest.approx(0.77, abs=0.03)
    reading = layer.read(project.grid, layer.files[0].window)
    known = np.asarray(reading.values[reading.valid])
    assert known.mean() == pytest.approx(8, abs=0.2)
    # 2 m hold about 2.6 pixels: a nearest or bilinear reading would give 4 and 12.
    assert np.percentile(known, 5) > 4.5
    assert known.max() <= 12
    assert 0.3 < reading.valid.mean() < 0.6


def test_tiles_of_a_layer_join_and_the_unknown_stays_unknown(write_layer: Writer, make_project: Maker) -> None:
    write_layer("swf_a.tif", np.full((10, 10), 1, np.uint8), 5.0)
    write_layer("swf_b.tif", np.full((10, 10), 0, np.uint8), 5.0, origin=(4_000_050.0, 3_000_000.0))
    project = make_project(settings := layer_settings("small_woody_features", "swf_*.tif"))
    layer = open_layer(settings, project)
    reading = layer.read(project.grid, Window(2_000_000, -1_500_000, 75, 25))
    assert reading.valid[:, :50].all()
    assert not reading.valid[:, 50:].any()
    np.testing.assert_array_equal(reading.values[0, :50], [1] * 25 + [0] * 25)


def test_unknown_codes_are_refused_by_name(write_layer: Writer, make_project: Maker) -> None:
    path = write_layer("tcd.tif", np.array([[7, 120], [133, 0]], np.uint8), 10.0)
    project = make_project(settings := layer_settings("tree_cover_density", "tcd.tif"))
    layer = open_layer(settings, project)
    with pytest.raises(LayerError, match=r"120, 133") as caught:
        layer.read(project.grid, layer.files[0].window)
    assert str(path) in str(caught.value)
    assert "kind" in caught.value.mend


def test_a_layer_elsewhere_is_refused(write_layer: Writer, make_project: Maker) -> None:
    write_layer("tcd.tif", np.zeros((4, 4), np.uint8), 10.0)
    project = make_project(settings := layer_settings("tree_cover_density", "tcd.tif"))
    layer = open_layer(settings, project)
    with pytest.raises(LayerError, match="covers nothing of the area"):
        layer.require(Window(0, 0, 10, 10))


def test_missing_and_damaged_files_are_named(tmp_path: Path, write_layer: Writer, make_project: Maker) -> None:
    project = make_project()
    with pytest.raises(LayerError, match=r"no file is at 'none\.tif'"):
        open_layer(layer_settings("tree_cover_density", "none.tif"), project)
    (tmp_path / "broken.tif").write_bytes(b"no raster")
    with pytest.raises(LayerError, match=r"broken\.tif cannot be opened"):
        open_layer(layer_settings("tree_cover_density", "broken.tif"), project)
    write_layer("nocrs.tif", np.zeros((4, 4), np.uint8), 10.0, crs=None)
    with pytest.raises(LayerError, match=r"nocrs\.tif has no coordinate reference system"):
        open_layer(layer_settings("tree_cover_density", "nocrs.tif"), project)


def test_a_truncated_file_is_an_error_and_not_a_hole(
    tmp_path: Path, write_layer: Writer, make_project: Maker, rng: np.random.Generator
) -> None:
    path = write_layer("tcd.tif", rng.integers(0, 100, (300, 300)).astype(np.uint8), 10.0)
    path.write_bytes(path.read_bytes()[:40_000])
    project = make_project(settings := layer_settings("tree_cover_density", "tcd.tif"))
    layer = open_layer(settings, project)
    with pytest.raises(LayerError, match=r"tcd\.tif cannot be read"):
        layer.read(project.grid, layer.files[0].window)


def test_a_copy_without_its_times_is_the_same_layer(
    write_layer: Writer, make_project: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_layer("tcd.tif", np.full((4, 4), 7, np.uint8), 10.0)
    project = make_project(settings := layer_settings("tree_cover_density", "tcd.tif"))
    (file,) = open_layer(settings, project).files
    before = file.stamp
    os.utime(path, ns=(1, 1))
    assert file.stamp == before
    write_layer("tcd.tif", np.full((4, 4), 8, np.uint8), 10.0)
    assert path.stat().st_size == int(before.split(":")[1])
    assert file.stamp != before
    # A file that is too large to be read only for its digest is told by its time.
    monkeypatch.setattr(module, "_READ_WHOLE", 0)
    os.utime(path, ns=(1, 1))
    assert file.stamp.endswith(":1")
    path.unlink()
    with pytest.raises(LayerError, match=r"tcd\.tif cannot be read"):
        _ = file.stamp


def test_label_of_a_map_of_classes(write_layer: Writer, make_project: Maker) -> None:
    write_layer("map.tif", np.array([[4, 1], [255, 9]], np.uint8), 2.0, nodata=255)
    project = make_project(settings := layer_settings("classes", "map.tif", tree=(4,), ignore=(9,)))
    layer = open_layer(settings, project)
    np.testing.assert_array_equal(
        label_of(layer, project.grid, Window(2_000_000, -1_500_000, 3, 2)), [[1, 0, 255], [255, 255, 255]]
    )
    write_layer("tcd.tif", np.zeros((2, 2), np.uint8), 10.0)
    with pytest.raises(LayerError, match="no complete truth"):
        label_of(open_layer(layer_settings("tree_cover_density", "tcd.tif"), project), project.grid, Window(0, 0, 1, 1))


def test_a_complete_table_counts_whatever_the_file_declares(write_layer: Writer, make_project: Maker) -> None:
    write_layer("map.tif", np.array([[4, 1], [255, 9]], np.uint8), 2.0, nodata=1)
    project = make_project()
    window = Window(2_000_000, -1_500_000, 2, 2)
    open_table = layer_settings("classes", "map.tif", tree=(4,), ignore=(9,))
    np.testing.assert_array_equal(label_of(open_layer(open_table, project), project.grid, window), [[1, 255], [0, 255]])
    complete = layer_settings("classes", "map.tif", tree=(4,), other=(1, 255), ignore=(9,))
    np.testing.assert_array_equal(label_of(open_layer(complete, project), project.grid, window), [[1, 0], [0, 255]])
    strict = layer_settings("classes", "map.tif", tree=(4,), other=(255,), ignore=(9,))
    # 1 is in no list, but the file declares it as nodata.
    np.testing.assert_array_equal(label_of(open_layer(strict, project), project.grid, window), [[1, 255], [0, 255]])
    lacking = layer_settings("classes", "map.tif", tree=(4,), other=(1,))
    with pytest.raises(LayerError, match=r"does not have: 9, 255 \(its table is tree, other and ignore") as caught:
        label_of(open_layer(lacking, project), project.grid, window)
    assert "complete its table" in caught.value.mend


@pytest.mark.parametrize("year", [2018, 2021])
def test_codes_of_another_year_are_named_with_the_year(write_layer: Writer, make_project: Maker, year: int) -> None:
    write_layer("swf.tif", np.array([[0, 1], [2, 3]], np.uint8), 5.0)
    project = make_project()
    old = open_layer(layer_settings("small_woody_features", "swf.tif", year=2015), project)
    assert old.read(project.grid, old.files[0].window).valid.all()
    new = open_layer(layer_settings("small_woody_features", "swf.tif", year=year), project)
    with pytest.raises(LayerError, match=rf"of {year} does not have: 2, 3 .* of {year} at 5 m has 0, 1, 254, 255"):
        new.read(project.grid, new.files[0].window)


def test_the_year_may_stand_in_the_names_of_the_files(write_layer: Writer, make_project: Maker) -> None:
    write_layer("swf_2018_005m_e40n30_a.tif", np.array([[2]], np.uint8), 5.0)
    write_layer("swf_2015_005m_xx_b.tif", np.array([[2]], np.uint8), 5.0, origin=(4_000_005.0, 3_000_000.0))
    project = make_project()
    layer = open_layer(layer_settings("small_woody_features", "swf_2018*"), project)
    assert layer.year == 2018
    with pytest.raises(LayerError, match="layer of 2018 does not have: 2"):
        layer.read(project.grid, layer.files[0].window)
    with pytest.raises(LayerError, match=r"files of different years: swf_2015.* of 2015 and swf_2018.* of 2018"):
        open_layer(layer_settings("small_woody_features", "swf_*.tif"), project)


def test_a_product_with_other_pixels_is_another_product(write_layer: Writer, make_project: Maker) -> None:
    write_layer("woody.tif", np.zeros((2, 2), np.uint8), 100.0)
    write_layer("fine.tif", np.zeros((2, 2), np.uint8), 5.0)
    project = make_project()
    with pytest.raises(LayerError, match=r"has pixels of 100 m, and a small_woody_features layer has 0 to 20"):
        open_layer(layer_settings("small_woody_features", "woody.tif"), project)
    with pytest.raises(LayerError, match=r"has pixels of 5 m, and a small_woody_density layer has 50 to 2000"):
        open_layer(layer_settings("small_woody_density", "fine.tif"), project)


@pytest.mark.parametrize(
    ("kind", "codes", "unknown"),
    [
        ("clc_backbone", [1, 2, 3, 4, 5, 11], [253, 254, 255]),
        ("worldcover", [10, 20, 95, 100], [0]),
        ("forest_mask", [0, 1], [255]),
        ("crop_mask", [0, 1], [255]),
        ("urban", [0, 1, 11100, 50000], [255, 91000, 92000]),
        ("environmental_zones", [1, 15], [0, 255]),
        ("crop_types", [0, 1110, 3200], [65535]),
    ],
)
@pytest.mark.parametrize("dtype", ["int32", "uint32", "float32"])
def test_kinds_know_what_says_nothing(
    write_layer: Writer, make_project: Maker, kind: LayerKind, codes: list[int], unknown: list[int], dtype: str
) -> None:
    values = np.array([codes + unknown], dtype)
    # A declared value that the table lacks is believed, one that it holds is not.
    write_layer("map.tif", np.append(values, [[7]], axis=1).astype(dtype), 10.0, nodata=7)
    project = make_project()
    layer = open_layer(layer_settings(kind, "map.tif"), project)
    reading = layer.read(project.grid, layer.files[0].window)
    known = np.repeat([True] * len(codes) + [False] * (len(unknown) + 1), 5)
    if 7 in layer.table.codes:
        known[-5:] = True
    np.testing.assert_array_equal(reading.valid[0], known)
    np.testing.assert_array_equal(reading.values[0, : 5 * len(codes)], np.repeat(codes, 5))
    assert reading.values.dtype == np.int32


def test_codes_that_are_no_whole_numbers_are_refused(write_layer: Writer, make_project: Maker) -> None:
    write_layer("map.tif", np.array([[1.0, 2.5, np.nan]], np.float32), 10.0)
    project = make_project()
    for kind, more in (("worldcover", {}), ("classes", {"tree": (1,)})):
        layer = open_layer(layer_settings(kind, "map.tif", **more), project)  # type: ignore[arg-type]
        with pytest.raises(LayerError, match=r"does not have: (1, )?2\.5 \("):
            layer.read(project.grid, layer.files[0].window)


def test_in_canopy_height_v2_only_heights_are_known(write_layer: Writer, make_project: Maker) -> None:
    values = np.zeros((8, 8), np.uint8)
    values[2:4, 2:4] = 12
    values[4:6, 2] = 6
    values[6:, 6:] = 255
    write_layer("chm.tif", values, 1.0)
    project = make_project()
    first, second = (
        open_layer(layer_settings("canopy_height", "chm.tif", release=release), project).read(
            project.grid, Window(2_000_000, -1_500_000, 4, 4)
        )
        for release in ("v1", "v2")
    )
    with_zeros, heights = np.zeros((2, 4, 4))
    with_zeros[1, 1], with_zeros[2, 1] = 12, 3
    # Heights cover half of the second one; the zeros beside them enter no mean.
    heights[1, 1], heights[2, 1] = 12, 6
    np.testing.assert_allclose(np.where(first.valid, first.values, 0), with_zeros)
    np.testing.assert_array_equal(first.valid, np.pad(np.zeros((1, 1), bool), ((3, 0), (3, 0)), constant_values=True))
    np.testing.assert_array_equal(second.valid, heights > 0)
    np.testing.assert_allclose(np.where(second.valid, second.values, 0), heights)


def test_heights_may_declare_their_nodata(write_layer: Writer, make_project: Maker) -> None:
    project = make_project()
    write_layer("a.tif", np.array([[-9999, 4], [-9999, 8]], np.int16), 1.0, nodata=-9999)
    write_layer("b.tif", np.array([[0, 4], [255, 8]], np.uint8), 1.0, nodata=0)
    write_layer("c.tif", np.array([[-1, 4], [-1, 8]], np.int16), 1.0, nodata=-1)
    # Of fractions of metres the same holds: a 0 is bare ground, whatever the file declares.
    write_layer("d.tif", np.array([[0, 4], [np.nan, 8]], np.float32), 1.0, nodata=0)
    write_layer("e.tif", np.array([[-1, 4], [-1, 8]], np.float32), 1.0, nodata=-1)
    for name, expected in (("a.tif", 6.0), ("b.tif", 4.0), ("c.tif", 6.0), ("d.tif", 4.0), ("e.tif", 6.0)):
        layer = open_layer(layer_settings("canopy_height", name), project)
        reading = layer.read(project.grid, Window(2_000_000, -1_500_000, 1, 1))
        assert reading.valid.all()
        assert float(np.asarray(reading.values, np.float64)[0, 0]) == expected


def test_a_damaged_member_of_an_archive_is_an_error_and_not_a_hole(
    tmp_path: Path, write_layer: Writer, make_project: Maker, rng: np.random.Generator
) -> None:
    path = write_layer("tcd.tif", rng.integers(0, 100, (300, 300)).astype(np.uint8), 10.0)
    path.write_bytes(path.read_bytes()[:40_000])
    with zipfile.ZipFile(tmp_path / "tcd.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "tcd.tif")
    project = make_project()
    layer = open_layer(layer_settings("tree_cover_density", "tcd.zip"), project)
    with pytest.raises(LayerError, match=r"tcd\.zip!/tcd\.tif cannot be read"):
        layer.read(project.grid, layer.files[0].window)
