"""What one annotation is: a square of a training chip, and the order in which squares are annotated.

A learning curve counts annotations, so they must be alike and independent of how chips were cut. A unit is a square of
the settings' edge; its neighbours are other annotations. The order of a seed is that of
:mod:`bocage.samples.subsets`: every beginning is a subset, holds each stratum's share and is spread over the ground.
The strata are those of the samples (zone, sensor, urban or rural) by the cover of trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.errors import SampleError, SettingsError
from bocage.project import Project
from bocage.samples import Samples
from bocage.samples.subsets import stratified_order
from bocage.training.chips import ChipStore
from bocage.training.loss import IGNORE

# Below the first share of trees a unit is open, from the second on it is wooded; between, it holds edges.
_COVERS = ((0.05, "open"), (0.5, "mixed"), (1.01, "wooded"))


@dataclass(frozen=True, slots=True)
class Unit:
    """One annotation.

    Attributes
    ----------
    chip
        Index of its chip in the store.
    sample_id, scene_id
        Of its chip.
    row, column, edge
        Where it lies in the chip, in pixels; at the last row or column it may reach beyond the chip.
    tree, other
        Numbers of decided pixels.
    """

    chip: int
    sample_id: str
    scene_id: str
    row: int
    column: int
    edge: int
    tree: int
    other: int

    @property
    def name(self) -> str:
        """The name of the unit, the same wherever the same samples are cut."""
        return f"{self.sample_id}/{self.row},{self.column}+{self.edge}"

    @property
    def cover(self) -> str:
        """The class of its tree cover."""
        share = self.tree / (self.tree + self.other)
        return next(name for most, name in _COVERS if share < most)


def unit_edge(project: Project) -> int | None:
    """Return the edge of a unit in pixels, or None where it is the whole chip.

    Raises
    ------
    SettingsError
        If the edge is not a whole number of pixels.
    """
    metres = project.settings.benchmark.unit
    if metres is None:
        return None
    pixels = metres / project.grid.resolution
    if pixels < 1 or abs(pixels - round(pixels)) > 1e-6:
        raise SettingsError(
            f"benchmark.unit is {metres:g} m, which is not a whole number of pixels of {project.grid.resolution:g} m",
            f"set it to a multiple of {project.grid.resolution:g}",
        )
    return round(pixels)


def find_units(store: ChipStore, edge: int | None, minimum_decided: float) -> list[Unit]:
    """Return the units of all chips of a store, row by row.

    Parameters
    ----------
    edge
        Of a unit in pixels; None takes whole chips, of which those with any label are units.
    minimum_decided
        The share of a whole unit that must be decided, 0 to 1.

    Raises
    ------
    SampleError
        If there is none.
    """
    units: list[Unit] = []
    for index, chip in enumerate(store.chips):
        rows, columns = chip.shape
        side = max(rows, columns) if edge is None else edge
        label = store.read(index)[1]
        tree, decided = _sums(label == 1, side), _sums(label != IGNORE, side)
        least = 1.0 if edge is None else max(1.0, minimum_decided * side * side)
        for row, column in zip(*np.nonzero(decided >= least), strict=True):
            trees = int(tree[row, column])
            units.append(
                Unit(
                    index,
                    chip.sample_id,
                    chip.scene_id,
                    int(row) * side,
                    int(column) * side,
                    side,
                    trees,
                    int(decided[row, column]) - trees,
                )
            )
    if not units:
        raise SampleError(
            f"none of {len(store)} training chips holds a unit that is decided to {minimum_decided:.0%}",
            "lower benchmark.minimum_decided or benchmark.unit",
        )
    return units


def order_units(units: Sequence[Unit], samples: Samples, seed: int) -> list[Unit]:
    """Return all units in the order of a seed; a budget is the beginning of it.

    Parameters
    ----------
    samples
        The samples of the units, for their places and strata.
    """
    table = samples.table.set_index("sample_id")
    # Sorted by name, so that the order does not hang on that of the store.
    units = sorted(units, key=lambda unit: (unit.sample_id, unit.row, unit.column))
    corner = {name: (int(row.column), int(row.row)) for name, row in zip(table.index, table.itertuples(), strict=True)}
    places = np.array(
        [(corner[one.sample_id][0] + one.column, corner[one.sample_id][1] + one.row) for one in units], np.int64
    )
    stratum = table["stratum"].astype(str).to_dict()
    strata = [f"{stratum[unit.sample_id]}/{unit.cover}" for unit in units]
    return [units[index] for index in stratified_order(places, strata, seed)]


def _sums(mask: NDArray[np.bool_], edge: int) -> NDArray[np.int64]:
    """Return the number of true pixels in every square."""
    rows, columns = mask.shape
    padded = np.pad(mask, ((0, -rows % edge), (0, -columns % edge)))
    blocks = padded.reshape(padded.shape[0] // edge, edge, padded.shape[1] // edge, edge)
    return np.asarray(blocks.sum(axis=(1, 3), dtype=np.int64))
