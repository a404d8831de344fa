"""The labels stage on a small project: tiles, resuming, corrections, errors."""

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from shapely.geometry import box

from bocage.errors import LayerError, ProjectError
from bocage.grid import Window
from bocage.project import Project
from bocage.reference.evidence import Sources
from bocage.reference.labels import build_labels, read_labels, tiles_of_scenes
from bocage.scenes import catalogue_scenes
from bocage.settings import LayerSettings

Writer = Callable[..., Path]
Maker = Callable[..., Project]

TREES = LayerSettings(kind="canopy_height", paths=("chm.tif",))
COVER = LayerSettings(kind="tree_cover_density", paths=("tcd.tif",))


@pytest.fixture
def project(scene: Path, write_layer: Writer, make_project: Maker) -> Project:
    """A scene of 300 x 300 m over four tiles of 200 m, with a wood in its upper left quarter."""
    height = np.zeros((300, 300), np.float32)
    height[:100, :100] = 12
    write_layer("chm.tif", height, 1.0, nodata=-9999)
    cover = np.zeros((30, 30), np.uint8)
    cover[:10, :10] = 90
    write_layer("tcd.tif", cover, 10.0)
    project = make_project(TREES, COVER)
    catalogue_scenes(project)
    return project


def test_tiles_hold_labels_and_confidence(project: Project) -> None:
    outcome = build_labels(project)
    tiles = tiles_of_scenes(project)
    assert len(tiles) == 4
    assert {path.stem for path in project.labels_folder.glob("*.tif")} == {tile.id for tile in tiles}
    with rasterio.open(project.labels_folder / f"{tiles[0].id}.tif") as file:
        assert (file.count, file.dtypes, file.nodata) == (2, ("uint8", "uint8"), 255)
        assert file.descriptions == ("label", "confidence")
        confidence = file.read(2)
    assert confidence[confidence != 255].max() <= 100
    label = read_labels(project, Window(2_000_000, -1_500_000, 150, 150))
    assert (label[:47, :47] == 1).all()
    assert (label[53:, 53:] == 0).all()
    assert outcome.figures["decided_share"] > 0.95
    assert outcome.figures["tree_share"] == pytest.approx(1 / 9, abs=0.01)


def test_pixels_that_no_layer_knows_are_255(project: Project) -> None:
    build_labels(project)
    beyond = read_labels(project, Window(2_000_150, -1_500_000, 50, 100))
    assert (beyond == 255).all()
    nowhere = read_labels(project, Window(0, 0, 5, 5))
    assert (nowhere == 255).all()


def test_a_label_does_not_depend_on_the_window(project: Project, rng: np.random.Generator) -> None:
    sources = Sources.open(project)
    whole = Window(1_999_990, -1_500_010, 170, 170)
    label, confidence = sources.label(whole)
    for _ in range(10):
        column, row, width, height = (
            int(rng.integers(low, high)) for low, high in ((0, 80), (0, 80), (1, 90), (1, 90))
        )
        part = Window(whole.column + column, whole.row + row, width, height)
        for found, expected in zip(sources.label(part), (label, confidence), strict=True):
            np.testing.assert_array_equal(found, expected[part.slices(whole)])


def test_the_order_of_layers_in_the_settings_does_not_matter(project: Project, make_project: Maker) -> None:
    window = Window(2_000_000, -1_500_000, 150, 150)
    one, other = Sources.open(project), Sources.open(make_project(COVER, TREES))
    assert one.digest(window) == other.digest(window)
    np.testing.assert_array_equal(one.label(window)[0], other.label(window)[0])


def test_a_second_run_builds_nothing_and_a_changed_layer_only_its_tiles(project: Project, write_layer: Writer) -> None:
    assert build_labels(project).figures["built"] == 4
    before = {path: path.stat().st_mtime_ns for path in project.labels_folder.glob("*.tif")}
    second = build_labels(project)
    assert (second.figures["built"], second.figures["kept"]) == (0, 4)
    assert before == {path: path.stat().st_mtime_ns for path in project.labels_folder.glob("*.tif")}
    victim = sorted(before)[2]
    victim.write_bytes(victim.read_bytes()[:100])
    assert build_labels(project).figures["built"] == 1
    write_layer("tcd.tif", np.zeros((30, 30), np.uint8), 10.0)
    assert build_labels(project).figures["built"] == 4


def test_corrections_rebuild_only_the_tiles_that_they_touch(project: Project, make_project: Maker) -> None:
    build_labels(project)
    row = {"class": 0, "author": "mk", "date": "2026-05-01", "reason": "felled"}
    place = box(4_000_020, 2_999_960, 4_000_040, 2_999_980)
    geopandas.GeoDataFrame([row], geometry=[place], crs="EPSG:3035").to_file(project.folder / "c.gpkg")
    corrected = make_project(TREES, COVER, reference={"corrections": "c.gpkg"})
    assert build_labels(corrected).figures["built"] == 1
    label = read_labels(corrected, Window(2_000_000, -1_500_000, 47, 47))
    assert (label[10:20, 10:20] == 0).all()
    assert np.count_nonzero(label == 0) == 100


def test_a_smaller_area_removes_the_other_tiles(project: Project, make_project: Maker) -> None:
    build_labels(project)
    smaller = make_project(TREES, COVER, area={"bbox": (4_000_000, 2_999_850, 4_000_100, 3_000_000)})
    assert build_labels(smaller).figures["tiles"] == 1
    assert len(list(project.labels_folder.glob("*.tif"))) == 1


def test_an_area_without_layers_or_scenes_is_refused(
    project: Project, make_project: Maker, write_layer: Writer
) -> None:
    with pytest.raises(LayerError, match="names no reference layer"):
        build_labels(make_project())
    with pytest.raises(ProjectError, match="touches the area"):
        build_labels(make_project(TREES, area={"bbox": (0, 0, 100, 100)}))
    write_layer("far.tif", np.zeros((4, 4), np.uint8), 10.0, origin=(5_000_000, 3_000_000))
    with pytest.raises(LayerError, match="covers nothing of the area"):
        build_labels(make_project(LayerSettings(kind="tree_cover_density", paths=("far.tif",))))


def test_labels_that_were_never_built_are_named(make_project: Maker) -> None:
    with pytest.raises(ProjectError, match="holds no labels"):
        read_labels(make_project(), Window(0, 0, 1, 1))


def test_a_pattern_of_corrections_must_name_one_file(tmp_path: Path, make_project: Maker) -> None:
    project = make_project(TREES, reference={"corrections": "corr/*.gpkg"})
    with pytest.raises(LayerError, match=r"'corr/\*\.gpkg' matches no file"):
        Sources.open(project)
    (tmp_path / "corr").mkdir()
    for name in ("a", "b"):
        (tmp_path / "corr" / f"{name}.gpkg").touch()
    with pytest.raises(LayerError, match=r"'corr/\*\.gpkg' matches 2 files: a\.gpkg, b\.gpkg"):
        Sources.open(project)


def test_layers_that_only_sort_samples_change_no_label(
    project: Project, make_project: Maker, write_layer: Writer
) -> None:
    build_labels(project)
    write_layer("urban.tif", np.ones((30, 30), np.uint8), 10.0)
    urban = LayerSettings(kind="urban", paths=("urban.tif",))
    assert build_labels(make_project(TREES, COVER, urban)).figures["built"] == 0
    with pytest.raises(LayerError, match=r"the layers of bocage\.toml \(urban\) do not say where trees stand"):
        build_labels(make_project(urban))


def test_an_old_layer_votes_weaker_and_its_tiles_are_built_anew(project: Project, make_project: Maker) -> None:
    """Height alone decides in its own year; 25 years later, at 2 % a year, it leaves nothing but doubt."""
    window = Window(2_000_000, -1_500_000, 40, 40)
    heights = LayerSettings(kind="canopy_height", paths=("chm.tif",), year=2000)
    build_labels(make_project(heights, reference={"year": 2000}))
    assert (read_labels(project, window) == 1).all()
    later = make_project(heights, reference={"year": 2025, "yearly_change": 0.02})
    assert build_labels(later).figures["built"] == 4
    assert (read_labels(project, window) == 255).all()
