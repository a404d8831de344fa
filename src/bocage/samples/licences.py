"""Under which terms the sources of the labels are open, by the kind of layer, as their publishers state them."""

from __future__ import annotations

from dataclasses import dataclass

from bocage.settings import LayerKind, LayerSettings

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms of a source and the words that its publisher asks to be named with."""

    terms: str
    attribution: str


# Regulation (EU) 2021/696 and Delegated Regulation (EU) No 1159/2013: whoever passes the data on names the source.
_COPERNICUS = Licence(
    "free, full and open (Copernicus: Delegated Regulation (EU) No 1159/2013), the source named",
    "European Union, Copernicus Land Monitoring Service, European Environment Agency (EEA)",
)
_UNKNOWN = Licence(NOT_STATED, NOT_STATED)
LICENCES: dict[LayerKind, Licence] = {
    "tree_cover_density": _COPERNICUS,
    "small_woody_features": _COPERNICUS,
    "small_woody_density": _COPERNICUS,
    "crop_types": _COPERNICUS,
    "clc_backbone": _COPERNICUS,
    "urban": _COPERNICUS,
    "forest_mask": _COPERNICUS,
    "crop_mask": _COPERNICUS,
    "canopy_height": Licence("CC BY 4.0", "Meta and World Resources Institute, Global Canopy Height Maps"),
    "worldcover": Licence(
        "CC BY 4.0",
        "ESA WorldCover project; contains modified Copernicus Sentinel data processed by ESA WorldCover consortium",
    ),
    # Anyone's map: what it may be used for only its owner can say.
    "classes": _UNKNOWN,
    "environmental_zones": _UNKNOWN,
}


def licence_of(layer: LayerSettings) -> Licence:
    """Return the terms of a layer: what the settings say about it before what is known of its kind."""
    known = LICENCES.get(layer.kind, _UNKNOWN)
    return Licence(layer.licence or known.terms, layer.attribution or known.attribution)
