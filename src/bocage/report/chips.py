"""Example chips: what the scene shows, what the labels say, what the map says and where the two differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch as Swatch
from numpy.typing import NDArray

from bocage.report.colours import ERROR_COLOURS, INK, TREE, UNKNOWN, rgb
from bocage.report.pictures import png, probability_colours

NODATA = 255
# Characters of a title that go beside a picture of 1.8 inches at 7 points, capitals and digits as well.
_LINE = 22
# A line ends after what divides the parts of a name where it can, and within a part where there is nothing else.
_BREAK = re.compile(rf".{{1,{_LINE}}}$|.{{1,{_LINE}}}(?<=[-_. ])|.{{1,{_LINE}}}")


@dataclass(frozen=True, slots=True)
class Example:
    """One chip for the report.

    Attributes
    ----------
    title
        What the chip is, for the reader: scene and split.
    image
        (rows, columns, 3) red, green, blue, 0 where there is no data.
    label
        (rows, columns) 0 / 1 / 255.
    probability
        (rows, columns) 0 to 254, 255 nodata; None where nothing is mapped yet.
    """

    title: str
    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    probability: NDArray[np.uint8] | None


def errors_of(label: NDArray[np.uint8], probability: NDArray[np.uint8], threshold: float) -> NDArray[np.uint8]:
    """Return an index into ``ERROR_COLOURS`` for each pixel."""
    mapped = probability >= threshold * 254
    codes: NDArray[np.uint8] = np.where(label == 1, np.where(mapped, 1, 3), np.where(mapped, 2, 0)).astype(np.uint8)
    codes[(label == NODATA) | (probability == NODATA)] = 4
    return codes


def wrapped(title: str) -> str:
    """Return a title in lines that are short enough for the edge of a picture; nothing of a name is cut off."""
    return "\n".join(part for line in title.splitlines() for part in _BREAK.findall(line) or [""])


def chip_table(examples: Sequence[Example], threshold: float) -> bytes:
    """Draw one row per example: image, label, probability and error."""
    with_map = any(example.probability is not None for example in examples)
    titles = ("scene", "label", "model", "difference")[: 4 if with_map else 2]
    figure = Figure(figsize=(1.85 * len(titles), 1.92 * len(examples) + 0.55), layout="constrained")
    axes: Any = figure.subplots(len(examples), len(titles), squeeze=False)
    for line, example in enumerate(examples):
        panels = _panels(example, threshold)
        for place, title in enumerate(titles):
            own = axes[line][place]
            own.set_xticks([])
            own.set_yticks([])
            for spine in own.spines.values():
                spine.set_color(UNKNOWN)
            if place < len(panels):
                own.imshow(panels[place], interpolation="nearest")
            if line == 0:
                own.set_title(title, fontsize=10, color=INK, fontweight="bold")
        axes[line][0].set_ylabel(wrapped(example.title), fontsize=7, color=INK)
    if with_map:
        keys = [Swatch(facecolor=colour, edgecolor=UNKNOWN, label=name) for name, colour in ERROR_COLOURS.items()]
        figure.legend(handles=keys, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return png(figure)


def _panels(example: Example, threshold: float) -> list[NDArray[np.uint8]]:
    label = np.empty((*example.label.shape, 3), dtype=np.uint8)
    label[:] = rgb(ERROR_COLOURS["background, rightly"])
    label[example.label == 1] = rgb(TREE)
    label[example.label == NODATA] = rgb(UNKNOWN)
    panels = [example.image, label]
    if example.probability is not None:
        colours = probability_colours()
        value = np.ma.masked_equal(example.probability, NODATA) / 254.0
        panels.append((colours(value)[..., :3] * 255).astype(np.uint8))
        table = np.array([rgb(colour) for colour in ERROR_COLOURS.values()], dtype=np.uint8)
        panels.append(table[errors_of(example.label, example.probability, threshold)])
    return panels
