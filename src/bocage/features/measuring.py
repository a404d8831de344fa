"""The last round over the tiles: the cells of features become components with measures and an outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.features.classes import UNKNOWN, Classified, Kind, crop_sums
from bocage.features.context import Context
from bocage.features.frame import Frame
from bocage.features.labelling import LINEAR, PATCHY, TileLabels, join, label_tile
from bocage.features.morphology import touching
from bocage.features.patches import REACH, Layer, Surroundings, patch_of, type_sums
from bocage.features.sums import Sums, by_label, fixed, largest_by_label
from bocage.features.tracing import Lines, put_together, trace
from bocage.features.vectors import Rings, polygons_of, smoothed
from bocage.features.widths import outline_sums
from bocage.grid import Window


@dataclass(frozen=True, slots=True)
class Measured:
    """The features of a region, in reading order of their first cells.

    Attributes
    ----------
    first
        Place of the first cell of each feature in the region, flat.
    sums, types
        Their figures, and those by which types are told.
    polygons
        Their outlines in cells from the upper left corner of the region, rows downwards.
    """

    first: NDArray[np.int64]
    sums: Sums
    types: Sums
    polygons: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Tile:
    """What one tile gives: labels without their array, sums, whole rings and pieces of rings."""

    labels: TileLabels
    sums: Sums
    types: Sums
    rings: Rings
    pieces: Lines


def measure(
    found: Classified,
    woody: NDArray[np.uint8],
    crop: NDArray[np.uint8] | None,
    frame: Frame,
    resolution: float,
    *,
    own: Window | None = None,
    smooth: bool = True,
    cover: Layer | None = None,
    height: Layer | None = None,
    context: Surroundings | None = None,
    types: bool = True,
) -> Measured:
    """Return the features of a region; nothing of them depends on how the frame cuts it.

    Parameters
    ----------
    found, woody, crop
        Planes of the region.
    own
        Features are cut at the edge of this window; the region by default.
    smooth
        Whether outlines are smoothed; if not they follow the edges of cells.
    cover, height
        Give the probability 0 to 1 and the height in metres, NaN where unknown, for a window of the region.
    context
        Gives what streams, roads, fields and built-up areas are known near a window.
    types
        Whether types are told; without them the sums for them are empty.
    """
    own = own or frame.window
    classes = _classes_of(found, frame, own)

    def work(_: int, core: Window) -> _Tile:
        framed = frame.framed(classes, core)
        labels = label_tile(frame, core, framed, ordered=True)
        last = (core.bottom == frame.window.bottom, core.right == frame.window.right)
        row, column = core.row - frame.window.row, core.column - frame.window.column
        whole, pieces = trace(framed, labels, row, column, last)
        sums = _sums(found, woody, crop, frame, core, own, labels, cover, height)
        zeros = np.zeros(labels.count, np.int64)
        shape, told = Sums(labels.count, {"cells": zeros, "distance": zeros}, {"depth": zeros}), Sums(0)
        if labels.count:
            patch, owner = patch_of(classes, frame, core, labels, resolution, cover=cover, height=height)
            corner, reach = (core.row - patch.row, core.column - patch.column), REACH / resolution
            for value, depths in ((LINEAR, patch.linear_depths), (PATCHY, patch.depths)):
                assert depths is not None
                shape = shape + outline_sums(labels, framed[1:-1, 1:-1] == value, depths, corner, reach)
            if types:
                known = Context({}) if context is None else context(core)
                told = type_sums(patch, known).joined(owner - 1, labels.count)
        return _Tile(labels.forgotten(), Sums.merged([shape, sums]), told, smoothed(whole, smooth=smooth), pieces)

    tiles = list(frame.each(work))
    joined = join([tile.labels for tile in tiles])
    rings = [tile.rings.owned(owner) for tile, owner in zip(tiles, joined.owners, strict=True)]
    pieces = Lines.of([tile.pieces.owned(owner) for tile, owner in zip(tiles, joined.owners, strict=True)])
    rings.append(smoothed(put_together(pieces), smooth=smooth))
    sums, told = joined.sums([tile.sums for tile in tiles]), joined.sums([tile.types for tile in tiles])
    del tiles
    return Measured(joined.first, sums, told, polygons_of(Rings.of(rings), joined.count))


def _classes_of(found: Classified, frame: Frame, own: Window) -> NDArray[np.uint8]:
    """Return the plane of linear and patchy cells that are kept, inside the window."""
    classes = np.zeros(found.kinds.shape, np.uint8)

    def fill(_: int, core: Window) -> None:
        inside = core.intersection(own)
        if inside is not None:
            place = inside.slices(frame.window)
            classes[place] = np.where(found.kinds[place] == Kind.LINEAR, LINEAR, PATCHY) * found.kept[place]

    frame.all(fill)
    return classes


def _sums(
    found: Classified,
    woody: NDArray[np.uint8],
    crop: NDArray[np.uint8] | None,
    frame: Frame,
    core: Window,
    own: Window,
    labels: TileLabels,
    cover: Layer | None,
    height: Layer | None,
) -> Sums:
    """Return the sums of a tile's labels over planes and layers."""
    place, count = core.slices(frame.window), labels.count
    inside = labels.core > 0
    owner = labels.core[inside]
    added = crop_sums(owner, inside, None if crop is None else crop[place], count)
    for name, layer in (("cover", cover), ("height", height)):
        values = layer(core)[inside] if layer is not None and len(owner) else np.full(len(owner), np.nan)
        known = ~np.isnan(values)
        added[name] = by_label(owner[known], fixed(values[known].astype(np.float64)), count)
        added[f"{name} known"] = by_label(owner[known], np.ones(int(known.sum()), np.int64), count)
    cut = touching(frame.framed(woody, core) == UNKNOWN)[1:-1, 1:-1]
    for edge in (frame.window, own):
        rows, columns = np.arange(core.row, core.bottom), np.arange(core.column, core.right)
        cut[(rows == edge.row) | (rows == edge.bottom - 1), :] = True
        cut[:, (columns == edge.column) | (columns == edge.right - 1)] = True
    return Sums(
        count,
        added,
        {
            "kind": largest_by_label(owner, found.kinds[place][inside].astype(np.int64), count),
            "cut": largest_by_label(owner, cut[inside].astype(np.int64), count),
        },
    )
