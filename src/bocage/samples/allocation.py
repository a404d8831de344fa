"""How many samples each stratum gets: in proportion to a weight, within bounds, by the largest remainder.

Three weights: the size N of the stratum (proportional), N x S with S the standard deviation within it (Neyman 1934,
Journal of the Royal Statistical Society 97, 558-606), or N to a power below 1 that lifts the small ones (Bankier
1988, The American Statistician 42, 174-177). Every stratum within its bounds gets the same number per unit of weight,
which for Neyman's weights is the best allocation under such bounds (J. Wesolowski, R. Wieczorkowski, W. Wojciak 2024,
Recursive Neyman algorithm for optimum sample allocation under box constraints on sample sizes in strata).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from bocage.errors import SampleError

Method = Literal["proportional", "neyman", "power"]
# A stratum without any spread still gets what the others cannot hold.
_LEAST_DEVIATION = 1e-6
# Weights are rounded to so many digits: the last ones of a power differ between machines.
_DIGITS = 9


def allocate(
    sizes: Mapping[str, int], count: int, minimum: int = 1, weights: Mapping[str, float] | None = None
) -> dict[str, int]:
    """Share ``count`` samples among strata: each gets a number in proportion to its weight, but at least ``minimum``.

    Where all strata cannot have the minimum, each gets 1 first and the rest is shared in proportion to the minima.

    Parameters
    ----------
    sizes
        Number of units in the frame by stratum, above 0.
    weights
        Weight by stratum, above 0, as :func:`weigh` returns; the size by default.

    Returns
    -------
    dict
        Samples by stratum in the order of ``sizes``; they sum to ``count``, or to the whole frame where it is smaller.
        None is 0, and none exceeds its stratum's size.

    Raises
    ------
    SampleError
        If ``count`` is below 1, the frame is empty, a stratum holds nothing, or there are more strata than samples.
    """
    if count < 1 or not sizes:
        raise SampleError(f"cannot share {count} samples among {len(sizes)} strata", "ask for 1 sample or more")
    empty = sorted(name for name, size in sizes.items() if size < 1)
    if empty:
        raise SampleError(f"strata hold no cell: {', '.join(empty)}", "leave empty strata out")
    if count < len(sizes):
        raise SampleError(
            f"{count} samples cannot show {len(sizes)} strata",
            f"draw {len(sizes)} samples or more (samples.count), or use zones and towns with fewer codes",
        )
    count = min(count, sum(sizes.values()))
    high = {name: min(minimum, size) for name, size in sizes.items()}
    if sum(high.values()) >= count:
        return share_out(high, dict.fromkeys(sizes, 1), high, count)
    low = {name: max(1, most) for name, most in high.items()}
    return share_out(sizes if weights is None else weights, low, sizes, count)


def weigh(
    sizes: Mapping[str, int],
    method: Method,
    *,
    power: float = 0.5,
    deviations: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return the weight of each stratum in an allocation.

    Parameters
    ----------
    power
        Exponent of the size, 0 (all alike) to 1 (proportional), for the method "power".
    deviations
        Standard deviation within each stratum, 0 or more, for the method "neyman". Where all are 0 the weights are the
        sizes.

    Raises
    ------
    SampleError
        If a stratum has no deviation, or one that is no number.
    """
    if method == "proportional":
        return {name: float(size) for name, size in sizes.items()}
    if method == "power":
        return {name: float(size) ** power for name, size in sizes.items()}
    given = deviations or {}
    wrong = sorted(name for name in sizes if not 0 <= given.get(name, -1.0) < float("inf"))
    if wrong:
        raise SampleError(
            f"no standard deviation is known for the strata {', '.join(wrong[:10])}{' ...' if len(wrong) > 10 else ''}",
            'give one of 0 or more for each stratum, or set samples.allocation = "proportional"',
        )
    largest = max(given[name] for name in sizes)
    least = largest * _LEAST_DEVIATION if largest > 0 else 1.0
    return {name: size * max(given[name], least) for name, size in sizes.items()}


def share_out(
    weights: Mapping[str, float], low: Mapping[str, int], high: Mapping[str, int], count: int
) -> dict[str, int]:
    """Share ``count`` in proportion to weights, each share within its bounds; equal remainders go by name.

    Whole-number arithmetic: no rounding depends on the machine. A weight of 0 gets its lower bound.

    Parameters
    ----------
    low, high
        Least and most of each share; ``count`` is brought between their sums.
    """
    count = min(max(count, sum(low.values())), sum(high.values()))
    exact = {name: Fraction(f"{weight:.{_DIGITS}g}") for name, weight in weights.items()}
    moving = [name for name in weights if exact[name] > 0]
    if count - sum(high[name] for name in moving) > sum(low[name] for name in weights if exact[name] == 0):
        # Those with a weight are full: what is left goes to the others in proportion to their room.
        exact = {name: Fraction(high[name]) for name in weights}
        low = {name: high[name] if name in moving else low[name] for name in weights}
        moving = [name for name in weights if exact[name] > 0]

    def shares(rate: Fraction) -> dict[str, Fraction]:
        return {name: min(max(rate * exact[name], Fraction(low[name])), Fraction(high[name])) for name in weights}

    # The sum of the shares is linear in the rate between the rates at which a share meets one of its bounds.
    bends = sorted({Fraction(bound[name]) / exact[name] for name in moving for bound in (low, high)} | {Fraction(0)})
    first, last = 0, len(bends) - 1
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (middle, last) if sum(shares(bends[middle]).values(), Fraction(0)) <= count else (first, middle)
    under, over = (sum(shares(bends[index]).values(), Fraction(0)) for index in (first, last))
    part = Fraction(0) if over == under else (count - under) / (over - under)
    ideal = shares(bends[first] + part * (bends[last] - bends[first]))
    result = {name: int(share) for name, share in ideal.items()}
    left = count - sum(result.values())
    for name in sorted(ideal, key=lambda name: (result[name] - ideal[name], name))[:left]:
        result[name] += 1
    return result
