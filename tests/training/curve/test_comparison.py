"""The comparison, its words, its table, its plot and its page: whole, partial and empty."""

import csv
import io
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from bocage.outcome import Refusal
from bocage.settings import BenchmarkSettings, RunSettings
from bocage.training.curve.comparison import Comparison, compare
from bocage.training.curve.page import render
from bocage.training.curve.plot import draw
from bocage.training.curve.results import COUNTS, Results
from bocage.training.curve.table import as_csv
from bocage.training.curve.verdict import missing_words, verdicts
from tests.training.curve.simulated import BUDGETS, logistic, simulate

ARMS = ("forest", "unet", "model")
CURVES = {
    "forest": partial(logistic, half=80, high=0.65),
    "unet": partial(logistic, half=200),
    "model": partial(logistic, half=4),
}


def settings(**changes: object) -> BenchmarkSettings:
    arms = [RunSettings(name=name, select="last") for name in ARMS]
    return BenchmarkSettings.model_validate({"arms": arms, "baseline": "unet", "resamples": 200} | changes)


def comparison(orders: int = 4, gone: int = 0, **changes: object) -> tuple[Comparison, Results]:
    """A comparison whose last ``gone`` cells are missing."""
    records = sorted(simulate(CURVES, orders=orders), key=lambda one: one.cell.order)
    results = Results.of(records[: len(records) - gone], ARMS, orders, BUDGETS)
    return compare(results, settings(**changes)), results


def test_a_whole_benchmark_decides() -> None:
    found, _ = comparison()
    said = verdicts(found)
    assert list(said) == ["forest", "model"]
    assert "So 20 times fewer annotations suffice here" in said["model"]
    assert "do not suffice" in said["forest"]
    assert missing_words(found) == ""
    assert found.contests[1].adjusted_p is not None
    assert found.contests[1].test is not None
    assert found.contests[1].test.p is not None
    assert found.contests[1].adjusted_p >= found.contests[1].test.p
    point = found.of_arm("unet")[0]
    assert point.low is not None
    assert point.high is not None
    assert point.mean["iou"] is not None
    assert point.low < point.mean["iou"] < point.high


def test_a_single_order_cannot_decide() -> None:
    found, _ = comparison(orders=1)
    said = verdicts(found)
    assert "cannot decide" in said["model"]
    assert found.points[0].spread["iou"] is None
    assert found.points[0].low is None


def test_a_partial_benchmark_says_what_is_missing() -> None:
    found, _ = comparison(gone=5)
    assert missing_words(found) == "Cells without a result: unet 1 of 16, model 4 of 16."
    assert "Only 3 of 4 orders are complete." in verdicts(found)["model"]
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert [row["orders"] for row in rows if row["model"] == "model"] == ["3"] * 4
    nothing, _ = comparison(gone=48)
    assert "Nothing can be said of model yet" in verdicts(nothing)["model"]
    alone = replace(found, missing={"model": 4}, contests=())
    assert "the baseline unet is not among the arms" in verdicts(alone)["model"]
    assert {row["iou"] for row in csv.DictReader(io.StringIO(as_csv(nothing)))} == {""}


def test_budgets_that_do_not_reach_are_told() -> None:
    found, _ = comparison(factor=200.0)
    assert "was not measured" in verdicts(found)["model"]
    assert found.contests[1].efficiency is not None


def treeless(orders: int, scenes: int) -> Comparison:
    """A comparison whose first scene holds no tree, and none was found there."""
    results = Results.of(simulate(CURVES, orders=orders, scenes=scenes), ARMS, orders, BUDGETS)
    bare = np.zeros(len(COUNTS))
    bare[COUNTS.index("right")] = 10_000
    results.counts[:, :, :, 0] = bare
    return compare(results, settings())


def test_resamples_of_treeless_scenes_have_no_iou_and_do_not_count() -> None:
    # One of two scenes is drawn alone in a quarter of the resamples, one of eight hardly ever.
    few, many = treeless(4, 2), treeless(4, 8)
    assert few.points[0].low is None
    assert few.contests[1].test is not None
    assert few.contests[1].test.low is None
    assert "cannot decide" in verdicts(few)["model"]
    assert many.points[0].low is not None
    assert many.contests[1].test is not None
    assert many.contests[1].test.low is not None
    for found in (few, many):
        json.dumps(found.as_json(), allow_nan=False)


def test_a_margin_that_is_wide_enough_holds_for_all() -> None:
    found, _ = comparison(margin=0.9)
    assert all(contest.test is not None and contest.test.decision == "holds" for contest in found.contests)


def test_an_arm_that_passes_only_alone_is_undecided() -> None:
    # About twenty times, and another arm that fails: of many seeds some have p between 0.025 and 0.05.
    curves = {"forest": CURVES["forest"], "unet": CURVES["unet"], "model": partial(logistic, half=9.6)}
    for seed in range(60):
        results = Results.of(simulate(curves, orders=4, seed=seed), ARMS, 4, BUDGETS)
        found = compare(results, settings())
        test = found.contests[1].test
        assert test is not None
        assert test.p is not None
        if 0.025 < test.p < 0.05:
            assert test.low is not None
            assert test.low > -found.margin
            assert test.decision == "undecided"
            assert "not among as many arms as were tested" in verdicts(found)["model"]
            return
    pytest.fail("no seed was between")


def test_the_table_has_the_published_form() -> None:
    found, _ = comparison()
    lines = as_csv(found).splitlines()
    assert lines[0].startswith("training_samples,model,accuracy,f1,iou,boundary_f1,")
    assert len(lines) == 1 + len(ARMS) * len(BUDGETS)
    row = next(csv.DictReader(io.StringIO(as_csv(found))))
    assert (row["training_samples"], row["model"]) == ("5", "forest")
    assert float(row["iou"]) == pytest.approx(logistic(5, half=80, high=0.65), abs=0.05)


@pytest.mark.parametrize("gone", [0, 5, 48])
def test_the_plot_is_drawn_from_whatever_there_is(gone: int) -> None:
    found, results = comparison(gone=gone)
    files = draw(found, results, "a square of 57.6 m")
    assert files["png"].startswith(b"\x89PNG")
    text = files["svg"].decode()
    assert text.count("<svg") == 1
    # The same cells give the same file.
    assert draw(found, results, "a square of 57.6 m") == files


@pytest.mark.filterwarnings("error")
def test_budgets_that_lie_close_together_leave_room_for_the_curves() -> None:
    # The line of 20 times fewer ends far below these axes; its name must not push them aside.
    records = simulate({"unet": partial(logistic, half=50), "forest": partial(logistic, half=80)}, budgets=(2, 4))
    results = Results.of(records, ["unet", "forest"], 5, (2, 4))
    arms = [RunSettings(name=name, select="last") for name in ("unet", "forest")]
    text = draw(compare(results, settings(arms=arms)), results, "a whole chip")["svg"].decode()
    assert ("as many" in text, "20 times fewer" in text) == (True, False)


@pytest.mark.parametrize(("low", "high", "apart"), [(0.4, 0.72, False), (0.85, 0.95, True)])
def test_published_curves_that_lie_elsewhere_are_drawn_apart(low: float, high: float, apart: bool) -> None:
    records = simulate({"unet": partial(logistic, half=50, low=low, high=high)})
    results = Results.of(records, ["unet"], 5, BUDGETS)
    alone = settings(arms=[RunSettings(name="unet", select="last")])
    text = draw(compare(results, alone), results, "a whole chip")["svg"].decode()
    assert ("published, on other data" in text) == apart
    assert ("Satlas, published *" in text) != apart


def test_the_page_names_everything_and_escapes_it() -> None:
    found, results = comparison(gone=5)
    png = draw(found, results, "a whole chip")["png"]
    page = render("<b>", found, png, "a whole chip", [Refusal("arm x", "no <weights>", "fetch them")])
    assert "&lt;b&gt;" in page
    assert "no &lt;weights&gt;" in page
    assert "Only 3 of 4 orders" in page
    assert "http" not in page.replace("http-equiv", "")
    for arm in ARMS:
        assert arm in page
    assert "had labelled itself" not in page
    page = render("<b>", found, png, "a whole chip", [], {"one": 1, "two": 2, "none": 0})
    assert "one trained once more, for as many steps, on what it had labelled itself" in page
    assert "two trained 2 times more" in page
    assert "none trained" not in page
