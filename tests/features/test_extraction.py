from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from bocage.errors import BocageError, FeatureError, LayerError, MappingError, ProjectError
from bocage.features import extraction
from bocage.features.extraction import extract_features
from bocage.features.ground import blocks, cell_grid, find_islands, mapped_tiles, read_region
from bocage.features.profiles import PROFILES
from bocage.files import write_json
from bocage.grid import Bounds, Grid, Window
from bocage.mapping import read_probability
from bocage.project import Project
from tests.features.landscape import disk, make_project, mapped_receipt, rectangle, write_layer, write_mosaic

# 2 x 1 km in the corner of a production cell, at 2 m.
WINDOW = Window(2_150_000, -1_500_500, 1000, 500)


def landscape() -> np.ndarray:
    shape = WINDOW.shape
    hedge = rectangle(shape, 50, 300, 5, 400)
    grove = disk(shape, 250, 150, 13)
    forest = rectangle(shape, 150, 600, 200, 200)
    probability = np.where(hedge | grove | forest, 220, 12).astype(np.uint8)
    probability[400:, :] = 255
    return probability


def test_features_of_a_project_are_written_per_production_cell(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, landscape())
    outcome = extract_features(project)
    assert [path.name for path in outcome.outputs] == ["E43N30.parquet"]
    found = gpd.read_parquet(outcome.outputs[0])
    assert found.crs.to_epsg() == 3035
    assert sorted(found["slf_class"]) == [1, 2]
    hedge = found.query("slf_class == 1").iloc[0]
    assert hedge["width_m"] == pytest.approx(10, rel=0.05)
    assert hedge["length_m"] == pytest.approx(800, rel=0.05)
    assert hedge["confidence"] == pytest.approx(220 / 254, abs=0.01)
    assert not found["truncated"].any()
    assert shapely.coverage_is_valid(found.geometry.values)
    assert outcome.figures["features"] == 2
    assert outcome.figures["observed_km2"] == pytest.approx(1.6)
    assert outcome.figures["count_by_type"] == found["slf_type"].value_counts().to_dict()


def test_height_parts_tree_lines_and_groves_from_hedges_and_scrub(tmp_path: Path) -> None:
    more = '[[reference.layers]]\nkind = "canopy_height"\npaths = ["layers/chm.tif"]\n'
    project = make_project(tmp_path, more=more)
    write_mosaic(project, WINDOW, landscape())
    height = np.full(WINDOW.shape, 2, np.uint8)
    height[:200] = 9
    write_layer(tmp_path / "layers/chm.tif", height, project.grid, WINDOW, 255)
    found = gpd.read_parquet(extract_features(project).outputs[0])
    assert sorted(found["slf_type"]) == ["scrub", "tree line"]
    assert sorted(found["height_m"].round(3)) == [2, 9]


def test_density_and_crop_layers_make_the_masks(tmp_path: Path) -> None:
    more = "".join(
        f'[[reference.layers]]\nkind = "{kind}"\npaths = ["layers/{kind}.tif"]\n'
        for kind in ("tree_cover_density", "crop_types")
    )
    project = make_project(tmp_path, more=more)
    write_mosaic(project, WINDOW, landscape())
    coarse = Grid("EPSG:3035", 10.0)
    window = coarse.window(Bounds(4_300_000, 2_999_000 + 1000, 4_302_000, 3_001_000 + 1000))
    crops = np.where(rectangle(window.shape, 0, 0, 200, 60), 1110, 0).astype(np.uint16)
    write_layer(tmp_path / "layers/crop_types.tif", crops, coarse, window, 65535)
    write_layer(tmp_path / "layers/tree_cover_density.tif", np.zeros(window.shape, np.uint8), coarse, window, 255)
    found = gpd.read_parquet(extract_features(project).outputs[0])
    # The grove lies on crops; without density the wood of 16 ha is no forest but isolated and too large.
    assert found["slf_class"].tolist() == [1]
    assert found["crop_share"].iloc[0] == pytest.approx(0.0)


def test_a_second_run_makes_only_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, landscape())
    first = extract_features(project)
    content = first.outputs[0].read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "features_on", lambda *_: pytest.fail("made again"))
        assert extract_features(project).figures == first.figures
    first.outputs[0].write_bytes(b"damaged")
    extract_features(project)
    assert first.outputs[0].read_bytes() == content


def test_nothing_woody_gives_an_empty_valid_table(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, np.full(WINDOW.shape, 3, np.uint8))
    outcome = extract_features(project)
    assert len(gpd.read_parquet(outcome.outputs[0])) == 0
    assert outcome.figures["features"] == 0


def test_without_a_mosaic_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="run: bocage map"):
        extract_features(make_project(tmp_path))


def test_an_island_too_large_is_refused_and_the_rest_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, landscape())
    far = Window(WINDOW.column + 50_000, WINDOW.row, 500, 500)
    write_mosaic(project, far, np.full(far.shape, 3, np.uint8))
    monkeypatch.setattr(extraction, "MOST_CELLS", 50_000)
    outcome = extract_features(project)
    assert [refusal.subject for refusal in outcome.refused] == ["E43N30"]
    assert [path.stem for path in outcome.outputs] == ["E44N30"]
    monkeypatch.setattr(extraction, "MOST_CELLS", 10)
    outcome.outputs[0].unlink()
    with pytest.raises(FeatureError, match="held in memory"):
        extract_features(project)


def test_of_a_cell_that_is_refused_no_older_features_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    far = Window(WINDOW.column + 50_000, WINDOW.row, 500, 500)
    write_mosaic(project, WINDOW, landscape())
    write_mosaic(project, far, np.full(far.shape, 3, np.uint8))
    extract_features(project)
    write_mosaic(project, WINDOW, landscape()[::-1])
    monkeypatch.setattr(extraction, "MOST_CELLS", 50_000)
    outcome = extract_features(project)
    assert [refusal.subject for refusal in outcome.refused] == ["E43N30"]
    assert {path.stem for path in project.features_folder.glob("*.*")} == {"E44N30"}


def test_cells_that_do_not_fill_a_production_cell_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path, feature=7.0)
    write_mosaic(project, WINDOW, landscape())
    with pytest.raises(FeatureError, match="do not fill"):
        extract_features(project)


def test_islands_are_groups_of_tiles_that_touch(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    empty = np.full((500, 500), 3, np.uint8)
    for east, north in ((0, 0), (1, 1), (5, 0), (99, 0), (100, 0)):
        write_mosaic(project, Window(2_150_000 + 500 * east, -1_500_500 - 500 * north, 500, 500), empty)
    islands = find_islands(project, mapped_tiles(project), cell_grid(project, 5.0))
    assert [len(island.tiles) for island in islands] == [2, 1, 1, 1]
    assert islands[0].window == Window(860_000, -600_400, 400, 400)


def test_a_local_grid_works_at_its_own_resolution(tmp_path: Path) -> None:
    project = make_project(tmp_path, crs="EPSG:26917", resolution=0.6, tile=600.0, cell=12_000.0, feature=1.2, more="")
    window = Window(450_000, -7_170_000, 1000, 1000)
    mask = rectangle(window.shape, 200, 100, 16, 600)
    write_mosaic(project, window, np.where(mask, 254, 0).astype(np.uint8))
    found = gpd.read_parquet(extract_features(project).outputs[0])
    assert found["slf_class"].tolist() == [1]
    assert found["width_m"].iloc[0] == pytest.approx(9.6, rel=0.02)
    assert found["length_m"].iloc[0] == pytest.approx(360, rel=0.02)


def test_a_mosaic_of_two_models_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, landscape())
    for number, path in enumerate(sorted(project.map_folder.glob("*.json"))):
        write_json(path, mapped_receipt(project, path.stem, model="first" if number else "second"))
    with pytest.raises(MappingError, match=r"made by 2 models \(first made \d, second made 1\)"):
        extract_features(project)
    assert not list(project.features_folder.glob("*"))


def test_tiles_of_another_resolution_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, landscape())
    first, *_ = sorted(project.map_folder.glob("*.json"))
    write_json(first, mapped_receipt(project, first.stem, model="one", resolution=1.0))
    with pytest.raises(MappingError, match=rf"not on the project's lattice, EPSG:3035 at 2 m.*\(1 m\): {first.stem}"):
        extract_features(project)


def test_holes_in_the_mosaic_are_unknown_ground(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    probability = landscape()
    whole = gpd.read_parquet(_extracted(project, probability))
    probability[40:70, 450:500] = 255
    (tmp_path / "holes").mkdir()
    holed = gpd.read_parquet(_extracted(make_project(tmp_path / "holes"), probability))
    hedge, parts = whole[whole["slf_class"] == 1], holed[holed["slf_class"] == 1]
    assert not hedge["truncated"].any()
    assert len(parts) == 2
    assert parts["truncated"].all()
    assert parts["area"].sum() < hedge["area"].sum()


def test_what_stands_at_the_border_of_production_cells_is_judged_alike_from_both_sides(tmp_path: Path) -> None:
    # A hedge of 100 m of which 20 m stand in the western cell: too short for a feature without the other part.
    project = make_project(tmp_path, cell=100_000.0)
    border = Window(2_200_000 - 250, -1_500_500, 500, 500)
    write_mosaic(project, border, np.where(rectangle(border.shape, 200, 240, 5, 50), 250, 2).astype(np.uint8))
    outcome = extract_features(project)
    assert [path.stem for path in outcome.outputs] == ["E43N30", "E44N30"]
    west, east = (gpd.read_parquet(path) for path in outcome.outputs)
    assert west["slf_class"].tolist() == east["slf_class"].tolist() == [1]
    assert west["whole_id"].tolist() == east["whole_id"].tolist() == west["feature_id"].tolist()
    assert west["pieces"].tolist() == east["pieces"].tolist() == [2]
    assert [outcome.figures["features"], sum(outcome.figures["count_by_type"].values())] == [1, 1]
    assert west["width_m"].tolist() == east["width_m"].tolist()
    assert not west["truncated"].any()
    assert not east["truncated"].any()
    assert west.total_bounds[2] == east.total_bounds[0] == 4_400_000
    assert shapely.area(np.concatenate([west.geometry.values, east.geometry.values])).sum() == pytest.approx(1000)


def test_the_blocks_of_a_production_cell_hold_its_masks_once(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, landscape())
    grid, profile = cell_grid(project, 5.0), PROFILES["2021"]

    def mosaic(window: Window) -> np.ndarray:
        return read_probability(project, window)[0]

    (island,) = find_islands(project, mapped_tiles(project), grid)
    whole = read_region(project, island, grid, profile, mosaic, 10**9).ground(island.window)
    seen = np.zeros(island.window.shape, int)
    for window, ground in blocks(project, "E43N30", grid, profile, mosaic, 10**9, 64):
        place = window.slices(island.window)
        seen[place] += 1
        np.testing.assert_array_equal(ground.forest, whole.forest[place])
        np.testing.assert_array_equal(ground.woody, whole.woody[place])
        np.testing.assert_array_equal(ground.probability, whole.probability[place])
    assert (seen == 1).all()


def _extracted(project: Project, probability: np.ndarray) -> Path:
    write_mosaic(project, WINDOW, probability)
    (path,) = extract_features(project).outputs
    return path


@pytest.mark.parametrize(
    ("more", "file", "said"),
    [
        ('[[reference.layers]]\nkind = "tree_cover_density"\npaths = ["layers/tcd.tif"]\n', None, "no file is at"),
        ('[[reference.layers]]\nkind = "crop_types"\npaths = ["layers/x.tif"]\n', "x.tif", "cannot be opened"),
        ('[features.context]\nstreams = ["layers/x.gpkg"]\n', None, "which streams in .features.context. names"),
        ('[features.context]\nroads = ["layers/x.gpkg"]\n', "x.gpkg", "cannot be opened"),
    ],
)
def test_a_mask_or_context_that_cannot_be_used_stops_the_stage_before_anything_is_written(
    tmp_path: Path, more: str, file: str | None, said: str
) -> None:
    # The table of the features is open in the settings; what follows belongs to it or starts a table of its own.
    project = make_project(tmp_path, more=more)
    write_mosaic(project, WINDOW, landscape())
    if file is not None:
        (tmp_path / "layers").mkdir()
        (tmp_path / "layers" / file).write_bytes(b"II*\0rubbish")
    with pytest.raises(LayerError, match=said):
        extract_features(project)
    assert not list(project.features_folder.glob("*"))
    assert not list(tmp_path.glob(".bocage/features/*"))


def test_a_damaged_tile_of_the_mosaic_leaves_nothing_half_written(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_mosaic(project, WINDOW, landscape())
    first, *_ = sorted(project.map_folder.glob("*.tif"))
    first.write_bytes(first.read_bytes()[:2000])
    with pytest.raises(BocageError, match=first.stem):
        extract_features(project)
    assert not list(project.features_folder.glob("*"))
