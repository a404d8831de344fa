"""Drawing and splitting the samples of a small project."""

from collections.abc import Callable

import pytest
import shapely

from bocage.errors import ProjectError, SampleError
from bocage.project import Project
from bocage.samples.frame import block_of, cell_tiling
from bocage.samples.samples import COLUMNS, Samples, draw_samples

Maker = Callable[..., Project]


def test_a_table_with_every_column_and_whole_weights(make_project: Maker) -> None:
    project = make_project()
    outcome = draw_samples(project)
    samples = Samples.read(project)
    assert list(samples.table.columns) == list(COLUMNS)
    assert len(samples) == 40 == outcome.figures["samples"]
    assert samples.table["sample_id"].is_unique
    # The weights of a stratum sum to what it holds.
    for stratum, size in outcome.figures["frame_per_stratum"].items():
        mine = samples.table[samples.table["stratum"] == stratum]
        assert mine["weight"].sum() == pytest.approx(size)
    for window, shape in zip(samples.windows(), samples.table.geometry, strict=True):
        assert shapely.equals(project.grid.bounds(window).polygon(), shape)


def test_the_seed_decides_and_the_count_can_be_given(make_project: Maker) -> None:
    project = make_project()
    draw_samples(project)
    one = Samples.read(project).table
    draw_samples(project)
    assert one.equals(Samples.read(project).table)
    assert draw_samples(project, count=12).figures["samples"] == 12
    draw_samples(make_project(samples={"seed": 5}))
    assert not one["sample_id"].equals(Samples.read(project).table["sample_id"])


def test_more_than_the_frame_holds_is_the_whole_frame(make_project: Maker) -> None:
    project = make_project(samples={"count": 5000})
    figures = draw_samples(project).figures
    assert figures["samples"] == figures["frame"]
    assert (Samples.read(project).table["weight"] == 1).all()


def test_blocks_keep_ground_in_one_split(make_project: Maker) -> None:
    project = make_project(samples={"count": 100})
    draw_samples(project)
    table = Samples.read(project).table
    cells = cell_tiling(project.grid, 100.0)
    blocks = [block_of(cells, 200.0, column, row) for column, row in zip(table["column"], table["row"], strict=True)]
    assert set(table["split"]) == {"train", "validation", "test"}
    assert table.groupby(blocks)["split"].nunique().max() == 1
    shares = table["split"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.06)
    assert shares["validation"] == pytest.approx(0.1, abs=0.06)
    merged = {split: table[table["split"] == split].union_all() for split in ("train", "test")}
    assert merged["train"].intersection(merged["test"]).area == 0


def test_scenes_by_name_never_share_ground_with_training(make_project: Maker) -> None:
    project = make_project(samples={"count": 500, "split": "scenes", "test_scenes": ["east"]})
    with pytest.raises(SampleError, match=r"samples\.validation_scenes is empty"):
        draw_samples(project)
    with pytest.raises(SampleError, match=r"samples\.test_scenes names scenes that are not in the frame: moon"):
        draw_samples(make_project(samples={"split": "scenes", "test_scenes": ["moon"]}))


def test_too_few_blocks_are_refused(make_project: Maker) -> None:
    with pytest.raises(SampleError, match=r"set a smaller samples\.block_size"):
        draw_samples(make_project(samples={"block_size": 10_000.0}))


def test_missing_or_damaged_tables_are_named(make_project: Maker) -> None:
    project = make_project()
    with pytest.raises(ProjectError, match="holds no samples"):
        Samples.read(project)
    project.samples_file.write_bytes(b"nothing")
    with pytest.raises(SampleError, match="cannot be read"):
        Samples.read(project)
    project.scenes_file.unlink()
    with pytest.raises(ProjectError):
        draw_samples(Project(project.folder, project.settings))
