"""Reference layers and labels: what is already known about where trees stand, fused to 0, 1 and 255.

``layer`` reads any registered layer onto the lattice, ``votes`` holds the table of rules, ``fusion`` adds the votes up,
``corrections`` lets an analyst overrule them and ``labels`` writes the tiles.

The names are imported when they are first used: what they need takes seconds to load.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bocage.reference.fusion import fuse
    from bocage.reference.labels import build_labels, read_labels, tiles_of_scenes
    from bocage.reference.layer import Layer, Reading, label_of, open_layer
    from bocage.reference.votes import RULES, Rule, Vote, vote

__all__ = [
    "RULES",
    "Layer",
    "Reading",
    "Rule",
    "Vote",
    "build_labels",
    "fuse",
    "label_of",
    "open_layer",
    "read_labels",
    "tiles_of_scenes",
    "vote",
]

_HOMES = {
    "Layer": "layer",
    "RULES": "votes",
    "Reading": "layer",
    "Rule": "votes",
    "Vote": "votes",
    "build_labels": "labels",
    "fuse": "fusion",
    "label_of": "layer",
    "open_layer": "layer",
    "read_labels": "labels",
    "tiles_of_scenes": "labels",
    "vote": "votes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
