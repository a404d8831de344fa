"""The file of nested subsets: orders, nestedness and strata as they stand in it."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely.geometry import box
from tests.samples.conftest import EAST, NORTH

from bocage.errors import ProjectError, SampleError
from bocage.project import Project
from bocage.samples.nesting import COLUMNS, FILE, Subsets, write_subsets
from bocage.samples.samples import Samples, draw_samples

Maker = Callable[..., Project]


@pytest.fixture
def project(make_project: Maker, tmp_path: Path) -> Project:
    """Sixty samples in three zones of a registered layer."""
    edges = np.array([0, 300, 500, 1200]) + EAST
    zones = [box(left, NORTH - 800, right, NORTH) for left, right in pairwise(edges)]
    table = geopandas.GeoDataFrame({"code": ["ATN", "CON", "PAN"]}, geometry=zones, crs="EPSG:3035")
    table.to_file(tmp_path / "zones.gpkg")
    layers = [
        {"kind": "classes", "paths": ["trees.tif"], "tree": [1]},
        {"kind": "environmental_zones", "paths": ["zones.gpkg"]},
    ]
    project = make_project(samples={"count": 60, "buffer": 0}, reference={"layers": layers})
    draw_samples(project)
    return project


def test_a_row_per_order_and_sample_up_to_the_largest_budget(project: Project) -> None:
    figures = write_subsets(project, [3, 12, 30], 4)
    table = geopandas.read_parquet(project.folder / FILE)
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 4 * 30
    assert table.crs == project.grid.crs
    training = Samples.read(project).of("train").table.set_index("sample_id")
    for _, mine in table.groupby("order"):
        assert mine["rank"].tolist() == list(range(1, 31))
        assert mine["sample_id"].is_unique
        assert list(mine["budget"]) == [3] * 3 + [12] * 9 + [30] * 18
        held = training.loc[mine["sample_id"]]
        assert held["stratum"].tolist() == mine["stratum"].tolist()
        assert held.geometry.geom_equals(mine.geometry.set_axis(held.index)).all()
    assert figures["training_samples"] == len(training)
    assert [one["samples"] for one in figures["subsets"]] == [3, 12, 30]


def test_orders_differ_and_each_is_nested_and_stratified(project: Project) -> None:
    figures = write_subsets(project, [3, 12, 30], 5)
    subsets = Subsets.read(project)
    training = Samples.read(project).of("train").table
    stratum = dict(zip(training["sample_id"], training["stratum"], strict=True))
    share = training["stratum"].value_counts() / len(training)
    assert sorted(share.index) == [f"{zone}/GENERIC/rural" for zone in ("ATN", "CON", "PAN")]
    assert len({tuple(subsets.of(30, order)) for order in range(5)}) == 5
    off = 0.0
    for order in range(5):
        small, middle, large = (subsets.of(budget, order) for budget in (3, 12, 30))
        assert large[:12] == middle
        assert middle[:3] == small
        for names in (small, middle, large, subsets.of(17, order)):
            for name, part in share.items():
                apart = abs(sum(stratum[one] == name for one in names) - part * len(names))
                assert apart < 1
                off = max(off, apart if len(names) == 30 else 0.0)
    assert figures["subsets"][-1]["off_share_most"] == pytest.approx(off, abs=1e-3)


def test_the_same_samples_give_the_same_file_and_an_order_does_not_depend_on_the_others(project: Project) -> None:
    assert not write_subsets(project, [5, 20], 3)["kept"]
    content = (project.folder / FILE).read_bytes()
    written = (project.folder / FILE).stat().st_mtime_ns
    assert write_subsets(project, [20, 5, 5], 3)["kept"]
    assert (project.folder / FILE).stat().st_mtime_ns == written
    (project.folder / FILE).write_bytes(b"damaged")
    assert not write_subsets(project, [5, 20], 3)["kept"]
    assert (project.folder / FILE).read_bytes() == content
    before = [Subsets.read(project).of(20, order) for order in range(3)]
    write_subsets(project, [2, 25], 5)
    assert [Subsets.read(project).of(20, order) for order in range(3)] == before


def test_another_seed_gives_other_orders(make_project: Maker, project: Project) -> None:
    write_subsets(project, [20], 1)
    first = Subsets.read(project).of(20)
    table = Samples.read(project)
    other = make_project(samples={"seed": 9})
    table.write(other.samples_file)
    write_subsets(other, [20], 1)
    assert Subsets.read(other).of(20) != first


def test_a_budget_beyond_the_samples_holds_them_all(project: Project) -> None:
    figures = write_subsets(project, [5, 10_000], 2)
    number = len(Samples.read(project).of("train"))
    assert [one["samples"] for one in figures["subsets"]] == [5, number]
    assert sorted(Subsets.read(project).of(10_000, 1)) == sorted(Samples.read(project).of("train").table["sample_id"])


def test_what_is_missing_or_no_longer_true_is_said(make_project: Maker, project: Project) -> None:
    with pytest.raises(ProjectError, match="holds no subsets"):
        Subsets.read(project)
    with pytest.raises(SampleError, match="0 orders cannot be made"):
        write_subsets(project, [5], 0)
    write_subsets(project, [5, 20], 2)
    for budget, order in ((21, 0), (5, 2), (0, 0)):
        with pytest.raises(SampleError, match="2 orders of up to 20 samples"):
            Subsets.read(project).of(budget, order)
    samples = Samples.read(project)
    gone = Subsets.read(project).of(1)[0]
    samples.table.loc[samples.table["sample_id"] == gone, "split"] = "test"
    samples.write(project.samples_file)
    with pytest.raises(SampleError, match="names samples that train no more"):
        Subsets.read(project)
    assert not write_subsets(project, [5, 20], 2)["kept"]
    assert gone not in Subsets.read(project).of(20)
    (project.folder / FILE).write_bytes(b"nothing")
    with pytest.raises(SampleError, match="cannot be read"):
        Subsets.read(project)
    Subsets(geopandas.GeoDataFrame({"rank": np.arange(3)}, geometry=[None] * 3)).table.to_parquet(project.folder / FILE)
    with pytest.raises(SampleError, match="lacks the columns order, budget, sample_id, stratum"):
        Subsets.read(project)
    project.samples_file.unlink()
    with pytest.raises(ProjectError, match="holds no samples"):
        write_subsets(project, [5], 1)
