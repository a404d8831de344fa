"""Ranking: the order, what is left out, and that chips, scenes and batches do not change it."""

from collections.abc import Callable

import geopandas
import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import box

from bocage.errors import ProjectError, SampleError
from bocage.grid import Window
from bocage.project import Project
from bocage.rasters import read_window, write_cog
from bocage.reference import build_labels
from bocage.samples import Samples, chip_paths, cut_chips, draw_samples, rank_samples

Maker = Callable[..., Project]
SPLIT = {"count": 500, "cell_size": 200.0, "buffer": 0.0}


class Painted:
    """A model that reads its answer from the red band: 200 or more is a tree."""

    multiple = 32

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        self.shapes.append(images.shape)
        assert images.shape[0] * images.shape[2] * images.shape[3] <= 4 * 512 * 512 * 1.3
        return np.where((images[:, 0] >= 200) & valid, 0.9, 0.1).astype(np.float32)


@pytest.fixture
def project(make_project: Maker) -> Project:
    """Chips whose red band shows the trees of the label, all in agreement."""
    project = make_project(samples=SPLIT)
    build_labels(project)
    draw_samples(project)
    cut_chips(project)
    samples = Samples.read(project).cut(project)
    for name, window in zip(samples.table["sample_id"], samples.windows(), strict=True):
        label = np.asarray(read_window(chip_paths(project, name)[1], project.grid, window))
        paint(project, name, window, label == 1)
    return project


def paint(project: Project, name: str, window: Window, trees: NDArray[np.bool_]) -> None:
    image = np.full((4, *window.shape), 100, np.uint8)
    image[0][trees] = 200
    write_cog(chip_paths(project, name)[0], image, grid=project.grid, window=window, nodata=0)


def repaint(project: Project, cell: str, rows: slice, columns: slice, *, tree: bool) -> None:
    """Let every scene of a cell show something else than its label."""
    samples = Samples.read(project).cut(project)
    for name, own, window in zip(samples.table["sample_id"], samples.table["cell_id"], samples.windows(), strict=True):
        if own == cell:
            label = np.asarray(read_window(chip_paths(project, name)[1], project.grid, window)) == 1
            label[rows, columns] = tree
            paint(project, name, window, label)


def cells(project: Project, split: str) -> list[str]:
    table = Samples.read(project).cut(project).table
    return sorted(set(table["cell_id"][table["split"] == split]))


def test_the_cell_with_most_to_mend_comes_first(project: Project) -> None:
    table = Samples.read(project).cut(project).table
    torn = set(table["cell_id"][table["valid_share"] < 1])
    small, large, *_ = [cell for cell in cells(project, "train") if cell not in torn]
    repaint(project, small, slice(10, 20), slice(0, 40), tree=True)
    repaint(project, large, slice(10, 60), slice(0, 80), tree=True)
    ranking = rank_samples(project, Painted())
    table = ranking.table
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["cell_id"][:2].tolist() == [large, small]
    assert (table["gain_share"].diff().dropna() <= 0).all()
    assert (table["gain_m2"][2:] == 0).all()
    first = table.iloc[0]
    # Every fourth row is a tree already. Of the painted rows 10 to 59 twelve strips of three rows are left; rows 10 and
    # 11 are too narrow to be a place.
    assert first["places"] == 12
    assert first["missing_m2"] == 12 * 3 * 80 * 4
    assert first["false_m2"] == 0
    assert 0 < first["gain_m2"] < first["missing_m2"]
    assert first["seen_share"] == 1
    assert first["gain_share"] == pytest.approx(first["gain_m2"] / (200.0**2 * 1.1), rel=1e-4)
    assert first.geometry.contains(geopandas.points_from_xy([first["x"]], [first["y"]])[0])
    assert first["scenes"] == (Samples.read(project).cut(project).table["cell_id"] == large).sum()


def test_ground_that_no_scene_shows_is_no_effort(project: Project) -> None:
    whole, half, *_ = cells(project, "train")
    for cell in (whole, half):
        repaint(project, cell, slice(1, 40), slice(0, 80), tree=True)
    samples = Samples.read(project).cut(project)
    for name, cell, window in zip(samples.table["sample_id"], samples.table["cell_id"], samples.windows(), strict=True):
        if cell == half:
            image = np.stack([
                np.asarray(read_window(chip_paths(project, name)[0], project.grid, window, band=band), np.uint8)
                for band in (1, 2, 3, 4)
            ])  # fmt: skip
            image[:, 50:] = 0
            label = np.asarray(read_window(chip_paths(project, name)[1], project.grid, window), np.uint8)
            label[50:] = 255
            write_cog(chip_paths(project, name)[0], image, grid=project.grid, window=window, nodata=0)
            write_cog(chip_paths(project, name)[1], label, grid=project.grid, window=window, nodata=255)
    table = rank_samples(project, Painted()).table.set_index("cell_id")
    assert table["seen_share"][half] == table["decided_share"][half] == 0.5
    assert table["gain_m2"][half] == table["gain_m2"][whole]
    assert table["rank"][half] < table["rank"][whole]


def test_cells_of_the_test_are_never_ranked_and_those_of_the_validation_on_demand(project: Project) -> None:
    train = rank_samples(project, Painted()).table
    both = rank_samples(project, Painted(), validation=True).table
    assert sorted(train["cell_id"]) == cells(project, "train")
    assert sorted(both["cell_id"]) == sorted([*cells(project, "train"), *cells(project, "validation")])
    assert not set(both["cell_id"]) & set(cells(project, "test"))


def test_parts_cover_the_cell_and_add_up(project: Project) -> None:
    cell = cells(project, "train")[0]
    repaint(project, cell, slice(2, 20), slice(3, 30), tree=True)
    whole = rank_samples(project, Painted()).table
    parts = rank_samples(project, Painted(), parts=3).table
    assert parts["cell_id"][0] == cell
    assert parts["part"][0] == "1.1"
    mine = parts[parts["cell_id"] == cell]
    assert len(mine) == 9
    assert mine.geometry.union_all().equals(whole.geometry[whole["cell_id"] == cell].iloc[0])
    assert mine.geometry.area.sum() == pytest.approx(200.0**2)
    assert mine["missing_m2"].sum() == pytest.approx(whole["missing_m2"][0])


def test_what_was_corrected_is_not_asked_again(project: Project, make_project: Maker) -> None:
    cell = cells(project, "train")[0]
    repaint(project, cell, slice(10, 60), slice(0, 80), tree=True)
    assert rank_samples(project, Painted()).table["gain_m2"][0] > 0
    outline = Samples.read(project).table.set_index("cell_id").geometry[[cell]].iloc[0]
    row = {"class": [0], "author": ["mk"], "date": ["2026-05-01"], "reason": ["maize"]}
    shape = box(*outline.bounds)
    geopandas.GeoDataFrame(row, geometry=[shape], crs="EPSG:3035").to_file(project.folder / "c.gpkg", driver="GPKG")
    tree = {"kind": "classes", "paths": ["trees.tif"], "tree": [1]}
    corrected = make_project(reference={"layers": [tree], "corrections": "c.gpkg"}, samples=SPLIT)
    assert rank_samples(corrected, Painted()).table["gain_m2"].max() == 0


def test_samples_go_through_the_model_in_batches_of_whole_multiples(project: Project) -> None:
    model = Painted()
    rank_samples(project, model)
    assert all(shape[2:] == (128, 128) for shape in model.shapes)
    assert len(model.shapes) < len(rank_samples(project, model).table)


def test_both_files_hold_the_order(project: Project) -> None:
    ranking = rank_samples(project, Painted())
    table, layer = ranking.write(project, 3)
    assert geopandas.read_parquet(table)["cell_id"].tolist() == ranking.table["cell_id"].tolist()
    assert geopandas.read_file(layer)["rank"].tolist() == [1, 2, 3]
    assert ranking.figures(3)["ranked"] == len(ranking.table)


def test_samples_and_chips_must_be_there(make_project: Maker) -> None:
    project = make_project(samples=SPLIT)
    with pytest.raises(ProjectError, match="holds no samples"):
        rank_samples(project, Painted())
    draw_samples(project)
    with pytest.raises(SampleError, match="has chips"):
        rank_samples(project, Painted())
