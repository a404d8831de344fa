"""Hours, cost and bottleneck are those of a sum that can be done by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bocage.mapping.inspection import Inspection
from bocage.mapping.machines import Load, Machine, estimate
from bocage.mapping.rates import Rates, bare_rate, rates_of
from bocage.mapping.receipt import TileSummary
from bocage.mapping.reckoning import Reckoning
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


def summary(chips: int, predict: float, read: float, rest: float, size: int | None) -> TileSummary:
    timings = {"predict": predict, "read": read, "blend": 0.0, "total": max(predict, read) + rest, "write": 0.0}
    inspection = Inspection((0, 10), bytes_read=size)
    return TileSummary("E1N1", 10, 10, chips, timings["total"], (), (), inspection, timings)


def test_rates_follow_from_the_receipts() -> None:
    rates = rates_of([summary(100, 10, 4, 2, 8_000_000), summary(0, 0, 1, 0, 5)], workers=2)
    assert rates is not None
    assert (rates.chips_per_second, rates.bytes_per_second) == (10.0, 2e6)
    assert rates.efficiency == pytest.approx(10 / 12)
    assert (rates.source, rates.workers) == ("the receipts of 1 tiles in place", 2)
    slow = rates_of([summary(100, 10, 20, 5, 8_000_000)])
    assert slow is not None
    assert slow.efficiency == pytest.approx(20 / 25)
    unknown = rates_of([summary(100, 10, 4, 2, None)])
    assert unknown is not None
    assert unknown.bytes_per_second is None
    timed = rates_of([summary(100, 10, 4, 2, 8_000_000)], pace=9.5)
    assert timed is not None
    assert timed.efficiency == pytest.approx(0.95)
    assert rates_of([]) is None


def test_the_bare_model_is_timed_a_few_times_at_most() -> None:
    class Counting(FakeSegmenter):
        calls = 0

        def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
            Counting.calls += 1
            return super().predict(images, valid)

    assert bare_rate(Counting(), 64, 2) > 0
    assert Counting.calls == 6


def test_a_run_is_compared_with_its_plan() -> None:
    planned = estimate(Load(2, 200, 1000), [Machine("a", 1, 1, 10.0)])
    mapped = [summary(90, 9, 1, 1, 600), summary(90, 9, 1, 1, 500)]
    figures = Reckoning.of(planned, Load(2, 200, 1000), mapped, seconds=22.0, workers=1, source="a test").as_dict()
    assert (figures["planned_seconds"], figures["ratio"], figures["chips_ratio"]) == (20.0, 1.1, 0.9)
    assert (figures["planned_bytes"], figures["bytes"]) == (1000, 1100)
    lost = [mapped[0], summary(90, 9, 1, 1, None)]
    assert Reckoning.of(planned, Load(2, 200, 1000), lost, seconds=1, workers=1, source="").bytes is None
