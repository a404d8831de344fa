"""Measures of the form, height and cover of features, as partial sums that add up over tiles.

The **outline** is measured by the formula of Cauchy and Crofton in four directions: the crossings of the outline with
all rows, columns and diagonals of the lattice, each weighted with the distance of its lines. It needs two neighbours
per cell and is right on the average over all directions (Serra 1982), where counted edges are up to 41 % too long.

The **cover** of a feature holds its own cells and its share of the cells around it, which are woody in part: so the
area of a hedge that is narrower than a cell is not rounded to whole cells. So do its **heights**: a layer of canopy
height is smooth, and part of a narrow line's height lies on the ground beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.features.morphology import Depths
from bocage.features.patch import Patch
from bocage.features.sums import ONE, Sums, by_label, fixed, largest_by_label
from bocage.features.thinning import AROUND

# Distances to the outline are not followed further than this, in metres.
FARTHEST = 50.0
# From this height on, in metres, a woody plant is a tree (FAO, Forest Resources Assessment: "trees higher than 5
# metres").
TREE = 5.0
_CENTIMETRES = 100

type Index = NDArray[np.int64]


def shape_sums(patch: Patch) -> Sums:
    """Return the sums over the cells of the features of a patch.

    ``cells``; ``outline`` in cells' edges; ``distance_most``, the largest distance to the outline of the
    features around, in cells; ``cover`` of the own cells with ``cover_n`` (those whose cover is known), ``rim``, that
    of the cells around; ``height`` in centimetres with ``height_n`` and ``tall`` (cells of 5 m or more), and
    ``height_rim``, the heights of those cells around of which height and cover are known, with ``height_cover``, the
    cover of the same cells.
    """
    labels, count = patch.labels, patch.count
    owned = np.zeros(labels.shape, bool)
    owned[patch.core] = labels[patch.core] > 0
    flat = np.flatnonzero(owned)
    own = labels.ravel()[flat]
    depths = patch.depths or Depths.of(labels > 0)
    _, largest = depths.at(*np.divmod(flat, labels.shape[1]))
    far = np.minimum(largest, np.float32(FARTHEST / patch.resolution)).astype(np.float64)
    rim = _Rim.of(patch)
    added = {
        "cells": by_label(own, np.ones(len(flat), np.int64), count),
        "outline": by_label(own, _outline(labels, flat), count),
        **_height_sums(patch, flat, own),
        **_cover_sums(patch, flat, own),
        "rim": rim.shares(patch.cover, ONE),
        "height_rim": rim.shares(patch.height, _CENTIMETRES, where=patch.cover),
        "height_cover": rim.shares(patch.cover, ONE, where=patch.height),
    }
    return Sums(count, added, {"distance_most": largest_by_label(own, fixed(far), count)})


def _outline(labels: NDArray[np.int32], flat: Index) -> Index:
    """Return the length of outline that lies at each cell, in fixed-point cells' edges."""
    straight = np.zeros(len(flat), np.int64)
    slanting = np.zeros(len(flat), np.int64)
    own, columns = labels.ravel()[flat], labels.shape[1]
    for down, right in AROUND:
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
    cover = np.full(len(flat), np.nan) if patch.cover is None else patch.cover.ravel()[flat].astype(np.float64)
    known = (~np.isnan(cover)).astype(np.int64)
    figures = {"cover": fixed(np.nan_to_num(cover)), "cover_n": known}
    return {name: by_label(own, values, patch.count) for name, values in figures.items()}


@dataclass(frozen=True, slots=True)
class _Rim:
    """The cells around features that a patch owns.

    Attributes
    ----------
    cells
        (n,): flat index of each.
    owners
        (8, n): the label of each neighbour of each cell, 0 where there is none.
    count
        Labels 1 to ``count`` are summed.
    """

    cells: Index
    owners: NDArray[np.int32]
    count: int

    @classmethod
    def of(cls, patch: Patch) -> _Rim:
        around = cv2.dilate((patch.labels > 0).astype(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
        owned = np.zeros(patch.labels.shape, bool)
        owned[patch.core] = (around & (patch.labels == 0))[patch.core]
        cells = np.flatnonzero(owned)
        steps = [down * patch.labels.shape[1] + right for down, right in AROUND]
        return cls(cells, np.stack([patch.labels.ravel()[cells + step] for step in steps]), patch.count)

    def shares(
        self, layer: NDArray[np.floating] | None, scale: float, *, where: NDArray[np.floating] | None = None
    ) -> Index:
        """Return by label its share of the values of a layer, shared equally among neighbours.

        What is unknown, or is so in the layer ``where``, counts as 0.
        """
        total = np.zeros(self.count, np.int64)
        if layer is not None:
            values = np.nan_to_num(layer.ravel()[self.cells].astype(np.float64))
            if where is not None:
                values[np.isnan(where.ravel()[self.cells])] = 0
            part = np.rint(values * scale / np.count_nonzero(self.owners, axis=0)).astype(np.int64)
            for owner in self.owners:
                total += by_label(owner, part, self.count)
        return total
