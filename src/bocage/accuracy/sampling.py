"""The sampling design: a stratified random sample of map pixels, the same for the same seed and map.

Three strata: mapped tree, the background within a few pixels of mapped tree, where most omissions lie (the buffer
stratum of Olofsson et al. 2020, Remote Sensing of Environment 236), and the background beyond. The map may be
larger than memory: the pixels of each stratum are counted window by window, ranks are drawn, and only the windows that
hold a rank are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.errors import AccuracyError
from bocage.grid import Window
from bocage.progress import track
from bocage.samples.allocation import share_out

BACKGROUND, TREE, NODATA = 0, 1, 255
STRATA = ("background", "edge", "tree")
EDGE_STRATUM, TREE_STRATUM = 1, 2
EDGE_PIXELS = 3

ReadProbability = Callable[[Window], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Points:
    """Sampled pixels in random order, one entry per pixel.

    Attributes
    ----------
    column, row
        Lattice index.
    stratum
        Index into ``STRATA``.
    sizes
        (strata,) pixels of the population in each stratum.
    nodata
        Pixels of the population without a map value; they are not part of any stratum.
    """

    column: NDArray[np.int64]
    row: NDArray[np.int64]
    stratum: NDArray[np.int64]
    sizes: NDArray[np.int64]
    nodata: int


def classes_of(probability: NDArray[np.uint8], threshold: float) -> NDArray[np.uint8]:
    """Return 0 background, 1 tree, 255 nodata from a probability of 0 to 254 (255 nodata)."""
    classes = (probability >= threshold * 254).astype(np.uint8)
    classes[probability == NODATA] = NODATA
    return classes


def strata_of(classes: NDArray[np.uint8], reach: int = EDGE_PIXELS) -> NDArray[np.uint8]:
    """Return the stratum of each pixel of a class map: 0 background, 1 edge, 2 tree, 255 nodata.

    The outermost ``reach`` pixels cannot see their whole surroundings: pass a margin and cut it off.
    """
    tree = (classes == TREE).astype(np.uint8)
    near = cv2.dilate(tree, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    strata: NDArray[np.uint8] = (near == 1).astype(np.uint8) * np.uint8(EDGE_STRATUM)
    strata[tree == 1] = TREE_STRATUM
    strata[classes == NODATA] = NODATA
    return strata


def allocate(sizes: Sequence[int], count: int, minimum: int) -> list[int]:
    """Share ``count`` sample units among strata: ``minimum`` to each, and the rest in proportion to size.

    No stratum receives more units than it has pixels, and an empty one receives none (Olofsson et al. 2014, section
    5.1: small strata need a fixed minimum, the rest follows area). Unlike the cells to train with, a stratum gets the
    minimum and its share of the rest, not the larger of the two: trees are rare on a map, and are to be assessed well.
    """
    names = {str(index): size for index, size in enumerate(sizes)}
    floor = {name: min(size, minimum) for name, size in names.items()}
    room = {name: size - floor[name] for name, size in names.items()}
    rest = share_out(names, dict.fromkeys(names, 0), room, max(count - sum(floor.values()), 0))
    return [floor[name] + rest[name] for name in names]


def draw_points(
    windows: Sequence[Window],
    read: ReadProbability,
    *,
    threshold: float,
    count: int,
    minimum: int,
    seed: int,
    reach: int = EDGE_PIXELS,
) -> Points:
    """Draw a stratified random sample of pixels without replacement.

    Parameters
    ----------
    windows
        Disjoint windows that make up the population.
    read
        Returns the probability of a window, 0 to 254, 255 nodata.

    Raises
    ------
    AccuracyError
        If no pixel of the population is mapped.
    """

    def strata(window: Window) -> NDArray[np.uint8]:
        padded = window.pad(reach)
        return strata_of(classes_of(read(padded), threshold), reach)[window.slices(padded)]

    counts = np.zeros((len(windows), len(STRATA)), dtype=np.int64)
    for index, window in enumerate(track(windows, "counting strata")):
        counts[index] = np.bincount(strata(window).ravel(), minlength=256)[: len(STRATA)]
    sizes = counts.sum(axis=0)
    pixels = sum(window.width * window.height for window in windows)
    if sizes.sum() == 0:
        raise AccuracyError(
            f"none of the {pixels} pixels to assess is mapped",
            'map the test cells (bocage map), or set accuracy.population = "area"',
        )
    rng = np.random.default_rng(seed)
    drawn = allocate([int(size) for size in sizes], count, minimum)
    ranks = [
        np.sort(rng.choice(size, number, replace=False)) for size, number in zip(sizes.tolist(), drawn, strict=True)
    ]
    offsets = np.vstack([np.zeros(len(STRATA), dtype=np.int64), np.cumsum(counts, axis=0)])
    found: list[NDArray[np.int64]] = []
    for index, window in enumerate(track(windows, "drawing pixels")):
        bounds = [
            np.searchsorted(ranks[code], offsets[index : index + 2, code]).tolist() for code in range(len(STRATA))
        ]
        if all(first == last for first, last in bounds):
            continue
        flat = strata(window).ravel()
        for code, (first, last) in enumerate(bounds):
            pixel = np.flatnonzero(flat == code)[ranks[code][first:last] - offsets[index, code]]
            column, row = window.column + pixel % window.width, window.row + pixel // window.width
            found.append(np.column_stack([column, row, np.full_like(pixel, code)]))
    # In random order an interpreter cannot guess the stratum of a pixel from its neighbours in the list.
    table = rng.permutation(np.concatenate(found))
    return Points(table[:, 0], table[:, 1], table[:, 2], sizes, int(pixels - sizes.sum()))
