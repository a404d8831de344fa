"""The table of the benchmark in the form in which such tables are published, and as lines for a person."""

from __future__ import annotations

import csv
import io

from bocage.training.curve.comparison import Comparison, Point
from bocage.training.curve.results import MEASURES

COLUMNS = (
    "training_samples",
    "model",
    *MEASURES,
    "orders",
    *(f"{name}_spread" for name in MEASURES),
    "iou_low",
    "iou_high",
)


def table_rows(comparison: Comparison) -> list[dict[str, str]]:
    """Return one row per budget and arm, also for those without a result: their scores are empty and ``orders`` 0."""
    return [_row(point) for budget in comparison.budgets for point in comparison.points if point.budget == budget]


def as_csv(comparison: Comparison) -> str:
    """Return the table as CSV: training_samples, model, accuracy, f1, iou and what was not published."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table_rows(comparison))
    return text.getvalue()


def _row(point: Point) -> dict[str, str]:
    return {
        "training_samples": str(point.budget),
        "model": point.arm,
        "orders": str(point.orders),
        **{name: _digits(point.mean[name]) for name in MEASURES},
        **{f"{name}_spread": _digits(point.spread[name]) for name in MEASURES},
        "iou_low": _digits(point.low),
        "iou_high": _digits(point.high),
    }


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
