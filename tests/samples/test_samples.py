"""Drawing and splitting the samples of a small project."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples.footprints import CELL, cells_box, frame_of, patchwork, scene

from bocage.errors import ProjectError, SampleError
from bocage.files import digest_json
from bocage.project import Project
from bocage.samples.samples import COLUMNS, Samples, draw_frame, draw_samples, figures_of, table_of
from bocage.samples.strata import stratify
from bocage.scenes.scene import Scene
from bocage.settings import SamplesSettings

Maker = Callable[..., Project]
# Of the draw below: any other value means that the same seed no longer gives the same samples.
GOLDEN = "fa1b3fc3bd568ab85e02af61b39661c0e0b79dd21ba150a263ae152c18efafe7"


def rows_of(scenes: list[Scene], count: int, seed: int, **given_: object) -> list[list[object]]:
    frame = frame_of(scenes)
    strata = stratify(frame)
    chosen = SamplesSettings.model_validate({"cell_size": CELL, "block_size": 2 * CELL, "seed": seed} | given_)
    table = table_of(frame, strata, draw_frame(frame, strata, chosen, count, np.random.default_rng(seed)))
    return [
        [name, split, round(chance, 9)]
        for name, split, chance in zip(table["sample_id"], table["split"], table["probability"], strict=True)
    ]


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
        np.testing.assert_allclose(mine["probability"], len(mine) / size)
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


def test_the_same_seed_gives_the_same_draw_on_any_machine() -> None:
    rows = rows_of(patchwork(3, 40, 12), 90, 7, minimum_distance=100.0, allocation="power", test_share=0.2)
    assert len(rows) == 90
    assert digest_json(rows) == GOLDEN


@given(st.integers(0, 1000))
@settings(max_examples=15)
def test_the_order_of_the_catalogue_does_not_matter(seed: int) -> None:
    scenes = patchwork(seed, 24, 8)
    mixed = [scenes[index] for index in np.random.default_rng(seed).permutation(len(scenes))]
    assert rows_of(scenes, 40, seed) == rows_of(mixed, 40, seed)


def test_without_buffer_more_than_the_frame_holds_is_the_whole_frame(make_project: Maker) -> None:
    project = make_project(samples={"count": 5000, "buffer": 0})
    figures = draw_samples(project).figures
    assert figures["samples"] == figures["frame"]
    assert (Samples.read(project).table["weight"] == 1).all()


def test_why_fewer_were_drawn_than_wanted_is_said(make_project: Maker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "bocage")
    frame = draw_samples(make_project()).figures["frame"]
    assert "samples were drawn" not in caplog.text
    figures = draw_samples(make_project(samples={"count": 5000, "buffer": 0})).figures
    assert (figures["wanted"], figures["samples"]) == (5000, frame)
    assert f"{frame} of 5000 samples were drawn: the scenes show {frame} pairs" in caplog.messages[-1]
    assert "minimum_distance" not in caplog.messages[-1]
    assert caplog.records[-1].levelname == "INFO"
    sparse = draw_samples(make_project(samples={"minimum_distance": 200.0, "buffer": 0})).figures
    assert sparse["samples"] < 40
    assert caplog.messages[-1] == (
        f"{sparse['samples']} of 40 samples were drawn: no further cell keeps samples.minimum_distance = 200 m"
    )
    assert caplog.records[-1].levelname == "WARNING"
    with pytest.raises(SampleError, match="no sample was drawn for the train split") as caught:
        draw_samples(make_project(samples={"minimum_distance": 5000.0}))
    assert "samples.minimum_distance" in caught.value.mend


def test_strata_with_fewer_cells_than_the_minimum_give_all_and_are_counted(make_project: Maker) -> None:
    figures = draw_samples(make_project(samples={"minimum_per_stratum": 30})).figures
    assert figures["strata_below_minimum"] == 0
    given_ = {"count": 500, "minimum_per_stratum": 400, "buffer": 0}
    figures = draw_samples(make_project(samples=given_)).figures
    assert figures["strata_below_minimum"] == len(figures["per_stratum"])
    assert figures["per_stratum"] == figures["frame_per_stratum"]


def test_blocks_keep_ground_in_one_split(make_project: Maker) -> None:
    project = make_project(samples={"count": 100, "buffer": 0})
    draw_samples(project)
    table = Samples.read(project).table
    blocks = [*zip(table["column"] // 100, table["row"] // 100, strict=True)]
    assert set(table["split"]) == {"train", "validation", "test"}
    assert table.groupby([str(block) for block in blocks])["split"].nunique().max() == 1
    shares = table["split"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.06)
    assert shares["validation"] == pytest.approx(0.1, abs=0.06)
    merged = {split: table[table["split"] == split].union_all() for split in ("train", "test")}
    assert merged["train"].intersection(merged["test"]).area == 0


def test_the_test_lies_a_cell_from_the_rest_by_default(make_project: Maker) -> None:
    project = make_project()
    figures = draw_samples(project).figures
    table = Samples.read(project).table
    test, rest = (table[(table["split"] == "test") == is_test].union_all() for is_test in (True, False))
    assert test.distance(rest) >= 100
    assert figures["nearest_to_test"] == pytest.approx(test.distance(rest))
    assert figures["per_split"] == {"train": 28, "validation": 4, "test": 8}


def test_figures_show_the_spread_beside_a_draw_without_place() -> None:
    frame = frame_of([scene("a", cells_box(0, 0, 50, 50)), scene("b", cells_box(10, 5, 45, 40), "GE1")])
    strata = stratify(frame)
    chosen = SamplesSettings(cell_size=CELL, block_size=2 * CELL)
    drawn = draw_frame(frame, strata, chosen, 120, np.random.default_rng(1))
    figures = figures_of(frame, strata, drawn, chosen)
    for of in ("all", "test"):
        assert 0 < figures["imbalance"][of]["drawn"] < figures["imbalance"][of]["simple_random"]
    assert figures["per_split"] == {"train": 96, "validation": 12, "test": 12}
    assert sum(figures["per_stratum"].values()) == 120
    assert figures["frame_per_stratum"] == {"all/GE1/rural": 1225, "all/PHR/rural": 2500}
    assert figures["frame_cells"] == 2500


def test_zones_beyond_the_layer_are_counted(make_project: Maker, tmp_path: Path) -> None:
    (tmp_path / "zones.geojson").write_text(
        '{"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:3035"}}, "features": '
        '[{"type": "Feature", "properties": {"code": "ATN"}, "geometry": {"type": "Polygon", "coordinates": '
        "[[[4000000, 2999000], [4000600, 2999000], [4000600, 3000000], [4000000, 3000000], [4000000, 2999000]]]}}]}"
    )
    figures = draw_samples(make_project(samples={"zones": "zones.geojson"})).figures
    assert figures["frame_outside_zones"] == sum(
        size for name, size in figures["frame_per_stratum"].items() if name.startswith("outside/")
    )
    assert 0 < figures["frame_outside_zones"] < figures["frame"]


def test_neyman_takes_its_deviations_from_a_table(make_project: Maker, tmp_path: Path) -> None:
    names = sorted(draw_samples(make_project()).figures["frame_per_stratum"])
    (tmp_path / "spread.csv").write_text("stratum,deviation\n" + "".join(f"{name},{1}\n" for name in names))
    given_ = {"allocation": "neyman", "deviations": "spread.csv"}
    assert draw_samples(make_project(samples=given_)).figures["samples"] == 40
    with pytest.raises(ProjectError, match="holds no labels"):
        draw_samples(make_project(samples={"allocation": "neyman"}))


def test_scenes_by_name_never_share_ground_with_training(make_project: Maker) -> None:
    project = make_project(samples={"count": 500, "split": "scenes", "test_scenes": ["east"]})
    with pytest.raises(SampleError, match=r"samples\.validation_scenes is empty"):
        draw_samples(project)
    with pytest.raises(SampleError, match=r"samples\.test_scenes names scenes that are not in the frame: moon"):
        draw_samples(make_project(samples={"split": "scenes", "test_scenes": ["moon"]}))


def test_too_few_blocks_are_refused(make_project: Maker) -> None:
    with pytest.raises(SampleError, match="splits are wanted") as caught:
        draw_samples(make_project(samples={"block_size": 10_000.0}))
    # Training refuses an empty split, so that is no way out.
    assert "share of 0" not in caught.value.mend


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
