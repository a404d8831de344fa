"""Design-based estimates of accuracy and area from a stratified random sample, with confidence intervals.

One core serves both of the usual designs. Every figure that a map is judged by (overall, user's and producer's
accuracy, F1, IoU, share of area) is a ratio of two population totals, and the combined ratio estimator of Stehman
(2014) gives it and its variance whether or not the strata are the map's classes. Where they are, and without the finite
population correction, it reduces to the formulas of Olofsson et al. (2014).

Sources
-------
Olofsson, P. et al. (2014): Good practices for estimating area and assessing accuracy of land change. Remote Sensing of
Environment 148, 42-57, doi 10.1016/j.rse.2014.02.015.
Stehman, S. V. (2014): Estimating area and map accuracy for stratified random sampling when the strata are different
from the map classes. International Journal of Remote Sensing 35, 4923-4939, doi 10.1080/01431161.2014.930207.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bocage.errors import AccuracyError

# Below this a variance is rounding of floating point, not spread in the sample.
_NO_SPREAD = 1e-15


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its standard error and confidence interval, or the reason why there is none.

    Attributes
    ----------
    value
        The estimate, or None where the sample cannot give one.
    se
        Its standard error, or None where the sample cannot give one.
    low, high
        The confidence interval, kept inside 0 to 1 for proportions.
    reason
        Why ``value`` or ``se`` is None; empty otherwise.
    """

    value: float | None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate in another unit, for example a share as hectares."""
        value, se, low, high = (
            None if part is None else part * factor for part in (self.value, self.se, self.low, self.high)
        )
        return Estimate(value, se, low, high, self.reason)


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """What the sample says of one class: all proportions, 0 to 1."""

    name: str
    users: Estimate
    producers: Estimate
    f1: Estimate
    iou: Estimate
    share: Estimate


@dataclass(frozen=True, slots=True)
class Assessment:
    """All estimates from one sample.

    Attributes
    ----------
    counts
        (map classes, reference classes) decided sample units.
    matrix
        The same as estimated shares of the area that a reference class could be given to; sums to 1.
    decided
        Estimated share of the population to which the reference can give a class.
    confidence
        Level of the intervals, for example 0.95.
    """

    classes: tuple[ClassAccuracy, ...]
    overall: Estimate
    decided: Estimate
    counts: NDArray[np.int64]
    matrix: NDArray[np.float64]
    confidence: float


@dataclass(frozen=True, slots=True)
class StratifiedSample:
    """The counts of a stratified random sample; they hold all that the estimators need.

    Attributes
    ----------
    cube
        (strata, map classes, reference classes) decided sample units.
    undecided
        (strata,) sample units without a reference class. They stay in the design, so that the estimates are for the
        part of the population that can be decided (a domain), not for all of it.
    sizes
        (strata,) pixels, or any unit of area, in the population.
    correct_finite
        Apply the finite population correction (1 - n/N); ``sizes`` must then be numbers of sample units.
    """

    cube: NDArray[np.int64]
    undecided: NDArray[np.int64]
    sizes: NDArray[np.float64]
    correct_finite: bool = True

    def __post_init__(self) -> None:
        strata = len(self.sizes)
        if self.cube.ndim != 3 or self.cube.shape[0] != strata or self.undecided.shape != (strata,):
            raise AccuracyError(
                f"the sample has {self.cube.shape[0]} strata and the population {strata}", "give one size per stratum"
            )
        empty = [index for index in range(strata) if self.sizes[index] > 0 and self.drawn[index] == 0]
        if empty:
            raise AccuracyError(
                f"stratum {empty[0]} holds {self.sizes[empty[0]]:.0f} units and no sample unit was drawn from it",
                "raise accuracy.minimum_per_stratum, or merge the stratum with another",
            )
        if self.cube.sum() == 0:
            raise AccuracyError(
                "no sample unit has a decided response",
                "interpret the sample, or give accuracy.reference a layer that covers the population",
            )

    @property
    def drawn(self) -> NDArray[np.int64]:
        """(strata,) sample units, decided or not."""
        return self.cube.sum(axis=(1, 2)) + self.undecided

    def ratio(self, y: NDArray[np.float64], x: NDArray[np.float64], confidence: float, undefined: str) -> Estimate:
        """Estimate the ratio of two totals, R = Y / X.

        R = sum N_h mean_h(y) / sum N_h mean_h(x), and its variance by linearisation (Stehman 2014, equations 27, 28)
        V = X^-2 sum N_h^2 (1 - n_h/N_h) (s2_y + R^2 s2_x - 2 R s_xy) / n_h.

        Parameters
        ----------
        y, x
            (map classes, reference classes) value of a unit of that map and reference class; undecided units are 0.
        confidence
            Level of the interval.
        undefined
            The reason to give where X is 0.

        Notes
        -----
        The interval is the normal one. Where it has no width because every unit agrees (R is 0 or 1), the score
        interval of Wilson (1927) over the units with x > 0 is given instead: certainty cannot follow from a sample.
        """
        drawn = np.maximum(self.drawn, 1)
        mean_y, mean_x = (np.tensordot(self.cube, part, axes=2) / drawn for part in (y, x))
        total_y, total_x = float(self.sizes @ mean_y), float(self.sizes @ mean_x)
        if total_x <= 0:
            return Estimate(None, reason=undefined)
        value = total_y / total_x
        single = (self.drawn == 1) & (self.sizes > 1)
        if single.any():
            return Estimate(value, reason=f"stratum {int(np.flatnonzero(single)[0])} has a single sample unit")
        # The variance of y - R x is s2_y + R^2 s2_x - 2 R s_xy, without the cancellation of three terms.
        residual = y - value * x
        mean = np.tensordot(self.cube, residual, axes=2) / drawn
        squares = np.tensordot(self.cube, residual**2, axes=2)
        spread = np.maximum(squares - self.drawn * mean**2, 0) / np.maximum(self.drawn - 1, 1)
        remaining = np.where(self.sizes > 0, 1 - self.drawn / np.maximum(self.sizes, 1e-300), 0)
        finite = np.maximum(remaining, 0) if self.correct_finite else np.ones(len(self.sizes))
        variance = float(np.sum(self.sizes**2 * finite * spread / drawn)) / total_x**2
        se = math.sqrt(variance) if variance > _NO_SPREAD else 0.0
        units = int(np.tensordot(self.cube, (x > 0).astype(np.int64), axes=2).sum())
        whole = self.correct_finite and bool(np.all(self.drawn >= self.sizes))
        low, high = (value, value) if whole else _interval(value, se, units, confidence)
        return Estimate(value, se, low, high)

    def assess(self, names: Sequence[str], confidence: float) -> Assessment:
        """Estimate every figure; the classes of map and reference are the same and in the order of ``names``.

        User's accuracy of class j has y = mapped j and truly j, x = mapped j; producer's accuracy x = truly j; F1 is
        the ratio of 2 (mapped and truly j) to (mapped j) + (truly j), IoU that of (mapped and truly j) to (mapped or
        truly j), so that their intervals follow from the same linearisation.
        """
        count = len(names)
        if self.cube.shape[1:] != (count, count):
            raise AccuracyError(f"the sample has {self.cube.shape[1:]} classes, not {count}", "name every class")
        ones = np.ones((count, count))
        correct = np.eye(count)

        def ratio(y: NDArray[np.float64], x: NDArray[np.float64], undefined: str = "") -> Estimate:
            return self.ratio(y, x, confidence, undefined)

        classes = []
        for index, name in enumerate(names):
            mapped, truly, both = np.zeros_like(ones), np.zeros_like(ones), np.zeros_like(ones)
            mapped[index], truly[:, index], both[index, index] = 1, 1, 1
            classes.append(
                ClassAccuracy(
                    name,
                    users=ratio(both, mapped, f"no decided sample unit is mapped as {name}"),
                    producers=ratio(both, truly, f"the reference holds no {name}"),
                    f1=ratio(2 * both, mapped + truly, f"neither map nor reference holds {name}"),
                    iou=ratio(both, mapped + truly - both, f"neither map nor reference holds {name}"),
                    share=ratio(truly, ones),
                )
            )
        weights = self.sizes / np.maximum(self.drawn, 1)
        matrix = np.tensordot(weights, self.cube, axes=1)
        return Assessment(
            tuple(classes),
            overall=ratio(correct, ones),
            decided=self._decided(confidence),
            counts=self.cube.sum(axis=0),
            matrix=matrix / matrix.sum(),
            confidence=confidence,
        )

    def _decided(self, confidence: float) -> Estimate:
        """Estimate the share of the population that has a reference class."""
        states = np.zeros((len(self.sizes), 1, 2), dtype=np.int64)
        states[:, 0, 0], states[:, 0, 1] = self.cube.sum(axis=(1, 2)), self.undecided
        sample = StratifiedSample(states, np.zeros_like(self.undecided), self.sizes, self.correct_finite)
        return sample.ratio(np.array([[1.0, 0.0]]), np.ones((1, 2)), confidence, "")


def olofsson(
    counts: NDArray[np.int64], sizes: Sequence[float], names: Sequence[str], confidence: float = 0.95
) -> Assessment:
    """Assess a map whose classes were the strata of the sample.

    Implements Olofsson et al. (2014): p_ij = W_i n_ij / n_i (eq. 4), overall, user's and producer's accuracy (eq. 1 to
    3) with their variances (eq. 5 to 7), shares of area (eq. 9) with their standard errors (eq. 10). Their formulas
    leave out the finite population correction, and so does this function.

    Parameters
    ----------
    counts
        (map classes, reference classes) sample units.
    sizes
        Mapped area of each class, in any unit.

    Raises
    ------
    AccuracyError
        If a class with mapped area has no sample unit.
    """
    classes = len(counts)
    cube = np.zeros((classes, classes, classes), dtype=np.int64)
    cube[range(classes), range(classes)] = counts
    nothing = np.zeros(classes, dtype=np.int64)
    return StratifiedSample(cube, nothing, np.asarray(sizes, dtype=float), correct_finite=False).assess(
        names, confidence
    )


def stehman(
    strata: NDArray[np.integer],
    mapped: NDArray[np.integer],
    reference: NDArray[np.integer],
    sizes: Sequence[float],
    names: Sequence[str],
    confidence: float = 0.95,
) -> Assessment:
    """Assess a map from a sample whose strata need not be the map's classes (Stehman 2014).

    Parameters
    ----------
    strata, mapped, reference
        One code per sample unit, counted from 0; a reference code below 0 or beyond ``names`` is undecided.
    sizes
        Number of population units in each stratum.
    names
        The classes, in the order of their codes.

    Raises
    ------
    AccuracyError
        If the arrays differ in length, a stratum was not sampled or no response is decided.
    """
    if not len(strata) == len(mapped) == len(reference):
        raise AccuracyError("strata, map and reference codes differ in number", "give one of each per sample unit")
    count = len(names)
    cube = np.zeros((len(sizes), count, count), dtype=np.int64)
    decided = (reference >= 0) & (reference < count)
    np.add.at(cube, (strata[decided], mapped[decided], reference[decided]), 1)
    undecided = np.bincount(strata[~decided], minlength=len(sizes)).astype(np.int64)
    return StratifiedSample(cube, undecided, np.asarray(sizes, dtype=float)).assess(names, confidence)


def _interval(value: float, se: float, units: int, confidence: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    if se > 0:
        return max(value - z * se, 0.0), min(value + z * se, 1.0)
    if units == 0:
        return 0.0, 1.0
    centre = (value + z**2 / (2 * units)) / (1 + z**2 / units)
    reach = z / (1 + z**2 / units) * math.sqrt(value * (1 - value) / units + z**2 / (4 * units**2))
    return max(min(centre - reach, value), 0.0), min(max(centre + reach, value), 1.0)
