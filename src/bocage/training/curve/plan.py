"""Which cells a benchmark consists of."""

from __future__ import annotations

from dataclasses import dataclass

from bocage.settings import RunSettings
from bocage.training.curve.cell import Cell


@dataclass(frozen=True, slots=True)
class Plan:
    """The arms, budgets and number of orders of one benchmark."""

    arms: tuple[RunSettings, ...]
    budgets: tuple[int, ...]
    orders: int

    @property
    def cells(self) -> list[tuple[Cell, RunSettings]]:
        """Every cell with its arm; whole orders come first, so that a benchmark that is stopped compares all arms."""
        return [
            (Cell(arm.name, order, budget), arm)
            for order in range(self.orders)
            for budget in self.budgets
            for arm in self.arms
        ]
