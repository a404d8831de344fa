"""Partial sums per feature that add up over tiles, exactly.

A feature may wind across a whole production cell, and nothing may depend on how that cell was cut (law 4). So
whatever is measured of a feature is a sum, or a largest value, over its cells, and each cell is counted by the one
tile that owns it. All figures are integers in fixed point: floating-point sums would differ in their last digits with
the order of tiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Fixed point: one unit (a cell's edge, a share of 1) in the sums.
ONE = 1 << 16

type Figures = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Sums:
    """Partial sums of labels 1 to ``count``; index 0 is label 1.

    Attributes
    ----------
    added
        By name, (count,) or (count, bins): figures that two parts of one feature join by adding.
    largest
        By name, (count,): figures, not negative, that two parts join by taking the larger.
    """

    count: int
    added: Figures = field(default_factory=dict)
    largest: Figures = field(default_factory=dict)

    def __add__(self, other: Sums) -> Sums:
        """Return the sums of the same labels over both parts."""
        return Sums(
            self.count,
            {name: values + other.added[name] for name, values in self.added.items()},
            {name: np.maximum(values, other.largest[name]) for name, values in self.largest.items()},
        )

    def joined(self, owner: NDArray[np.integer], count: int) -> Sums:
        """Return the sums by component: label ``i + 1`` belongs to component ``owner[i]`` (from 0) of ``count``."""
        added, largest = {}, {}
        for name, values in self.added.items():
            added[name] = np.zeros((count, *values.shape[1:]), np.int64)
            np.add.at(added[name], owner, values)
        for name, values in self.largest.items():
            largest[name] = np.zeros((count, *values.shape[1:]), np.int64)
            np.maximum.at(largest[name], owner, values)
        return Sums(count, added, largest)

    def chosen(self, labels: NDArray[np.integer]) -> Sums:
        """Return the figures of some labels, counted from 0."""
        added = {name: values[labels] for name, values in self.added.items()}
        return Sums(len(labels), added, {name: values[labels] for name, values in self.largest.items()})

    @classmethod
    def merged(cls, parts: Sequence[Sums]) -> Sums:
        """Return the figures of several measurements of the same labels as one."""
        added: dict[str, NDArray[np.int64]] = {}
        largest: dict[str, NDArray[np.int64]] = {}
        for part in parts:
            added |= part.added
            largest |= part.largest
        return cls(parts[0].count, added, largest)


def by_label(labels: NDArray[np.integer], values: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Return the exact sum of integer ``values`` per label 1 to ``count``; other labels are left out."""
    result = np.zeros(count + 2, np.int64)
    np.add.at(result, np.clip(labels, 0, count + 1), values)
    return result[1:-1]


def largest_by_label(labels: NDArray[np.integer], values: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Return the largest of the integer ``values`` per label 1 to ``count``, at least 0."""
    result = np.zeros(count + 2, np.int64)
    np.maximum.at(result, np.clip(labels, 0, count + 1), values)
    return result[1:-1]


def fixed(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return values in fixed point."""
    return np.rint(values * ONE).astype(np.int64)
