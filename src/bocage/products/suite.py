"""The product suite: which layers each release of the service has, and what their values mean.

The words for the values are those of the product user manual of HRL SLF, v1.1; those for 2015 stand in its files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from bocage.errors import ProductError
from bocage.products.colours import OUTSIDE, UNCLASSIFIABLE
from bocage.products.naming import Convention, Form, Variable

Extent = Literal["cell", "area", "town"]

CONVENTIONS: tuple[Convention, ...] = ("2015", "2018", "2021", "2024")
_OUTSIDE = {OUTSIDE: "Outside area"}
_UNKNOWN = {UNCLASSIFIABLE: "Unclassifiable"}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the suite.

    Attributes
    ----------
    variable, form
        As they stand in its name.
    title
        Its name in the manual, without the year.
    abstract
        What it is, in a sentence, and how it is made.
    meanings
        What each value of a raster says; empty for polygons.
    extent
        Whether one file covers a production cell, the whole area or a town.
    """

    variable: Variable
    form: Form
    title: str
    abstract: str
    meanings: Mapping[int, str] = field(default_factory=dict)
    extent: Extent = "cell"


def _per_cent(what: str, nothing: str, more: Mapping[int, str] = MappingProxyType({})) -> Mapping[int, str]:
    shares = {value: f"{what} {value} %" for value in range(1, 101)}
    return MappingProxyType({0: nothing, **shares, **more, **_OUTSIDE})


def _binary(nothing: str, something: str, more: Mapping[int, str] = MappingProxyType({})) -> Mapping[int, str]:
    return MappingProxyType({0: nothing, 1: something, **more, **_OUTSIDE})


_WVL = Layer(
    "wvl",
    "r5m",
    "Woody Vegetation Layer 5 m",
    "Woody vegetation of any height, size or shape, forest included: where the mean probability of the 5 m cell "
    "reaches the threshold.",
    _binary("All non-tree covered areas", "Tree covered areas"),
)
_SWF = Layer(
    "swf",
    "r5m",
    "Small Woody Features 5 m",
    "Small woody features outside forest, drawn from the polygons.",
    _binary("All non SWF covered areas", "SWF covered areas"),
)
_SWF_100 = Layer(
    "swf",
    "r100m",
    "Small Woody Features 100 m",
    "Density of small woody features: share of the valid 5 m cells, per cent.",
    _per_cent("SWF density", "All non-SWF covered areas"),
)
_SWF_VEC = Layer(
    "swf",
    "vec",
    "Small Woody Features vector",
    "Small woody features outside forest as polygons of one part that share no border.",
)
_FM = Layer(
    "fm",
    "r5m",
    "Forest Mask",
    "Forest, inside which no small woody feature is mapped: tree cover density of 10 % and more without linear parts, "
    "5 ha and more, grown by 10 m, without crops.",
    _binary("All non-forested covered areas", "Forest covered areas"),
)
_CM = Layer(
    "cm",
    "r5m",
    "Crop Mask",
    "Crops: any class of the crop type layer.",
    _binary("All non-crop covered areas", "Crop covered areas"),
)
_WVCL = Layer(
    "wvcl",
    "r5m",
    "Woody Vegetation Confidence Layer 5 m",
    "Confidence in the class of the Woody Vegetation Layer: the distance of the probability from the threshold, in per "
    "cent of the largest that is possible on its side.",
    MappingProxyType({**{value: f"Confidence {value} %" for value in range(101)}, **_OUTSIDE}),
)
_PSIL = Layer(
    "psil",
    "vec",
    "Parent Scene Identification Layer",
    "Scenes that the Woody Vegetation Layer was made from, each with the ground on which it was used.",
    extent="area",
)
_STL = Layer(
    "stl",
    "vec",
    "Street Tree Layer vector",
    "Woody vegetation of 500 m2 and more in urban areas of the Urban Atlas, roads between towns left out.",
    extent="town",
)
_SWFC = Layer(
    "swfc",
    "r100m",
    "Small Woody Features Change 100 m",
    "Increase and decrease of small woody features between two years, by a method of Bocage's own.",
    MappingProxyType(
        {
            0: "All stable areas",
            1: "Increase in SWF density",
            2: "Decrease in SWF density",
            201: "Area covered by Forest Mask in the first year",
            202: "Area covered by Forest Mask in the second year",
            203: "Area covered by Forest Mask in both years",
            **_UNKNOWN,
            **_OUTSIDE,
        }
    ),
    "area",
)


def _older(layer: Layer, meanings: Mapping[int, str], extent: Extent = "cell") -> Layer:
    return Layer(layer.variable, layer.form, layer.title, layer.abstract, meanings, extent)


def _density_of_2015(variable: Variable, what: str, title: str) -> Layer:
    meanings = _per_cent(f"{what} density", f"All non-{what} covered areas", _UNKNOWN)
    return Layer(variable, "r100m", title, _SWF_100.abstract, meanings, "area")


_CURRENT = (_WVL, _WVCL, _FM, _CM, _SWF, _SWF_100, _SWF_VEC, _PSIL, _STL, _SWFC)
SUITES: Mapping[Convention, tuple[Layer, ...]] = MappingProxyType(
    {
        "2015": (
            _older(
                _SWF,
                MappingProxyType(
                    {0: "No small woody features", 1: "Small woody features", 3: "Additional woody features"}
                    | _UNKNOWN
                    | _OUTSIDE
                ),
            ),
            _SWF_VEC,
            _density_of_2015("swf", "SWF", "Small Woody Features 100 m"),
            _density_of_2015("awf", "AWF", "Additional Woody Features 100 m"),
            _density_of_2015("swfawf", "SWF and AWF", "Small and Additional Woody Features 100 m"),
        ),
        "2018": (
            _FM,
            _older(_SWF, _binary("All non SWF covered areas", "SWF covered areas", _UNKNOWN)),
            _SWF_VEC,
            _older(_SWF_100, _per_cent("SWF density", "All non-SWF covered areas", _UNKNOWN), "area"),
            _SWFC,
        ),
        "2021": _CURRENT,
        "2024": _CURRENT,
    }
)


def layer_of(convention: Convention, variable: Variable, form: Form) -> Layer | None:
    """Return a layer of a suite, or None where that release has no such layer."""
    return next(
        (layer for layer in SUITES[convention] if (layer.variable, layer.form) == (variable, form)),
        None,
    )


def convention_of(name: str) -> Convention:
    """Return a release by its name.

    Raises
    ------
    ProductError
        If the service has no release of that name.
    """
    for known in CONVENTIONS:
        if known == name:
            return known
    raise ProductError(f"{name!r} is not a release of the service", f"use one of {', '.join(CONVENTIONS)}")
