"""Units are squares of one size, and every beginning of their order is stratified."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bocage.errors import SampleError, SettingsError
from bocage.project import Project
from bocage.samples import Samples
from bocage.settings import BenchmarkSettings
from bocage.training.chips import ChipStore, survey
from bocage.training.curve.units import Unit, find_units, order_units, unit_edge
from tests.training.fakes import EDGE, build, short_run

SIDE = 24


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return build(tmp_path_factory.mktemp("units"), (short_run(),))


@pytest.fixture(scope="module")
def store(project: Project) -> ChipStore:
    return ChipStore(survey(project)["train"])


@pytest.fixture(scope="module")
def units(store: ChipStore) -> list[Unit]:
    return find_units(store, SIDE, 0.5)


def test_units_tile_the_chips_and_count_what_is_decided(store: ChipStore, units: list[Unit]) -> None:
    assert len(units) == len(store) * (EDGE // SIDE) ** 2
    assert {(unit.row % SIDE, unit.column % SIDE, unit.edge) for unit in units} == {(0, 0, SIDE)}
    for unit in units:
        label = store.read(unit.chip)[1][unit.row : unit.row + SIDE, unit.column : unit.column + SIDE]
        assert (unit.tree, unit.other) == ((label == 1).sum(), (label == 0).sum())
    assert len({unit.name for unit in units}) == len(units)


def test_a_corner_without_labels_is_no_unit(store: ChipStore, units: list[Unit]) -> None:
    # A quarter of the first unit of each chip is undecided, so it falls out where more is asked.
    stricter = find_units(store, SIDE, 0.8)
    assert {unit.name for unit in units} - {unit.name for unit in stricter} == {
        unit.name for unit in units if (unit.row, unit.column) == (0, 0)
    }


def test_what_reaches_beyond_the_chip_counts_as_undecided(store: ChipStore) -> None:
    # 96 = 64 + 32: at the sides half of a unit lies on the chip, in the corner a quarter.
    found = Counter((unit.row, unit.column) for unit in find_units(store, 64, 0.45))
    assert set(found) == {(0, 0), (0, 64), (64, 0)}


def test_without_an_edge_whole_chips_are_units(store: ChipStore) -> None:
    units = find_units(store, None, 0.5)
    assert [unit.chip for unit in units] == list(range(len(store)))


def test_an_order_holds_every_unit_once_and_depends_on_the_seed(project: Project, units: list[Unit]) -> None:
    samples = Samples.read(project)
    one, again, other = (order_units(units, samples, seed) for seed in (0, 0, 1))
    assert sorted(unit.name for unit in one) == sorted(unit.name for unit in units)
    assert one == again
    assert one != other
    assert order_units(units[::-1], samples, 0) == one


def test_every_beginning_holds_the_share_of_each_cover(project: Project, units: list[Unit]) -> None:
    shares = {name: count / len(units) for name, count in Counter(unit.cover for unit in units).items()}
    assert len(shares) > 1
    for seed in range(3):
        order = order_units(units, Samples.read(project), seed)
        for size in (3, 10, 31):
            found = Counter(unit.cover for unit in order[:size])
            assert all(abs(found[name] - share * size) < 1 for name, share in shares.items())


def test_early_units_of_one_cover_come_from_many_chips(project: Project, units: list[Unit]) -> None:
    orders = [order_units(units, Samples.read(project), seed) for seed in range(5)]
    mixed = [[unit.chip for unit in order if unit.cover == "mixed"][:6] for order in orders]
    assert np.mean([len(set(chips)) for chips in mixed]) >= 4.5


def test_wrong_units_are_refused(tmp_path: Path, project: Project, store: ChipStore) -> None:
    settings = project.settings.model_copy(update={"benchmark": BenchmarkSettings(unit=5.0)})
    with pytest.raises(SettingsError, match="whole number of pixels"):
        unit_edge(Project(tmp_path, settings))
    assert unit_edge(project) is None
    with pytest.raises(SampleError, match="holds a unit"):
        find_units(store, 4 * EDGE, 0.9)
