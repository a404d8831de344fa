"""Change of small woody features between two years, by a method of Bocage's own: the service has published codes only.

Two maps of an unchanged landscape never agree cell by cell: the images are a pixel apart, one sensor sees a thin hedge
that another blurs away, and a feature near a limit of the rules is in one product and not in the other. None of this is
change. So

1. a cell is *new* where the later year has a feature and the earlier year has no woody vegetation. Woody vegetation
   stands for the features of the other year, since a grove that outgrows the rules, or a forest that falls under them,
   is not planted or felled. For the same reason pieces of woody vegetation that are too small for a feature count as
   one: a grove of 200 m2 loses a cell or two to sampling;
2. a new cell is *sure* where no woody vegetation of the earlier year lies within a tolerance (7.5 m: one 5 m cell in
   every direction), and both years have a confidence of 30 and more;
3. sure cells grow back by the tolerance within the new ones, so that a planted grove beside a hedge is measured whole.
   A piece counts if it has 100 m2, and if its sure cells stand for 50 m2 of expected change: each for its area times
   the mean confidence of both years. Without confidence layers every cell counts in full, and false change is several
   times as large. What is left is *gain*; *loss* is the same with the years exchanged;
4. a cell of 100 m is an increase where gain less loss is 50 m2 or more, a decrease where it is -50 m2 or less. A
   compact change of 200 m2 always has this much in one of the four cells that it may fall into.

Cells of 100 m of which forest takes half or more are 201 (in the earlier year), 202 (in the later one) or 203 (both);
those of which less than half was seen in both years are 254, and those that no year saw 255.

All operators are local: a block with :func:`margin` cells around it gives what the whole would give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.features.morphology import grow
from bocage.products.colours import OUTSIDE, UNCLASSIFIABLE
from bocage.products.density import in_blocks
from bocage.products.pieces import pieces_of
from bocage.products.writers import CELL

STABLE, INCREASE, DECREASE = 0, 1, 2
FOREST_FIRST, FOREST_SECOND, FOREST_BOTH = 201, 202, 203
# Shares of the 400 cells of a hectare.
_LEAST_SEEN = 0.5
_FOREST = 0.5
# Cells of the smallest patch of the product, 200 m2.
_TOO_SMALL = 8


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as change.

    Attributes
    ----------
    tolerance
        Cover this near, in metres, may be the same cover seen elsewhere.
    smallest
        Smallest piece of change, m2.
    expected
        Smallest change that the sure cells of a piece stand for, m2.
    certainty
        Confidence (1 to 100) that both years must have in a sure cell.
    net
        Smallest difference of gain and loss that makes a 100 m cell an increase or a decrease, m2.
    """

    tolerance: float = 7.5
    smallest: float = 100.0
    expected: float = 50.0
    certainty: float = 30.0
    net: float = 50.0


@dataclass(frozen=True, slots=True)
class Year:
    """The 5 m layers of one year, all of one shape: 0 and codes, 255 and 254 where nothing is known.

    ``woody`` may be ``features`` itself where no woody vegetation layer is at hand; ``forest`` and ``confidence`` (0 to
    100) may be None.
    """

    features: NDArray[np.uint8]
    woody: NDArray[np.uint8]
    forest: NDArray[np.uint8] | None = None
    confidence: NDArray[np.uint8] | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where both features and woody vegetation are known."""
        return (self.features < UNCLASSIFIABLE) & (self.woody < UNCLASSIFIABLE)


def margin(rules: Rules) -> int:
    """Return the cells around a block within which everything lies that decides about it.

    A piece that leaves this frame counts in any case: it has a cell in every ring of the frame, and each of its sure
    cells, which stand for a known area at least, reaches no more than the tolerance.
    """
    reach = int(np.ceil(rules.tolerance / CELL))
    sure = int(np.ceil(rules.expected / (CELL**2 * max(rules.certainty, 1) / 100)))
    return max(sure * (2 * reach + 1), int(np.ceil(rules.smallest / CELL**2)), _TOO_SMALL) + 2 * reach + 1


def changed(first: Year, second: Year, rules: Rules) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the 5 m cells that gained and that lost cover."""
    both = first.known & second.known
    return _gained(first, second, both, rules), _gained(second, first, both, rules)


def change_codes(first: Year, second: Year, rules: Rules) -> NDArray[np.uint8]:
    """Return the change of 100 m cells between two years.

    Parameters
    ----------
    first, second
        Arrays (rows, columns) in multiples of 20.

    Returns
    -------
    numpy.ndarray
        0 stable, 1 increase, 2 decrease, 201 forest in the first year, 202 in the second, 203 in both, 254 less than
        half seen in both years, 255 not seen in either.
    """
    return summed(first, second, *changed(first, second, rules), rules)


def summed(
    first: Year, second: Year, gain: NDArray[np.bool_], loss: NDArray[np.bool_], rules: Rules
) -> NDArray[np.uint8]:
    """Return the codes of 100 m cells from gain and loss of their 5 m cells; the parameters are as above."""
    both = first.known & second.known
    seen = _sum(both)
    either = _sum(first.known | second.known)
    net = (_sum(gain) - _sum(loss)) * CELL**2
    result = np.select([net >= rules.net, net <= -rules.net], [INCREASE, DECREASE], STABLE)
    if first.forest is not None and second.forest is not None:
        before = _sum(both & (first.forest == 1)) >= np.maximum(_FOREST * seen, 1)
        after = _sum(both & (second.forest == 1)) >= np.maximum(_FOREST * seen, 1)
        result = np.select([before & after, before, after], [FOREST_BOTH, FOREST_FIRST, FOREST_SECOND], result)
    size = in_blocks(both).shape[1] * in_blocks(both).shape[3]
    result = np.where(seen < _LEAST_SEEN * size, UNCLASSIFIABLE, result)
    result = np.where(either == 0, OUTSIDE, result)
    return result.astype(np.uint8)


def _gained(before: Year, after: Year, both: NDArray[np.bool_], rules: Rules) -> NDArray[np.bool_]:
    # What is not known may have been woody.
    covered = (before.woody > 0) | ~both
    new = _candidates(after) & ~covered
    trust = np.minimum(_confidence(before), _confidence(after)) >= rules.certainty
    sure = new & ~grow(covered, rules.tolerance, CELL) & trust
    pieces = pieces_of(new & grow(sure, rules.tolerance, CELL))
    stands_for = np.where(sure, _confidence(before) + _confidence(after), 0) / 200 * CELL**2
    large = pieces.cells() * CELL**2 >= rules.smallest
    return pieces.where(large & (pieces.sums(stands_for) >= rules.expected))


def _candidates(year: Year) -> NDArray[np.bool_]:
    """Return the cells of features, and those of woody pieces outside forest that are too small for one."""
    features = (year.features > 0) & year.known
    rest = (year.woody == 1) & year.known & ~features
    if year.forest is not None:
        rest &= year.forest != 1
    pieces = pieces_of(rest)
    return np.asarray(features | pieces.where(pieces.cells() < _TOO_SMALL), bool)


def _confidence(year: Year) -> NDArray[np.float64]:
    """Return the confidence in per cent, 0 where it is not known."""
    if year.confidence is None:
        return np.full(year.features.shape, 100.0)
    return np.where(year.confidence <= 100, year.confidence, 0).astype(np.float64)


def _sum(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(in_blocks(mask).sum(axis=(1, 3)), np.int64)
