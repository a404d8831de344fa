"""How far two predictions of the same ground agree, whoever made them: no truth is needed, and it is no accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """Sums over the pixels that two takes of the same ground show.

    Attributes
    ----------
    pixels
        Their number.
    both, one
        Pixels that both predictions call tree, and that only one of them does.
    difference
        Sum of the absolute differences of the probabilities.
    """

    pixels: int = 0
    both: int = 0
    one: int = 0
    difference: float = 0.0

    @classmethod
    def of(
        cls,
        first: NDArray[np.float32],
        second: NDArray[np.float32],
        valid: NDArray[np.bool_],
        threshold: float = 0.5,
    ) -> Homogeneity:
        """Compare two predictions of the same ground.

        Parameters
        ----------
        first, second
            Probabilities 0..1 of the same shape.
        valid
            True where both takes have data; nothing else counts, whatever is predicted there.
        threshold
            Probability from which a pixel counts as tree.
        """
        one, two = first[valid], second[valid]
        says, says_too = one >= threshold, two >= threshold
        return cls(
            int(valid.sum()),
            int((says & says_too).sum()),
            int((says ^ says_too).sum()),
            float(np.abs(one.astype(np.float64) - two).sum()),
        )

    def __add__(self, other: Homogeneity) -> Homogeneity:
        return Homogeneity(
            self.pixels + other.pixels,
            self.both + other.both,
            self.one + other.one,
            self.difference + other.difference,
        )

    def figures(self) -> dict[str, float | int | None]:
        """Return the agreement; None where there is nothing to divide by.

        ``iou`` is that of the two predictions' trees, ``differing`` the share of pixels that only one of them calls
        tree, ``difference`` the mean absolute difference of the probabilities.
        """
        return {
            "iou": _share(self.both, self.both + self.one),
            "differing": _share(self.one, self.pixels),
            "difference": _share(self.difference, self.pixels),
            "pixels": self.pixels,
        }


def summary(pairs: dict[tuple[str, str], Homogeneity]) -> dict[str, Any]:
    """Return the figures over all pixels and, under "sensors", those of each pair, as "PHR and SPOT"."""
    whole = sum(pairs.values(), Homogeneity())
    return {**whole.figures(), "sensors": {" and ".join(pair): one.figures() for pair, one in pairs.items()}}


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
