"""Reference layers and labels: what is already known about where trees stand, fused to 0, 1 and 255.

``layer`` reads any registered layer onto the lattice, ``votes`` holds the table of rules, ``fusion`` adds the votes up,
``corrections`` lets an analyst overrule them and ``labels`` writes the tiles.
"""

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
