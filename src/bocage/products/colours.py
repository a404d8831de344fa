"""The codes and colour tables of the service (product user manual of HRL SLF, v1.1).

The manual gives no colours for the crop mask; its yellow is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

Colour = tuple[int, int, int]

OUTSIDE = 255
_NOTHING: Colour = (240, 240, 240)
_BEYOND: Colour = (0, 0, 0)
# Density, per cent: colour of 1, of 51 and of 100; the values between are interpolated.
_RAMP: tuple[tuple[int, Colour], ...] = ((1, (168, 255, 172)), (51, (84, 159, 88)), (100, (28, 92, 36)))


def _classes(colour: Colour) -> Mapping[int, Colour]:
    return MappingProxyType({0: _NOTHING, 1: colour, OUTSIDE: _BEYOND})


def _density() -> Mapping[int, Colour]:
    table = {0: _NOTHING, OUTSIDE: _BEYOND}
    for (low, first), (high, last) in pairwise(_RAMP):
        for value in range(low, high + 1):
            share = (value - low) / (high - low)
            red, green, blue = (round(one + (two - one) * share) for one, two in zip(first, last, strict=True))
            table[value] = (red, green, blue)
    return MappingProxyType(dict(sorted(table.items())))


COLOURS: Mapping[tuple[str, str], Mapping[int, Colour]] = MappingProxyType(
    {
        ("swf", "r5m"): _classes((215, 245, 0)),
        ("wvl", "r5m"): _classes((117, 221, 0)),
        ("fm", "r5m"): _classes((121, 83, 43)),
        ("cm", "r5m"): _classes((255, 221, 85)),
        ("swf", "r100m"): _density(),
    }
)

# The layer of 2015 tells linear (1), patchy (2) and additional woody features (3) apart; 254 cannot be classified.
_COLOURS_2015: Mapping[int, Colour] = MappingProxyType(
    {0: _NOTHING, 1: (215, 245, 0), 3: (240, 200, 0), 254: (153, 153, 153), OUTSIDE: _BEYOND}
)


def colours_of(variable: str, form: str, year: int) -> Mapping[int, Colour] | None:
    """Return the colour table of a layer, or None where the service has published none that is known here."""
    if year >= 2021:
        return COLOURS[variable, form]
    return _COLOURS_2015 if (variable, form) == ("swf", "r5m") else None


def codes_of(form: str, year: int) -> frozenset[int]:
    """Return the values that a raster layer may hold."""
    if form == "r100m":
        return frozenset((*range(101), 254, OUTSIDE)) if year < 2021 else frozenset((*range(101), OUTSIDE))
    if year == 2015:
        return frozenset((0, 1, 2, 3, 254, OUTSIDE))
    return frozenset((0, 1, 254, OUTSIDE)) if year < 2021 else frozenset((0, 1, OUTSIDE))
