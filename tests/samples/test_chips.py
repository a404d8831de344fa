"""Cutting chips: what they hold, resuming, refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from shapely.geometry import box

from bocage import rasters
from bocage.errors import ProjectError, SampleError, StorageError
from bocage.files import digest_file
from bocage.project import Project
from bocage.reference import build_labels, read_labels
from bocage.samples import Samples, chip_paths, cut_chips, draw_samples
from bocage.scenes import catalogue_scenes
from bocage.scenes.catalogue import Catalogue
from bocage.scenes.reader import open_scene
from bocage.settings import Settings

EAST, NORTH = 4_000_000.0, 3_000_000.0
Maker = Callable[..., Project]


@pytest.fixture
def project(make_project: Maker) -> Project:
    project = make_project(samples={"count": 500, "cell_size": 200.0, "buffer": 0.0})
    build_labels(project)
    draw_samples(project)
    return project


def stamps(project: Project) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in project.chips_folder.rglob("*.tif")}


def test_a_chip_is_the_scene_and_the_label_of_its_window(project: Project) -> None:
    outcome = cut_chips(project)
    samples = Samples.read(project)
    scenes = Catalogue.open(project.scenes_file, project.grid)
    table = samples.table
    for place in (0, 12, len(samples) - 1):
        window, scene = samples.windows()[place], scenes.scene(table["scene_id"][place])
        image_path, label_path = chip_paths(project, table["sample_id"][place])
        if not label_path.is_file():
            continue
        with (
            rasterio.open(image_path) as image,
            rasterio.open(label_path) as label,
            open_scene(scene, project.grid) as reader,
        ):
            patch = reader.read(window)
            assert (image.count, image.dtypes[0], image.shape) == (4, "uint8", (100, 100))
            assert image.transform == label.transform == project.grid.transform(window)
            np.testing.assert_array_equal(image.read(), patch.image)
            expected = np.where(patch.valid, read_labels(project, window), 255)
            np.testing.assert_array_equal(label.read(1), expected)
    assert outcome.figures["chips"] == len(samples.cut(project))
    assert outcome.figures["tree_share"] == pytest.approx(0.25, abs=0.02)
    assert sum(split["chips"] for split in outcome.figures["per_split"].values()) == outcome.figures["chips"]


def test_nodata_of_the_image_is_never_background(project: Project) -> None:
    cut_chips(project)
    seen = 0
    for sample_id in Samples.read(project).cut(project).table["sample_id"]:
        with (
            rasterio.open(chip_paths(project, sample_id)[0]) as image,
            rasterio.open(chip_paths(project, sample_id)[1]) as label,
        ):
            empty = (image.read() == 0).all(axis=0)
            seen += int(empty.sum())
            assert (label.read(1)[empty] == 255).all()
    assert seen > 0


def test_a_sample_without_a_decided_pixel_is_left_out_and_counted(project: Project) -> None:
    outcome = cut_chips(project)
    # The first cell of the map is nodata all over.
    assert outcome.figures["undecided"] == 1
    assert not outcome.refused
    assert not chip_paths(project, "E20000N14999_west")[1].exists()
    assert not any(path.exists() for path in chip_paths(project, "E20000N14999_west"))


def test_a_second_run_cuts_nothing_and_a_damaged_chip_is_cut_again(project: Project) -> None:
    first = cut_chips(project)
    before = stamps(project)
    second = cut_chips(project)
    assert (second.figures["cut"], second.figures["kept"]) == (0, first.figures["chips"])
    assert stamps(project) == before
    label = sorted(project.chips_folder.glob("labels/*.tif"))[3]
    label.write_bytes(label.read_bytes()[:60])
    sorted(project.chips_folder.glob("images/*.tif"))[5].unlink()
    third = cut_chips(project)
    assert third.figures["cut"] == 2
    assert {**third.figures, "cut": 0, "kept": 0} == {**second.figures, "cut": 0, "kept": 0}


def test_an_image_that_was_cut_from_another_scene_is_cut_again(project: Project) -> None:
    """Both scenes show the cell, so that image and label of the pair have one size and one place."""
    cut_chips(project)
    images = project.chips_folder / "images"
    west = next(path for path in sorted(images.glob("*_west.tif")) if (images / f"{path.stem[:-5]}_east.tif").is_file())
    east = images / f"{west.stem[:-5]}_east.tif"
    whole = east.read_bytes()
    east.write_bytes(west.read_bytes())
    assert cut_chips(project).figures["cut"] == 1
    assert east.read_bytes() == whole


def test_chips_of_a_scene_that_changed_are_cut_again_and_no_others(project: Project) -> None:
    cut_chips(project)
    before = stamps(project)
    scene = project.folder / "scenes" / "east.tif"
    with rasterio.open(scene, "r+") as file:
        bands = file.read()
        file.write(np.where(bands > 0, 256 - bands.astype(int), 0).astype(np.uint8))
    catalogue_scenes(project)
    figures = cut_chips(project).figures
    after = stamps(project)
    changed = {path.stem for path in after if after[path] != before[path]}
    assert changed == {path.stem for path in after if path.stem.endswith("_east")}
    assert 0 < figures["cut"] == len(changed) < figures["chips"]
    catalogue, samples = Catalogue.open(project.scenes_file, project.grid), Samples.read(project)
    windows = dict(zip(samples.table["sample_id"], samples.windows(), strict=True))
    name = min(changed)
    with (
        rasterio.open(chip_paths(project, name)[0]) as image,
        open_scene(catalogue.scene("east"), project.grid) as reader,
    ):
        np.testing.assert_array_equal(image.read(), reader.read(windows[name]).image)


def test_changed_labels_and_fewer_samples_are_followed(project: Project, make_project: Maker) -> None:
    cut_chips(project)
    Samples(Samples.read(project).table.iloc[::3]).write(project.samples_file)
    figures = cut_chips(project).figures
    assert figures["chips"] == figures["kept"] == len(list(project.chips_folder.glob("images/*.tif"))) <= 12
    trees = {"kind": "classes", "paths": ["trees.tif"], "tree": [0]}
    other = make_project(reference={"layers": [trees]}, samples={"cell_size": 200.0, "buffer": 0.0})
    build_labels(other)
    assert cut_chips(other).figures["tree_share"] == pytest.approx(0.75, abs=0.02)


def test_a_correction_rebuilds_only_the_tile_and_the_chips_that_it_touches(
    project: Project, make_project: Maker
) -> None:
    cut_chips(project)
    before, sums = stamps(project), (project.chips_folder / "SHA256SUMS").read_text(encoding="utf-8")
    tree = {"kind": "classes", "paths": ["trees.tif"], "tree": [1]}
    corrected = make_project(
        reference={"layers": [tree], "corrections": "c.gpkg"}, samples={"cell_size": 200.0, "buffer": 0.0}
    )
    # 20 m in a corner of one cell; its tile of 400 m holds three more cells, and both scenes show it.
    spot = box(EAST + 420, NORTH - 240, EAST + 440, NORTH - 220)
    row = {"class": [1], "author": ["mk"], "date": ["2026-05-01"], "reason": ["planted"]}
    geopandas.GeoDataFrame(row, geometry=[spot], crs="EPSG:3035").to_file(project.folder / "c.gpkg", driver="GPKG")
    labels = build_labels(corrected).figures
    assert (labels["built"], labels["kept"]) == (1, 5)
    figures = cut_chips(corrected).figures
    table = Samples.read(project).table
    touched = set(table["sample_id"][table.geometry.intersects(spot)])
    assert 1 <= len(touched) <= 2
    assert (figures["cut"], figures["kept"]) == (len(touched), figures["chips"] - len(touched))
    after = stamps(project)
    assert {path.stem for path in after if after[path] != before[path]} == touched
    lines = set((project.chips_folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    assert {Path(line.split("  ")[1]).stem for line in lines - set(sums.splitlines())} == touched
    # The labels of the others lie in a tile of another digest now; they are looked at again and still kept.
    assert cut_chips(corrected).figures["cut"] == 0


def test_checksums_fit_the_files_and_a_change_from_outside_shows(project: Project) -> None:
    outcome = cut_chips(project)
    text = (project.chips_folder / "SHA256SUMS").read_text(encoding="utf-8")
    sums = {name: digest for digest, name in (line.split("  ") for line in text.splitlines())}
    assert len(sums) == 2 * outcome.figures["chips"]
    assert all(digest_file(project.chips_folder / name) == digest for name, digest in sums.items())
    image = project.chips_folder / sorted(sums)[0]
    with rasterio.open(image, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
        file.write(np.zeros_like(file.read()))
    cut_chips(project)
    assert (project.chips_folder / "SHA256SUMS").read_text(encoding="utf-8") == text
    assert digest_file(image) != sums[sorted(sums)[0]]


def test_the_number_of_workers_changes_nothing(project: Project) -> None:
    cut_chips(project, workers=1)
    one = (project.chips_folder / "SHA256SUMS").read_bytes()
    for path in project.chips_folder.rglob("*.tif"):
        path.unlink()
    cut_chips(project, workers=3)
    assert (project.chips_folder / "SHA256SUMS").read_bytes() == one


def test_a_scene_without_near_infrared_refuses_its_samples(project: Project) -> None:
    path = project.folder / "scenes" / "east.tif"
    with rasterio.open(path) as file:
        bands, profile = file.read(), file.profile
    with rasterio.open(path, "w", **profile | {"count": 3}) as file:
        file.write(bands[:3])
        file.descriptions = ("red", "green", "blue")
    project.scenes_file.unlink()
    catalogue_scenes(project)
    outcome = cut_chips(project)
    assert outcome.figures["chips"] > 10
    assert {one.subject.rpartition("_")[2] for one in outcome.refused} == {"east"}
    assert all("near infrared" in one.reason for one in outcome.refused)


def test_labels_of_one_class_are_refused(project: Project, make_project: Maker) -> None:
    bare = make_project(reference={"layers": [{"kind": "classes", "paths": ["trees.tif"], "tree": [77]}]})
    build_labels(bare)
    with pytest.raises(SampleError, match=r"hold non-tree pixels only"):
        cut_chips(bare)


def test_a_scene_that_cannot_be_read_refuses_its_samples(project: Project) -> None:
    (project.folder / "scenes" / "east.tif").unlink()
    outcome = cut_chips(project)
    assert outcome.figures["chips"] > 10
    assert all(one.subject.endswith("_east") for one in outcome.refused)
    assert len(outcome.refused) > 10


def test_a_full_disk_stops_the_stage_and_keeps_what_was_cut(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0

    def full(path: Path, content: Any) -> None:
        nonlocal written
        written += 1
        if written > 10:
            raise StorageError(f"{path} could not be written: No space left on device", "free some space")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr(rasters, "write_bytes", full)
        with pytest.raises(StorageError, match="No space left"):
            cut_chips(project)
    assert 0 < len(stamps(project)) <= 10
    resumed = cut_chips(project)
    assert resumed.figures["kept"] > 0
    assert resumed.figures["cut"] > 0


def test_labels_must_be_there(make_project: Maker) -> None:
    project = make_project()
    draw_samples(project)
    with pytest.raises(ProjectError, match="holds no labels"):
        cut_chips(project)


@pytest.mark.real
def test_small_real_scenes_with_irregular_footprints(tmp_path: Path, data_folder: Path) -> None:
    """Three scenes of Ohio, one of them for each split; a scene of 154 m lies in up to four cells."""
    ohio = data_folder / "ohio"
    names = ("scene_12", "scene_14", "scene_18")
    settings = Settings.model_validate(
        {
            "grid": {"crs": "EPSG:26917", "resolution": 0.6, "tile_size": 1536.0, "cell_size": 15360.0},
            "scenes": {"paths": [str(ohio / f"{name}.tif") for name in names], "stretch": "none"},
            "reference": {
                "layers": [{"kind": "classes", "paths": [str(ohio / "labels_*.tif")], "tree": [4], "ignore": [255]}]
            },
            "samples": {
                "cell_size": 153.6,
                "minimum_valid": 0.3,
                "split": "scenes",
                "test_scenes": ["scene_14"],
                "validation_scenes": ["scene_18"],
            },
        }
    )
    project = Project(tmp_path, settings)
    catalogue_scenes(project)
    labels = build_labels(project).figures
    assert labels["decided_share"] == 1
    assert 0.05 < labels["tree_share"] < 0.6
    figures = draw_samples(project).figures
    assert all(number > 0 for number in figures["per_split"].values())
    assert cut_chips(project).figures["chips"] == figures["samples"]
