"""Hours, cost and bottleneck are those of a sum that can be done by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.mapping.inspection import Inspection
from bocage.mapping.machines import Load, Machine, estimate
from bocage.mapping.rates import LastRun, Rates, Timed, bare_rate, rates_from, rates_of
from bocage.mapping.receipt import TileSummary
from bocage.mapping.reckoning import Course, Reckoning
from bocage.mapping.staff import Staff
from bocage.settings import MachineSettings
from tests.mapping.fakes import FakeSegmenter

LOAD = Load(tiles=1000, chips=360_000, bytes=72_000_000_000)  # 200 kB a chip
RATES = Rates(10.0, 5e6, 0.9, "the receipts of 7 tiles in place", 2)


def test_time_is_chips_over_the_chips_of_all_workers() -> None:
    found = estimate(LOAD, [Machine("a", 5, 2, 10.0)])
    assert found.seconds == pytest.approx(3600)
    assert (found.bottleneck, found.costs) == ("inference", {})


def test_a_machine_that_reads_slowly_waits_for_its_files() -> None:
    machines = [Machine("a", 1, 4, 10.0, bytes_per_second=1e6, price=2.0), Machine("b", 2, 1, 50.0, 1e9, 3.0, "USD")]
    found = estimate(LOAD, machines, efficiency=0.5)
    assert [share.bottleneck for share in found.shares] == ["reading", "inference"]
    assert [share.chips_per_second for share in found.shares] == pytest.approx([2.5, 50.0])
    assert found.bottleneck == "inference"  # of the machines that do most
    assert found.hours == pytest.approx(360_000 / 52.5 / 3600 * (math.ceil(1000 / 6) * 6 / 1000))
    assert found.costs == pytest.approx({"EUR": 2 * found.hours, "USD": 2 * 3 * found.hours})


def test_more_workers_than_tiles_do_not_help() -> None:
    one = estimate(Load(1, 100, 0), [Machine("a", 1, 1, 10.0)])
    many = estimate(Load(1, 100, 0), [Machine("a", 64, 1, 10.0)])
    assert many.seconds == pytest.approx(one.seconds)
    assert (one.bottleneck, many.bottleneck) == ("inference", "tiles")
    assert estimate(Load(0, 0, 0), [Machine("a", 1, 1, 10.0)]).seconds == 0


def test_what_the_settings_leave_open_is_as_measured() -> None:
    assert Machine.of(MachineSettings(name="a", workers=3), RATES) == Machine("a", 1, 3, 10.0, 15e6)
    given = MachineSettings(name="a", factor=4, read_mb_per_second=100, price_per_hour=1.5, currency="CHF")
    assert Machine.of(given, RATES) == Machine("a", 1, 1, 40.0, 1e8, 1.5, "CHF")
    assert Machine.of(MachineSettings(name="a", chips_per_second=7), RATES).chips_per_second == 7
    with pytest.raises(ValueError, match="give one of them"):
        MachineSettings(name="a", chips_per_second=7, factor=2)


def test_workers_share_the_cores() -> None:
    one = RATES.for_workers(1)
    assert (one.chips_per_second, one.bytes_per_second) == (20.0, 1e7)
    assert RATES.for_workers(4).chips_per_second == 5.0


def test_what_a_tile_and_a_scene_cost_is_added() -> None:
    own = Machine("a", 1, 2, 10.0, tile_seconds=3.0, scene_seconds=0.5)
    found = estimate(Load(100, 1000, 0, observations=400), [own], efficiency=0.5, startup=20, ending=7)
    assert found.mapping == pytest.approx((1000 / (10 * 0.5) + 100 * 3 + 400 * 0.5) / 2)
    assert found.seconds == pytest.approx(found.mapping + 27)
    assert (found.startup, found.ending, found.bottleneck) == (20, 7, "handling")
    assert estimate(Load(0, 0, 0), [own], startup=20, ending=7).seconds == 0


def summary(chips: int, predict: float, read: float, rest: float, size: int | None, scenes: int = 1) -> TileSummary:
    timings = {"predict": predict, "read": read, "blend": 0.0, "total": predict + rest, "write": 0.0}
    inspection = Inspection((0, 10), bytes_read=size)
    used = tuple(f"s{number}" for number in range(scenes))
    return TileSummary("E1N1", 10, 10, chips, timings["total"], used, (), inspection, timings)


def test_rates_follow_from_the_receipts() -> None:
    rates = rates_of([summary(100, 10, 4, 2, 8_000_000), summary(0, 0, 1, 0, 5)], LastRun(abreast=2))
    assert rates is not None
    assert (rates.chips_per_second, rates.bytes_per_second) == (10.0, 2e6)
    assert (rates.source, rates.abreast) == ("the receipts of 1 tiles in place", 2)
    unknown = rates_of([summary(100, 10, 4, 2, None)])
    assert unknown is not None
    assert unknown.bytes_per_second is None
    assert rates_of([]) is None


@pytest.mark.parametrize("pace", [0.7, 1.0, 1.3])
def test_rates_give_back_the_time_of_the_tiles_that_they_are_of(pace: float) -> None:
    tiles = [summary(chips, chips / 20, 0.01, 0.3 + 0.1 * scenes + 0.01 * chips, 100 * chips, scenes)
             for chips in (4, 9, 16) for scenes in (1, 2, 3)]  # fmt: skip
    rates = rates_of(tiles, LastRun(pace=pace, border_seconds=0.2, start_seconds=9.0))
    assert rates is not None
    load = Load(len(tiles), sum(each.chips for each in tiles), sum(100 * each.chips for each in tiles), 18)
    own = Machine("a", 1, 1, rates.chips_per_second, rates.bytes_per_second, None, "EUR",
                  rates.tile_seconds, rates.scene_seconds)  # fmt: skip
    taken = pace * sum(each.timings["total"] for each in tiles)
    assert estimate(load, [own], rates.efficiency).seconds == pytest.approx(taken)
    assert (rates.border_seconds, rates.start_seconds) == (0.2, 9.0)
    if pace == 1:
        found = (rates.tile_seconds, rates.scene_seconds, 1 / rates.chips_per_second / rates.efficiency)
        assert found == pytest.approx((0.3, 0.1, 0.06))


def test_tiles_that_are_all_alike_tell_of_one_another() -> None:
    tiles = [summary(4, 0.2, 0.1, 0.3, None)] * 5
    rates = rates_of(tiles)
    assert rates is not None
    own = Machine("a", 1, 1, rates.chips_per_second, None, None, "EUR", rates.tile_seconds, rates.scene_seconds)
    assert estimate(Load(10, 40, 0, 10), [own], rates.efficiency).seconds == pytest.approx(5.0)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.builds(Timed, st.integers(1, 9), st.integers(1, 400), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
        min_size=1,
        max_size=20,
    ),
    st.none() | st.floats(1.0, 1e9),
    st.integers(0, 10_000_000),
)
def test_rates_of_any_tiles_are_finite_and_give_back_their_time(
    tiles: list[Timed], reading: float | None, chip_bytes: int
) -> None:
    """Whether the model takes less than a tile or, as clocks of threads may have it, more."""
    rates = rates_from(tiles, reading, chip_bytes, "a test")
    figures = (rates.chips_per_second, rates.efficiency, rates.tile_seconds, rates.scene_seconds)
    assert np.isfinite(figures).all()
    assert min(figures[:2]) > 0
    assert min(figures[2:]) >= 0
    chips = sum(each.chips for each in tiles)
    load = Load(len(tiles), chips, chips * chip_bytes, sum(each.scenes for each in tiles))
    own = Machine("a", 1, 1, rates.chips_per_second, rates.bytes_per_second if chip_bytes else None, None, "EUR",
                  rates.tile_seconds, rates.scene_seconds)  # fmt: skip
    found = estimate(load, [own], rates.efficiency).seconds
    assert found == pytest.approx(sum(each.seconds for each in tiles))


def test_receipts_without_a_time_tell_nothing() -> None:
    assert rates_of([replace(summary(100, 10, 4, 2, None), timings={"predict": 10.0})]) is None
    assert rates_of([replace(summary(100, 10, 4, 2, None), timings={})]) is None


def test_a_start_that_is_not_known_is_not_told() -> None:
    load = Load(2, 200, 1000)
    course = Course(preparing=4, starting=0, mapping=22, staff=Staff(isolated=True))
    found = Reckoning.of(estimate(load, [Machine("a", 1, 1, 10.0)]), load, [summary(9, 9, 1, 1, 1)], course, source="")
    assert found.as_dict()["start_seconds"] is None


def test_the_bare_model_is_timed_a_few_times_at_most() -> None:
    class Counting(FakeSegmenter):
        calls = 0

        def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
            Counting.calls += 1
            return super().predict(images, valid)

    assert bare_rate(Counting(), 64, 2) > 0
    assert Counting.calls == 6


def test_a_run_is_compared_with_its_plan() -> None:
    load = Load(2, 200, 1000, 2, 1)
    planned = estimate(load, [Machine("a", 1, 1, 10.0)], startup=5, ending=1)
    mapped = [summary(90, 9, 1, 1, 600), summary(90, 9, 1, 1, 500)]
    course = Course(preparing=4, starting=2, mapping=22, ending=0.5, staff=Staff(isolated=True))
    figures = Reckoning.of(planned, load, mapped, course, source="a test").as_dict()
    assert (figures["planned_seconds"], figures["seconds"], figures["chips_ratio"]) == (26.0, 28.5, 0.9)
    assert figures["ratio"] == pytest.approx(28.5 / 26, abs=1e-4)
    assert figures["parts"]["start"] == {"planned_seconds": 5, "seconds": 6}
    assert figures["parts"]["tiles"] == {"planned_seconds": 20, "seconds": 22}
    assert (figures["pace"], figures["border_seconds"], figures["start_seconds"]) == (1.1, 0.5, 2)
    assert (figures["planned_bytes"], figures["bytes"]) == (1000, 1100)
    lost = [mapped[0], summary(90, 9, 1, 1, None)]
    assert Reckoning.of(planned, load, lost, course, source="").bytes is None
