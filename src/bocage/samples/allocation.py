"""How many samples each stratum gets: proportional to its size, with a minimum, by the largest remainder."""

from __future__ import annotations

from collections.abc import Mapping

from bocage.errors import SampleError


def allocate(sizes: Mapping[str, int], count: int, minimum: int = 0) -> dict[str, int]:
    """Share ``count`` samples among strata.

    Each stratum first gets ``minimum``, or all it holds where that is less; the rest is shared in proportion to what
    the strata still hold. Where even the minima exceed ``count``, all is shared in proportion to the minima.

    Parameters
    ----------
    sizes
        Number of units in the frame by stratum, above 0.

    Returns
    -------
    dict
        Samples by stratum in the order of ``sizes``; they sum to ``count``, or to the whole frame where it is smaller,
        and none exceeds its stratum's size.

    Raises
    ------
    SampleError
        If ``count`` is below 1 or the frame is empty.
    """
    if count < 1 or not sizes or min(sizes.values()) < 1:
        raise SampleError(
            f"cannot share {count} samples among {len(sizes)} strata of {sum(sizes.values())} units",
            "ask for 1 sample or more, of strata that hold units",
        )
    count = min(count, sum(sizes.values()))
    floor = {name: min(minimum, size) for name, size in sizes.items()}
    if sum(floor.values()) > count:
        return _proportional(floor, count)
    spare = {name: size - floor[name] for name, size in sizes.items()}
    extra = _proportional(spare, count - sum(floor.values()))
    return {name: floor[name] + extra[name] for name in sizes}


def _proportional(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Share ``count`` <= the sum of sizes by the largest remainder; equal remainders go by name."""
    total = sum(sizes.values())
    if count == 0 or total == 0:
        return dict.fromkeys(sizes, 0)
    # Whole-number arithmetic: a share never exceeds its size, and no rounding depends on the machine.
    shares = {name: divmod(size * count, total) for name, size in sizes.items()}
    result = {name: whole for name, (whole, _) in shares.items()}
    left = count - sum(result.values())
    for name in sorted(shares, key=lambda name: (-shares[name][1], name))[:left]:
        result[name] += 1
    return result
