"""Woody cells outside the forest, sorted into the six classes of the method description of 2021.

=====  ==============================================  =======================================================
class  meaning                                         rule
=====  ==============================================  =======================================================
1      linear                                          no part wider than 30 m, at least 30 m long
2      patchy                                          the rest, 200 to 5000 m2, at most 80 % on crops
3      patchy outside the area range                   dropped; profiles with ``isolated = "keep"`` keep 0.15-5 ha
4      patchy, more than 80 % on crops                 dropped
5      outside the range, touches a linear feature     kept ("connected to valid and not crop"), of any size
6      as 5, or 4 that touches one, on crops           dropped
=====  ==============================================  =======================================================

The product is 1 + 2 + 5. A stretch is wide where a disk of 30 m fits; unknown cells and gaps of less than 200 m2 count
as woody for this. What is not wide is linear if it is long enough, and joins the wide parts that it touches otherwise.
Scraps of less than 200 m2 that touch a linear feature belong to it.

The region is worked by tiles, in steps: where it is wide (local), which thin components are long (joined over tiles),
which scraps they take (local), and of which class the patches are (joined). Between the steps each cell has a state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.features.frame import Frame
from bocage.features.labelling import LINEAR, PATCHY, TileLabels, join, label_mask, label_tile
from bocage.features.morphology import Depths, opening, reach_of, touching, without_gaps
from bocage.features.profiles import Profile
from bocage.features.sums import ONE, Sums, by_label
from bocage.features.widths import outline_sums, widths_of
from bocage.grid import Window

UNKNOWN = 255
# A hedge of exactly the smallest length must not fail by the last digit.
_ROUNDING = 1e-6
# Added to the class of a cell that belongs to the product.
_KEPT = 16
# What of a cell of the product is its class.
KIND = _KEPT - 1
# From the plane of :class:`Classified` to the classes that are labelled and outlined, 0 outside the product.
PRODUCT = np.zeros(256, np.uint8)
# Columns of a look-up table: the states of a cell on its way to a class.
_NONE, _WIDE, _THIN, _LONG, _SCRAP_WIDE, _SCRAP_THIN = range(6)


class Kind(IntEnum):
    """The intermediate classes of the method description."""

    LINEAR = 1
    PATCHY = 2
    OUT_OF_RANGE = 3
    ON_CROPS = 4
    CONNECTED = 5
    CONNECTED_ON_CROPS = 6


PRODUCT[[kind | _KEPT for kind in Kind]] = PATCHY
PRODUCT[Kind.LINEAR | _KEPT] = LINEAR


@dataclass(frozen=True, slots=True)
class Planes:
    """The ground of a region; arrays of 0, 1 and 255 (unknown), ``crop`` None without such a layer."""

    woody: NDArray[np.uint8]
    forest: NDArray[np.uint8]
    crop: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class Classified:
    """The class of each cell and whether it belongs to the product.

    Attributes
    ----------
    plane
        Both in one byte, since a production cell has 400 million of them: 0 not woody or forest, 1 to 6 as in
        :class:`Kind`, 16 more where the cell is part of a small landscape feature, 255 unknown.
    """

    plane: NDArray[np.uint8]

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """0 not woody or forest, 1 to 6 as in :class:`Kind`, 255 unknown."""
        return np.where(self.plane == UNKNOWN, UNKNOWN, self.plane & KIND).astype(np.uint8)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """True where the cell is part of a small landscape feature."""
        return np.asarray(PRODUCT[self.plane] > 0, bool)


def classify(
    woody: NDArray[np.uint8],
    forest: NDArray[np.uint8],
    crop: NDArray[np.uint8] | None,
    resolution: float,
    profile: Profile,
    frame: Frame | None = None,
) -> Classified:
    """Sort woody cells into the six classes.

    Parameters
    ----------
    woody, forest, crop
        0, 1 and 255 (unknown), all of one shape.
    resolution
        Edge of a cell in metres.
    frame
        How the region is cut into tiles; the result does not depend on it.
    """
    frame = frame or Frame.whole(woody.shape)
    states = _wide_and_long(woody, forest, frame, resolution, profile)
    _take_scraps(states, frame, math.ceil(profile.patchy_area[0] / resolution**2))
    return _patches(states, woody, crop, frame, resolution, profile)


def _wide_and_long(
    woody: NDArray[np.uint8], forest: NDArray[np.uint8], frame: Frame, resolution: float, profile: Profile
) -> NDArray[np.uint8]:
    """Return the states: wide, thin, and the thin components that are long enough for a linear feature."""
    radius = profile.linear_width / 2
    gap = profile.patchy_area[0] / resolution**2
    # Thin cells lie within the radius of something that is not thin: as far must a distance be true.
    measured = reach_of(radius, resolution) + 2
    halo = math.ceil(gap) + 2 * reach_of(radius, resolution) + measured
    states = np.zeros(woody.shape, np.uint8)

    def split(_: int, core: Window) -> tuple[TileLabels, Sums]:
        seen = frame.seen(woody, core, halo)
        candidate = (seen == 1) & (frame.seen(forest, core, halo) != 1)
        wide = opening(without_gaps(candidate | (seen == UNKNOWN), gap), radius, resolution)
        thin = candidate & ~wide
        inner = frame.inner(core, halo)
        states[core.slices(frame.window)] = np.where(thin[inner], _THIN, candidate[inner])
        near = frame.around(core, 1)
        padded = np.zeros((core.height + 2, core.width + 2), bool)
        padded[near.slices(core.pad(1))] = thin[near.slices(frame.around(core, halo))]
        labels = label_mask(padded, frame, core)
        own = frame.around(core, measured).slices(frame.around(core, halo))
        depths = Depths.of(np.ascontiguousarray(thin[own]))
        return labels.forgotten(), outline_sums(labels, labels.core > 0, depths, frame.corner(core, measured))

    found = list(frame.each(split))
    joined = join([labels for labels, _ in found])
    sums = joined.sums([sums for _, sums in found])
    del found
    width = widths_of(sums, resolution, profile)
    length = sums.added["cells"] * resolution**2 / width
    long = (length >= profile.linear_length - _ROUNDING) & (length >= profile.least_elongation * width)
    thin = _table(_THIN, _LONG)

    def mark(number: int, core: Window) -> None:
        labels = label_mask(cv2.LUT(frame.framed(states, core), thin).view(bool), frame, core)
        table = np.concatenate([[False], long[joined.owners[number]]])
        # Neighbours read thin and long as one here, so that it does not matter which tile comes first.
        states[core.slices(frame.window)][table[labels.core]] = _LONG

    frame.all(mark)
    return states


def _take_scraps(states: NDArray[np.uint8], frame: Frame, smallest: int) -> None:
    """Give the scraps that touch a linear feature to it: its ends at unknown ground and at forest."""
    rest = _table(_WIDE, _THIN, _SCRAP_WIDE, _SCRAP_THIN)
    taken = np.arange(256, dtype=np.uint8)
    taken[[_WIDE, _THIN]] = _SCRAP_WIDE, _SCRAP_THIN

    def take(_: int, core: Window) -> None:
        seen = frame.seen(states, core, smallest + 1)
        count, found = cv2.connectedComponents(cv2.LUT(seen, rest), connectivity=8, ltype=cv2.CV_32S)
        array = np.asarray(found, np.int32)
        small = np.bincount(array.ravel(), minlength=count) < smallest
        beside = np.zeros(count, bool)
        beside[array[touching(seen == _LONG)]] = True
        small &= beside
        small[0] = False
        scraps = small[array][frame.inner(core, smallest + 1)]
        own = states[core.slices(frame.window)]
        own[scraps] = taken[own[scraps]]

    frame.all(take)


def _patches(
    states: NDArray[np.uint8],
    woody: NDArray[np.uint8],
    crop: NDArray[np.uint8] | None,
    frame: Frame,
    resolution: float,
    profile: Profile,
) -> Classified:
    """Return the classes: all that is not linear by the size, ground and neighbours of its component."""
    classes = np.zeros(256, np.uint8)
    classes[[_LONG, _SCRAP_WIDE, _SCRAP_THIN]] = LINEAR
    classes[[_WIDE, _THIN]] = PATCHY
    halo = reach_of(profile.least_width, resolution) + 2

    def measure(_: int, core: Window) -> tuple[TileLabels, Sums]:
        framed = np.asarray(cv2.LUT(frame.framed(states, core), classes), np.uint8)
        labels = label_tile(frame, core, framed)
        own = labels.core
        inside = own > 0
        owner = own[inside]
        sums = {"cells": by_label(owner, np.ones(len(owner), np.int64), labels.count)}
        beside = touching(framed == LINEAR)[1:-1, 1:-1]
        sums["connected"] = by_label(owner, beside[inside].astype(np.int64), labels.count)
        sums |= crop_sums(owner, inside, None if crop is None else crop[core.slices(frame.window)], labels.count)
        measured = Sums(labels.count, sums)
        if profile.least_width:
            seen = cv2.LUT(frame.seen(states, core, halo), classes) == PATCHY
            reach = profile.least_width / resolution
            shape = outline_sums(labels, framed[1:-1, 1:-1] == PATCHY, Depths.of(seen), frame.corner(core, halo), reach)
            measured = Sums.merged([shape, measured])
        return labels.forgotten(), measured

    found = list(frame.each(measure))
    joined = join([labels for labels, _ in found])
    sums = joined.sums([sums for _, sums in found])
    del found
    kind, kept = _patch_kinds(sums, resolution, profile)
    kind = kind | (kept * np.uint8(_KEPT))
    plane = np.empty(states.shape, np.uint8)

    def mark(number: int, core: Window) -> None:
        framed = np.asarray(cv2.LUT(frame.framed(states, core), classes), np.uint8)
        labels = label_tile(frame, core, framed)
        linear = framed[1:-1, 1:-1] == LINEAR
        own = core.slices(frame.window)
        kinds = np.concatenate([[0], kind[joined.owners[number]]]).astype(np.uint8)[labels.core]
        kinds[linear] = Kind.LINEAR | _KEPT
        kinds[woody[own] == UNKNOWN] = UNKNOWN
        plane[own] = kinds

    frame.all(mark)
    return Classified(plane)


def _patch_kinds(sums: Sums, resolution: float, profile: Profile) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the class of each patch and whether it is kept."""
    area = sums.added["cells"] * resolution**2
    least, most = profile.patchy_area
    in_range = (area >= least) & (area <= most)
    if profile.least_width:
        in_range &= 2 * sums.largest["depth"] / ONE * resolution >= profile.least_width - _ROUNDING
    # A share of crops that is not known is NaN and compares as not above the limit.
    on_crops = crop_shares(sums) > profile.crop_share
    connected = sums.added["connected"] > 0
    kinds = np.select(
        [in_range & ~on_crops, connected & on_crops, connected, in_range],
        [Kind.PATCHY, Kind.CONNECTED_ON_CROPS, Kind.CONNECTED, Kind.ON_CROPS],
        Kind.OUT_OF_RANGE,
    ).astype(np.uint8)
    kept = np.isin(kinds, (Kind.PATCHY, Kind.CONNECTED))
    if profile.isolated == "keep":
        smallest, largest = profile.isolated_area
        kept |= (kinds == Kind.OUT_OF_RANGE) & ~on_crops & (area >= smallest) & (area <= largest)
    return kinds, kept


def crop_sums(
    owner: NDArray[np.int32], inside: NDArray[np.bool_], crop: NDArray[np.uint8] | None, count: int
) -> dict[str, NDArray[np.int64]]:
    """Return how many cells of each label are crops, and of how many it is known; ``owner`` labels those inside."""
    if crop is None:
        return {"crops": np.zeros(count, np.int64), "crops known": np.zeros(count, np.int64)}
    state = crop[inside]
    return {
        "crops": by_label(owner, (state == 1).astype(np.int64), count),
        "crops known": by_label(owner, (state != UNKNOWN).astype(np.int64), count),
    }


def crop_shares(sums: Sums) -> NDArray[np.float64]:
    """Return the share of each component's known cells that are crops, NaN where none is known."""
    known = sums.added["crops known"]
    shares = np.full(sums.count, np.nan)
    np.divide(sums.added["crops"], known, out=shares, where=known > 0)
    return shares


def _table(*states: int) -> NDArray[np.uint8]:
    """Return the look-up table that is 1 for these states."""
    table = np.zeros(256, np.uint8)
    table[list(states)] = 1
    return table
