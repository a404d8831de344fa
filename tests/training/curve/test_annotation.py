"""Of a chip only the chosen units are labelled; the image stays whole."""

from pathlib import Path

import numpy as np
import pytest

from bocage.training.chips import ChipStore, survey
from bocage.training.crops import Crops
from bocage.training.curve.annotation import AnnotatedStore
from bocage.training.curve.units import Unit, find_units
from tests.training.fakes import EDGE, build, short_run


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> ChipStore:
    return ChipStore(survey(build(tmp_path_factory.mktemp("annotation"), (short_run(),)))["train"])


@pytest.fixture(scope="module")
def units(base: ChipStore) -> list[Unit]:
    units = find_units(base, 24, 0.5)
    return [units[5], units[6], units[40]]


def test_labels_are_those_of_the_units_alone(base: ChipStore, units: list[Unit]) -> None:
    store = AnnotatedStore(base, units)
    assert [chip.sample_id for chip in store.chips] == ["cell0", "cell2"]
    for index, chip in enumerate((0, 2)):
        image, label = store.read(index)
        whole, truth = base.read(chip)
        np.testing.assert_array_equal(image, whole)
        inside = np.zeros((EDGE, EDGE), np.bool_)
        for unit in units:
            if unit.chip == chip:
                inside[unit.row : unit.row + 24, unit.column : unit.column + 24] = True
        np.testing.assert_array_equal(label, np.where(inside, truth, 255))
        assert store.chips[index].tree == (label == 1).sum()
        assert store.chips[index].other == (label == 0).sum()
        assert store.chips[index].decided.sum() == (label != 255).sum()
    assert sum(chip.tree for chip in store.chips) == sum(unit.tree for unit in units)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (30, 12), (-20, 50), (80, 80), (200, 200)])
def test_a_crop_is_cut_from_the_annotated_chip(base: ChipStore, units: list[Unit], row: int, column: int) -> None:
    store = AnnotatedStore(base, units)
    image, label = store.crop(0, row, column, 64)
    whole, labels = store.read(0)
    padded = np.pad(labels, 300, constant_values=255)[row + 300 : row + 364, column + 300 : column + 364]
    np.testing.assert_array_equal(label, padded)
    around = np.pad(whole, ((0, 0), (300, 300), (300, 300)))[:, row + 300 : row + 364, column + 300 : column + 364]
    np.testing.assert_array_equal(image, around)


def test_what_is_kept_in_memory_or_not_is_the_same(base: ChipStore, units: list[Unit]) -> None:
    slow = ChipStore(base.chips, memory=0)
    for one, two in zip(AnnotatedStore(base, units), AnnotatedStore(slow, units), strict=True):
        np.testing.assert_array_equal(one[1], two[1])


def test_every_random_crop_shows_a_label(base: ChipStore, units: list[Unit]) -> None:
    crops = Crops(AnnotatedStore(base, units), short_run())
    seen = [np.count_nonzero(crops.crop(number)[2] != 255) for number in range(40)]
    assert np.mean([one > 0 for one in seen]) > 0.9


def test_the_other_store_is_left_as_it_is(base: ChipStore, units: list[Unit], tmp_path: Path) -> None:
    before = base.read(0)[1].copy()
    AnnotatedStore(base, units).read(0)
    np.testing.assert_array_equal(base.read(0)[1], before)
