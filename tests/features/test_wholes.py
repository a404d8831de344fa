"""Law 4 over files: features that borders of production cells cut are the same whole on all sides."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bocage.errors import FeatureError
from bocage.features import extraction
from bocage.features.borders import Border
from bocage.features.extraction import extract_features
from bocage.features.joining import border_file, read_border
from bocage.features.profiles import PROFILES
from bocage.features.sums import Sums
from bocage.features.wholes import SHARED, _joined, wholes_of
from bocage.grid import Window
from bocage.project import Project
from tests.features.landscape import disk, make_project, write_mosaic

# 2 x 2 km around a corner of four production cells of 1 km, at 5 m.
WINDOW = Window(860_000 + 200, -600_400, 400, 400)
ADDED = (*SHARED, "area")
OF_A_PIECE = ("feature_id", "geometry", *ADDED)


def landscape(seed: int) -> NDArray[np.uint8]:
    """Winding hedges, single diagonals, groves and scraps, none of which is a large wood."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[: WINDOW.height, : WINDOW.width]
    mask = np.zeros(WINDOW.shape, bool)
    for _ in range(6):
        across = (
            generator.integers(60, 340) + 30 * np.sin(x / generator.uniform(15, 60)) + generator.uniform(-0.4, 0.4) * x
        )
        mask |= (np.abs(y - across) < generator.uniform(0.6, 2.4)) & (
            gaussian_filter(generator.normal(size=mask.shape), 4) > -0.1
        )
    mask |= ((x + y) % 97 == 0) & (x % 50 < 40)
    mask |= ((x - y) % 89 == 0) & (y % 60 < 45)
    for _ in range(60):
        mask |= disk(WINDOW.shape, generator.uniform(0, 400), generator.uniform(0, 400), generator.uniform(1, 7))
    # At the corner of four cells: two hedges that cross diagonally, and one along a border.
    mask[190:210, 190:210] = np.eye(20, dtype=bool) | np.eye(20, dtype=bool)[::-1]
    mask[100:160, 199] = True
    mask[200, 250:330] = True
    probability = np.where(mask, generator.integers(140, 255, mask.shape), generator.integers(0, 110, mask.shape))
    hole = gaussian_filter(generator.normal(size=mask.shape), 9)
    return np.where(hole > np.quantile(hole, 0.97), 255, probability).astype(np.uint8)


def tables(project: Project, probability: NDArray[np.uint8]) -> gpd.GeoDataFrame:
    write_mosaic(project, WINDOW, probability)
    return pd.concat([gpd.read_parquet(path) for path in extract_features(project).outputs], ignore_index=True)


def project_of(folder: Path, cell: float) -> Project:
    return make_project(folder, resolution=5.0, tile=1000.0, cell=cell)


@pytest.mark.parametrize("seed", [1, 2])
def test_wholes_are_the_features_of_ground_that_is_not_cut(tmp_path: Path, seed: int) -> None:
    probability = landscape(seed)
    undivided = tables(project_of(tmp_path / "one", 100_000.0), probability).set_index("whole_id").sort_index()
    cut = tables(project_of(tmp_path / "four", 1000.0), probability)
    groups = cut.groupby("whole_id")
    assert (cut["pieces"] == groups["feature_id"].transform("size")).all()
    assert cut["pieces"].max() >= 3
    assert cut["feature_id"].is_unique
    # All that is no length or area is equal to the last bit in all pieces and to that of the undivided feature.
    alike = [name for name in cut.columns if name not in {*OF_A_PIECE, "pieces", "whole_id"}]
    whole = groups.first()
    pd.testing.assert_frame_equal(whole[alike], undivided[alike], check_exact=True, check_dtype=False)
    for name in alike:
        assert (groups[name].nunique() <= 1).all(), name
    for name in ADDED:
        np.testing.assert_allclose(groups[name].sum(), undivided[name].fillna(0), rtol=0.02 if name == "area" else 1e-9)
    for path in (tmp_path / "four" / "features").glob("*.parquet"):
        lengths = pq.read_table(path, columns=["axis_length_m"])["axis_length_m"]
        assert lengths.null_count == lengths.to_pandas().isna().sum() > 0, "unknown lengths are null, not NaN"
    assert groups["area"].sum().sum() == pytest.approx(undivided["area"].sum(), rel=5e-4)
    assert shapely.is_valid(cut.geometry.values).all()
    outlines = np.asarray(cut.geometry.values, object)
    one, other = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    over = shapely.area(shapely.intersection(outlines[one[one < other]], outlines[other[one < other]]))
    assert over.max(initial=0) < 1e-6


def test_wholes_do_not_depend_on_which_cell_was_made_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probability = landscape(3)
    first, second = project_of(tmp_path / "first", 1000.0), project_of(tmp_path / "second", 1000.0)
    expected = tables(first, probability)
    write_mosaic(second, WINDOW, probability)
    with monkeypatch.context() as patch:
        # One cell after another, the others refused, and the last one first.
        derive, names = extraction._derive, ["E4302N3001", "E4301N3000", "E4302N3000", "E4301N3001"]
        done: set[str] = set()

        def one(project: Project, cell: str, *rest: object) -> object:
            if cell not in done:
                raise FeatureError("not yet", "later")
            return derive(project, cell, *rest)  # type: ignore[arg-type]

        patch.setattr(extraction, "_derive", one)
        for name in names:
            done.add(name)
            extract_features(second)
    found = pd.concat(
        [gpd.read_parquet(path) for path in sorted(second.features_folder.glob("*.parquet"))], ignore_index=True
    )
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))


def test_a_piece_whose_other_half_is_not_mapped_is_truncated_until_it_is(tmp_path: Path) -> None:
    project = project_of(tmp_path, 1000.0)
    probability = np.zeros(WINDOW.shape, np.uint8)
    probability[50:53, 150:260] = 254
    west = Window(WINDOW.column, WINDOW.row, 200, 200)
    write_mosaic(project, west, probability[:200, :200])
    (path,) = extract_features(project).outputs
    alone = gpd.read_parquet(path).iloc[0]
    assert (alone["pieces"], alone["truncated"]) == (1, True)
    assert alone["length_m"] == pytest.approx(250, rel=0.02)
    found = tables(project, probability)
    assert found["pieces"].tolist() == [2, 2]
    assert not found["truncated"].any()
    assert found["whole_id"].nunique() == 1
    assert found["length_m"].sum() == pytest.approx(550, rel=0.02)
    assert found["slf_type"].nunique() == 1
    # A second run changes nothing, and the other half gone makes it truncated again.
    content = path.read_bytes()
    extract_features(project)
    assert path.read_bytes() == content
    for tile in project.tiling.tiles(Window(WINDOW.column + 200, WINDOW.row, 200, 200)):
        for name in (f"{tile.id}.tif", f"{tile.id}.json"):
            (project.map_folder / name).unlink()
    extract_features(project)
    pd.testing.assert_series_equal(gpd.read_parquet(path).iloc[0], alone)


def test_a_damaged_note_of_a_border_makes_the_cell_again(tmp_path: Path) -> None:
    project = project_of(tmp_path, 1000.0)
    expected = tables(project, landscape(4))
    note = border_file(project, "E4301N3000")
    note.write_bytes(b"damaged")
    with pytest.raises(FeatureError, match="is damaged"):
        read_border(note)
    found = pd.concat([gpd.read_parquet(path) for path in extract_features(project).outputs], ignore_index=True)
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))


def test_a_ghost_that_the_neighbour_does_not_have_joins_nothing() -> None:
    def border(row: int, cells: list[list[int]]) -> Border:
        count = len({cell[3] for cell in cells})
        rows = np.array([row, *[-1] * (count - 1)], np.int64)
        added = {"cells": np.array([4, *[0] * (count - 1)], np.int64)}
        links = np.array([[0, node] for node in range(1, count)], np.int64).reshape(-1, 2)
        first = np.full((count, 2), cells[0][:2], np.int64)
        return Border(rows, first, np.array(cells, np.int64), links, Sums(count, added), Sums(count))

    west = border(0, [[5, 9, 1, 0], [5, 10, 1, 1]])
    same, other, none = border(0, [[5, 10, 1, 0]]), border(0, [[5, 10, 2, 0]]), Border.none()
    assert _joined([west, same]).whole.tolist() == [0, 0, 0]
    assert _joined([west, other]).whole.tolist() == [0, -1, 1]
    assert _joined([west, other]).open.tolist() == [True, False, False]
    assert _joined([none, west]).open.tolist() == [True, False]
    assert wholes_of({}, 5.0, PROFILES["2021"]) == {}
    assert wholes_of({"a": none}, 5.0, PROFILES["2021"])["a"].empty
