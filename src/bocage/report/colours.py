"""Colours of the report's pictures, told apart also by readers who do not see red and green.

The qualitative colours are those of Okabe and Ito (2008), Color Universal Design.
"""

from __future__ import annotations

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#1b1f1c",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)
SENSOR_COLOURS = (BLUE, GREEN, PURPLE, SKY, BLACK, ORANGE, "#7a5c1e", VERMILION)
SPLIT_COLOURS = {"train": "#a9b0ab", "validation": YELLOW, "test": VERMILION}

PAPER = "#ffffff"
INK = "#1b1f1c"
FAINT = "#8b948e"
UNKNOWN = "#d9dcd7"
TREE = "#1c5c24"

# What a compared pixel is: agreement is quiet, the two kinds of error are loud and differ in hue and lightness.
ERROR_COLOURS = {
    "background, rightly": "#f1f2ee",
    "tree, rightly": "#8fb996",
    "mapped, but no tree": BLUE,
    "tree, but missed": VERMILION,
    "not known": UNKNOWN,
}
# From no tree to tree: lightness falls steadily, so that the order shows without colour too.
PROBABILITY_COLOURS = ("#faf9f2", "#d9e6bd", "#9cc48a", "#4d9a5b", "#166a3c", "#053d25")
FEATURE_COLOURS = {
    "hedge": YELLOW,
    "tree line": GREEN,
    "grove": ORANGE,
    "scrub": PURPLE,
    "riparian": SKY,
    "isolated tree": VERMILION,
}


def rgb(colour: str) -> tuple[int, int, int]:
    """Return the red, green and blue of a colour like #1c5c24, 0 to 255 each."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
