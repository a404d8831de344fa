"""What one tile gives to the measurements of features: labels and layers on the lattice, with a halo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.features.morphology import Depths


@dataclass(frozen=True, slots=True)
class Patch:
    """A piece of ground; all arrays are (rows, columns) and hold a halo of one cell or more around ``core``.

    Attributes
    ----------
    labels
        The kept features, 1 to ``count`` where they have cells in the core, 0 where no feature is. Cells of one feature
        that hang together inside the array have one label; the numbers mean nothing else.
    linear
        True in the cells of linear features.
    core
        The cells that this piece owns, as slices of the arrays; sums are over these alone.
    row, column
        Place of the first cell of the arrays on the lattice of the coordinate reference system, rows downwards.
    resolution
        Edge of a cell in metres.
    count
        Labels 1 to ``count`` are summed.
    cover
        Probability or share of woody cover 0 to 1, NaN where unknown.
    height
        Canopy height in metres, NaN where unknown.
    depths
        How deep cells lie in the features, where that is measured already.
    """

    labels: NDArray[np.int32]
    linear: NDArray[np.bool_]
    core: tuple[slice, slice]
    row: int
    column: int
    resolution: float
    count: int
    cover: NDArray[np.floating] | None = None
    height: NDArray[np.floating] | None = None
    depths: Depths | None = None

    @classmethod
    def whole(
        cls,
        labels: NDArray[np.int32],
        linear: NDArray[np.bool_],
        count: int,
        resolution: float,
        *,
        row: int = 0,
        column: int = 0,
        cover: NDArray[np.floating] | None = None,
        height: NDArray[np.floating] | None = None,
    ) -> Patch:
        """Return the patch of ground that is not cut into tiles, with the frame of empty cells that it needs."""

        def framed(values: NDArray[np.floating] | None) -> NDArray[np.floating] | None:
            return None if values is None else np.pad(values, 1, constant_values=np.nan)

        inner = (slice(1, -1), slice(1, -1))
        return cls(
            np.pad(labels, 1), np.pad(linear, 1), inner, row - 1, column - 1, resolution, count,
            framed(cover), framed(height),
        )  # fmt: skip

    def in_core(self, flat: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return which cells, by flat index, the piece owns."""
        rows, columns = np.divmod(flat, self.labels.shape[1])
        high, wide = self.core
        first_row, last_row, _ = high.indices(self.labels.shape[0])
        first, last, _ = wide.indices(self.labels.shape[1])
        return (rows >= first_row) & (rows < last_row) & (columns >= first) & (columns < last)
