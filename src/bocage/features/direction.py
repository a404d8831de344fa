"""The direction of a centre line at each of its cells, and the length that each cell stands for.

A digital line that runs at the angle t to the rows has ``max(|cos t|, |sin t|)`` cells per cell's edge of length, so
each cell stands for ``1 / max(|cos t|, |sin t|)`` of the line. The direction is taken over a chord of some 40 m along
the line. This has no bias at any angle and, unlike a sum of steps, does not grow with the roughness of a line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.features.centreline import CentreLine, centre_lines
from bocage.features.patch import Patch

# Half of the chord over which a direction is taken, in metres.
CHORD = 20.0
# The mean of 1 / max(|cos t|, |sin t|) over all directions: at a junction a line has none.
_ANY_DIRECTION = 4 / np.pi * np.log(1 + np.sqrt(2))

type Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """A centre line with its direction.

    Attributes
    ----------
    line
        The cells and their links.
    right, down
        (n,): direction of the line in cells, any length and either sense; both 0 at junctions and in lines of a single
        cell. At an end it points outwards.
    step
        (n,): the length in cells' edges of one step along the line.
    owned
        (n,): whether the patch owns the cell.
    """

    line: CentreLine
    right: Index
    down: Index
    step: NDArray[np.float64]
    owned: NDArray[np.bool_]

    @property
    def weight(self) -> NDArray[np.float64]:
        """(n,): the length in cells' edges that each cell stands for; half of each of its links."""
        return self.step * self.line.degree / 2


def chord_steps(resolution: float) -> int:
    """Return the number of steps on each side of a cell over which its direction is taken."""
    return max(round(CHORD / resolution), 3)


def axes_of(patch: Patch) -> list[Axis]:
    """Return the centre lines of the linear features of a patch, one per turn of the thinning."""
    return [_directed(line, patch) for line in centre_lines(patch)]


def _directed(line: CentreLine, patch: Patch) -> Axis:
    place, count = line.rows_columns, len(line.flat)
    reached = [np.arange(count), np.arange(count)]
    for _, way, here, moved in line.walk(chord_steps(patch.resolution)):
        reached[way] = np.where(moved, here, reached[way])
    chord = place[reached[1]] - place[reached[0]]
    down, right = chord[:, 0], chord[:, 1]
    longer = np.maximum(np.abs(down), np.abs(right))
    step = np.where(longer > 0, np.hypot(down, right) / np.maximum(longer, 1), _ANY_DIRECTION)
    return Axis(line, right, down, step, patch.in_core(line.flat))
