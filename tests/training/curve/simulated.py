"""Cells with a known truth: curves that rise with the logarithm of the budget, orders and scenes that scatter."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bocage.training.curve.cell import Cell, CellRecord

BUDGETS = (5, 25, 125, 500)


def logistic(budget: float, *, half: float, low: float = 0.3, high: float = 0.8) -> float:
    """Return an IoU that is midway between low and high at ``half`` annotations."""
    return float(low + (high - low) / (1 + (half / budget) ** 0.7))


def counts(iou: float, pixels: int = 10_000) -> dict[str, int]:
    """Return counts of a scene of which half is union, with that IoU."""
    union = pixels // 2
    found = round(iou * union)
    missed = (union - found) // 2
    outlines = {"boundary_predicted": 400, "boundary_right": 200, "boundary_true": 400, "boundary_found": 200}
    return {"found": found, "missed": missed, "false": union - found - missed, "right": pixels - union} | outlines


def simulate(
    curves: Mapping[str, Callable[[float], float]],
    *,
    orders: int = 5,
    scenes: int = 6,
    budgets: Sequence[int] = BUDGETS,
    order_noise: float = 0.01,
    scene_noise: float = 0.03,
    seed: int = 0,
) -> list[CellRecord]:
    """Return the record of every cell: orders scatter per arm, scenes alike for all arms."""
    rng = np.random.default_rng(seed)
    ground = rng.normal(0, scene_noise, scenes)
    records = []
    for arm, height in curves.items():
        for order in range(orders):
            for budget in budgets:
                values = height(budget) + ground + rng.normal(0, order_noise) + rng.normal(0, order_noise / 2, scenes)
                test = {f"scene{i}": {"counts": counts(float(v))} for i, v in enumerate(values.clip(0.01, 0.99))}
                figures = {"test": {"iou": float(values.mean()), "scenes": test}, "seconds": 1.0}
                records.append(CellRecord(Cell(arm, order, budget), "inputs", figures))
    return records
