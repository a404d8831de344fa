"""Measures of the form, height and cover of features, as partial sums that add up over tiles.

The **outline** is measured by the formula of Cauchy and Crofton in four directions: the crossings of the outline with
all rows, columns and diagonals of the lattice, each weighted with the distance of its lines. It needs two neighbours
per cell and is right on the average over all directions (Serra 1982), where counted edges are up to 41 % too long.

The **cover** of a feature holds its own cells and its share of the cells around it, which are woody in part: so the
area of a hedge that is narrower than a cell is not rounded to whole cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bocage.features.morphology import Depths
from bocage.features.patch import Patch
from bocage.features.sums import Sums, by_label, fixed, largest_by_label

# Distances to the outline are not followed further than this, in metres.
FARTHEST = 50.0
# From this height on, in metres, a woody plant is a tree (FAO, Forest Resources Assessment: "trees higher than 5
# metres").
TREE = 5.0
_CENTIMETRES = 100
_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))

type Index = NDArray[np.int64]


def shape_sums(patch: Patch) -> Sums:
    """Return the sums over the cells of the features of a patch.

    ``cells``; ``outline`` in cells' edges; ``distance_most``, the largest distance to the outline of the
    features around, in cells; ``cover`` of the own cells with ``cover_n`` (those whose cover is known), ``rim``, that
    of the cells around; ``height`` in centimetres with ``height_n`` and ``tall`` (cells of 5 m or more).
    """
    labels, count = patch.labels, patch.count
    owned = np.zeros(labels.shape, bool)
    owned[patch.core] = labels[patch.core] > 0
    flat = np.flatnonzero(owned)
    own = labels.ravel()[flat]
    depths = patch.depths or Depths.of(labels > 0)
    _, largest = depths.at(*np.divmod(flat, labels.shape[1]))
    far = np.minimum(largest, np.float32(FARTHEST / patch.resolution)).astype(np.float64)
    added = {
        "cells": by_label(own, np.ones(len(flat), np.int64), count),
        "outline": by_label(own, _outline(labels, flat), count),
        **_height_sums(patch, flat, own),
        **_cover_sums(patch, flat, own),
    }
    return Sums(count, added, {"distance_most": largest_by_label(own, fixed(far), count)})


def _outline(labels: NDArray[np.int32], flat: Index) -> Index:
    """Return the length of outline that lies at each cell, in fixed-point cells' edges."""
    straight = np.zeros(len(flat), np.int64)
    slanting = np.zeros(len(flat), np.int64)
    own, columns = labels.ravel()[flat], labels.shape[1]
    for down, right in _AROUND:
        crossed = labels.ravel()[flat + down * columns + right] != own
        if down and right:
            slanting += crossed
        else:
            straight += crossed
    # A quarter turn holds a direction of each kind; lines along diagonals lie sqrt(1/2) apart.
    return fixed(np.pi / 8 * (straight + slanting / np.sqrt(2)))


def _height_sums(patch: Patch, flat: Index, own: NDArray[np.int32]) -> dict[str, Index]:
    height = np.full(len(flat), np.nan) if patch.height is None else patch.height.ravel()[flat].astype(np.float64)
    known = ~np.isnan(height)
    tall = np.nan_to_num(height) >= TREE
    metres = np.rint(np.nan_to_num(height) * _CENTIMETRES).astype(np.int64)
    figures = {"height": metres, "height_n": known.astype(np.int64), "tall": tall.astype(np.int64)}
    return {name: by_label(own, values, patch.count) for name, values in figures.items()}


def _cover_sums(patch: Patch, flat: Index, own: NDArray[np.int32]) -> dict[str, Index]:
    """Return the cover in a feature's cells plus its share of that in the cells around it."""
    names = ("cover", "cover_n", "rim")
    if patch.cover is None:
        return {name: np.zeros(patch.count, np.int64) for name in names}
    cover = patch.cover.ravel().astype(np.float64)
    known = ~np.isnan(cover[flat])
    added = {
        "cover": by_label(own, fixed(np.nan_to_num(cover[flat])), patch.count),
        "cover_n": by_label(own, known.astype(np.int64), patch.count),
        "rim": np.zeros(patch.count, np.int64),
    }
    labels, columns = patch.labels.ravel(), patch.labels.shape[1]
    owned = np.zeros(patch.labels.shape, bool)
    owned[patch.core] = True
    around = [down * columns + right for down, right in _AROUND]
    touched = np.zeros(labels.size + 2 * columns + 2, np.int64)
    inside = np.flatnonzero(labels)
    for step in around:
        touched[inside + step] += 1
    rim = np.flatnonzero((touched[: labels.size] > 0) & (labels == 0) & owned.ravel())
    rim = rim[np.nan_to_num(cover[rim]) > 0]
    for step in around:
        # Each labelled neighbour takes an equal part of the cell.
        owner = labels[rim + step]
        added["rim"] = added["rim"] + by_label(owner, fixed(cover[rim] / touched[rim]), patch.count)
    return added
