"""How evenly a sample spreads over its frame: the Voronoi measure B of Stevens and Olsen.

Every unit of the frame belongs to the drawn unit of its stratum that is nearest to it. The probabilities of the units
that belong to a drawn one sum to 1 on average; B is the mean squared deviation from 1. It is 0 for a perfect spread;
drawing at random without regard to place is the rival.

Source: D. L. Stevens, A. R. Olsen (2004), Spatially balanced sampling of natural resources, Journal of the American
Statistical Association 99, 262-278; in the form of Grafstroem, Lundstroem, Schelin (2012), section 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bocage.samples.frame import Frame

_EPSILON = 1e-9
# Drawn units at the same distance share a unit equally, up to so many of them.
_MOST_TIES = 4

Ints = NDArray[np.int64]


def imbalance(frame: Frame, stratum: Ints, drawn: NDArray[np.bool_]) -> float:
    """Return B over all strata, each with equal probabilities; strata without a drawn unit are left out.

    Parameters
    ----------
    stratum
        (n,) number of the stratum of each unit of the frame.
    drawn
        (n,) which were drawn.
    """
    total = 0.0
    cells = frame.places[frame.distinct()]
    for members in _members(stratum):
        chosen = members[drawn[members]]
        if len(chosen):
            sums = _sums(cells, frame.ground[members], frame.ground[chosen])
            total += float(((sums - 1) ** 2).sum())
    number = int(drawn.sum())
    return total / number if number else 0.0


def simple_random(stratum: Ints, drawn: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a draw of the same size from each stratum without regard to place."""
    result = np.zeros(len(stratum), np.bool_)
    for members in _members(stratum):
        result[rng.choice(members, int(drawn[members].sum()), replace=False)] = True
    return result


def _members(stratum: Ints) -> list[NDArray[np.intp]]:
    order = np.argsort(stratum, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1) if len(stratum) else []


def _sums(cells: Ints, ground: Ints, chosen: Ints) -> NDArray[np.float64]:
    """Return for each drawn unit the sum of the probabilities that belong to it."""
    # Units of one cell, shown by several scenes, have the same neighbours: each cell is asked once.
    held, weight = np.unique(ground, return_counts=True)
    most = min(_MOST_TIES, len(chosen))
    tree = cKDTree(cells[chosen].astype(np.float64))
    distances, owner = tree.query(cells[held].astype(np.float64), k=[*range(1, most + 1)])
    tied = distances <= distances[:, :1] * (1 + _EPSILON)
    part = tied * (weight / tied.sum(axis=1))[:, None]
    return np.bincount(owner.ravel(), part.ravel(), len(chosen)) * (len(chosen) / len(ground))
