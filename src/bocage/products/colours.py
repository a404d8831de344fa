"""The colour tables of the service (product user manual of HRL SLF, v1.1; quality tools 2.4.5; files of 2015 and 2018).

The manual gives no colours for the crop mask and for the confidence of the woody vegetation layer; those are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

Colour = tuple[int, int, int]
Ramp = tuple[tuple[int, Colour], ...]

OUTSIDE = 255
UNCLASSIFIABLE = 254
_NOTHING: Colour = (240, 240, 240)
_UNCLASSIFIABLE: Colour = (153, 153, 153)
_BEYOND: Colour = (0, 0, 0)
_NO_MORE: Mapping[int, Colour] = MappingProxyType({})
_OLD: Mapping[int, Colour] = MappingProxyType({UNCLASSIFIABLE: _UNCLASSIFIABLE})
# Colours of some values in per cent; those between are interpolated.
_DENSITY: Ramp = ((1, (168, 255, 172)), (50, (85, 160, 89)), (100, (28, 92, 36)))
_DENSITY_2018: Ramp = ((1, (186, 255, 172)), (51, (83, 158, 87)), (100, (28, 92, 36)))
_DENSITY_2015: Ramp = ((1, (255, 237, 195)), (51, (174, 72, 49)), (100, (113, 12, 2)))
_CONFIDENCE: Ramp = ((0, (178, 24, 43)), (50, (247, 247, 247)), (100, (33, 102, 172)))
_CHANGE: Mapping[int, Colour] = MappingProxyType(
    {
        0: _NOTHING,
        1: (20, 255, 0),
        2: (255, 0, 0),
        201: (188, 130, 67),
        202: (121, 83, 43),
        203: (88, 61, 31),
        UNCLASSIFIABLE: _UNCLASSIFIABLE,
        OUTSIDE: _BEYOND,
    }
)


def _classes(colour: Colour, more: Mapping[int, Colour] = _NO_MORE) -> Mapping[int, Colour]:
    return MappingProxyType(dict(sorted({0: _NOTHING, 1: colour, **more, OUTSIDE: _BEYOND}.items())))


def _ramp(ramp: Ramp, more: Mapping[int, Colour] = _NO_MORE) -> Mapping[int, Colour]:
    table = {0: _NOTHING, **more, OUTSIDE: _BEYOND}
    for (low, first), (high, last) in pairwise(ramp):
        for value in range(low, high + 1):
            share = (value - low) / (high - low)
            red, green, blue = (round(one + (two - one) * share) for one, two in zip(first, last, strict=True))
            table[value] = (red, green, blue)
    return MappingProxyType(dict(sorted(table.items())))


COLOURS: Mapping[tuple[str, str], Mapping[int, Colour]] = MappingProxyType(
    {
        # The quality tool wants the colour of 254 in the layers of 2021 too, though they have no such code.
        ("swf", "r5m"): _classes((215, 245, 0), _OLD),
        ("wvl", "r5m"): _classes((117, 221, 0)),
        ("fm", "r5m"): _classes((121, 83, 43)),
        ("cm", "r5m"): _classes((255, 221, 85)),
        ("wvcl", "r5m"): _ramp(_CONFIDENCE),
        ("swf", "r100m"): _ramp(_DENSITY, _OLD),
        ("swfc", "r100m"): _CHANGE,
    }
)

# The layer of 2015 tells small woody features (1) and additional ones (3) apart; 254 cannot be classified.
_OLDER: Mapping[tuple[int, str, str], Mapping[int, Colour]] = MappingProxyType(
    {
        (2015, "swf", "r5m"): _classes((215, 245, 0), {3: (240, 200, 0), **_OLD}),
        (2018, "swf", "r5m"): _classes((215, 245, 0), _OLD),
        (2018, "fm", "r5m"): COLOURS["fm", "r5m"],
        (2018, "swf", "r100m"): _ramp(_DENSITY_2018, _OLD),
        (2018, "swfc", "r100m"): _CHANGE,
        **{(2015, variable, "r100m"): _ramp(_DENSITY_2015, _OLD) for variable in ("swf", "awf", "swfawf")},
    }
)


def colour_table(variable: str, form: str, year: int) -> Mapping[int, Colour]:
    """Return the colours that a raster layer of that year is written with."""
    return _OLDER.get((year, variable, form)) or COLOURS[variable, form]


# The colour tables of these were published; a raster of another layer may have any.
_PUBLISHED_BEFORE_2021 = {(2015, "swf", "r5m"), (2018, "swf", "r5m"), (2018, "fm", "r5m")}


def colours_of(variable: str, form: str, year: int) -> Mapping[int, Colour] | None:
    """Return the colour table that a raster must have, or None where the service has published none."""
    if year < 2021 and (year, variable, form) not in _PUBLISHED_BEFORE_2021:
        return None
    return colour_table(variable, form, year)


def codes_of(form: str, year: int, variable: str = "swf") -> frozenset[int]:
    """Return the values that a raster layer may hold."""
    if variable == "swfc":
        return frozenset(_CHANGE)
    if form == "r100m" or variable == "wvcl":
        return frozenset((*range(101), 254, OUTSIDE)) if year < 2021 else frozenset((*range(101), OUTSIDE))
    if year == 2015:
        return frozenset((0, 1, 2, 3, 254, OUTSIDE))
    return frozenset((0, 1, 254, OUTSIDE)) if year < 2021 else frozenset((0, 1, OUTSIDE))
