"""The last round over the tiles: the cells of features become components with measures and an outline."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from bocage.features.borders import Border, Crossing, border_of, label_with_ghosts, within
from bocage.features.classes import KIND, PRODUCT, UNKNOWN, Classified, crop_sums
from bocage.features.context import Context
from bocage.features.frame import Frame
from bocage.features.labelling import LINEAR, PATCHY, TileLabels, join
from bocage.features.morphology import Depths, touching
from bocage.features.patches import REACH, Layer, Surroundings, halo_of, patch_of, type_sums
from bocage.features.sums import Sums, by_label, fixed, largest_by_label
from bocage.features.tracing import Lines, rings_of, trace
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
        Their outlines, cut at the edge of what is owned.
    border
        What is known of features that go on beyond it.
    """

    first: NDArray[np.int64]
    sums: Sums
    types: Sums
    polygons: NDArray[np.object_]
    border: Border


@dataclass(frozen=True, slots=True)
class MeasuredTile:
    """What one tile gives: labels without their array, sums, whole rings and pieces of rings."""

    labels: TileLabels
    sums: Sums
    types: Sums
    rings: Rings
    pieces: Lines
    crossing: Crossing


def measure_tiles(
    found: Classified,
    woody: NDArray[np.uint8],
    crop: NDArray[np.uint8] | None,
    frame: Frame,
    resolution: float,
    *,
    smooth: bool = True,
    cover: Layer | None = None,
    height: Layer | None = None,
    context: Surroundings | None = None,
    types: bool = True,
) -> list[MeasuredTile]:
    """Return what each tile of the frame gives to the features of a region.

    Parameters
    ----------
    found, woody, crop
        Planes of the region. Features are cut at the edge of what the frame owns of it; their measures are not.
    smooth
        Whether outlines are smoothed; if not they follow the edges of cells.
    cover, height
        Give the probability 0 to 1 and the height in metres, NaN where unknown, for a window of the region.
    context
        Gives what streams, roads, fields and built-up areas are known near a window.
    types
        Whether types are told; without them the sums for them are empty.
    """
    window, own = frame.window, frame.own or frame.window
    halo, reach = halo_of(resolution), REACH / resolution

    def work(_: int, core: Window) -> MeasuredTile:
        seen = np.asarray(cv2.LUT(frame.framed(found.plane, core, halo), PRODUCT), np.uint8)
        framed = np.ascontiguousarray(seen[halo - 1 : halo + core.height + 1, halo - 1 : halo + core.width + 1])
        inside = framed if own == window else within(framed, core, own)
        labels, crossing = label_with_ghosts(frame, core, framed, inside)
        last = (core.bottom == own.bottom, core.right == own.right)
        whole, pieces = trace(inside, labels, core.row - window.row, core.column - window.column, last)
        sums = _sums(found, woody, crop, frame, core, labels, cover, height)
        zeros = np.zeros(labels.count, np.int64)
        shape, told = Sums(labels.count, {"cells": zeros, "distance": zeros}, {"depth": zeros}), Sums(0)
        if labels.count:
            depths = {value: Depths.of(mask) for value, mask in ((LINEAR, seen == LINEAR), (PATCHY, seen > 0))}
            for value, measured in depths.items():
                chosen = framed[1:-1, 1:-1] == value
                shape = shape + outline_sums(labels, chosen, measured, (halo, halo), reach)
            if types:
                patch, owner = patch_of(
                    seen, frame, core, labels, resolution, depths=depths[PATCHY], cover=cover, height=height
                )
                known = Context({}) if context is None else context(core)
                told = type_sums(patch, known).joined(owner - 1, labels.count)
        rings = smoothed(whole, smooth=smooth)
        return MeasuredTile(labels.forgotten(), Sums.merged([shape, sums]), told, rings, pieces, crossing)

    return list(frame.each(work))


def put_together(tiles: list[MeasuredTile], frame: Frame, transform: Affine, *, smooth: bool = True) -> Measured:
    """Return the features of a region from its tiles; nothing of them depends on how the frame cuts it.

    Parameters
    ----------
    tiles
        What :func:`measure_tiles` gave. The planes of the region are not needed any more, nor held.
    transform
        From cells of the region to the coordinates of the polygons.
    """
    joined = join([tile.labels for tile in tiles])
    number = joined.own
    sums, told = joined.sums([tile.sums for tile in tiles]), joined.sums([tile.types for tile in tiles])
    border = border_of(joined, number, [tile.crossing for tile in tiles], sums, told, frame.window)
    if number < joined.count:
        sums, told = (some.chosen(np.arange(number)) if some.count else some for some in (sums, told))
    rings = [tile.rings.owned(owner) for tile, owner in zip(tiles, joined.owners, strict=True)]
    pieces = Lines.of([tile.pieces.owned(owner) for tile, owner in zip(tiles, joined.owners, strict=True)])
    del tiles
    rings.append(smoothed(rings_of(pieces), smooth=smooth))
    every = Rings.of(rings)
    del rings
    return Measured(joined.first[:number], sums, told, polygons_of(every, number, transform), border)


def _sums(
    found: Classified,
    woody: NDArray[np.uint8],
    crop: NDArray[np.uint8] | None,
    frame: Frame,
    core: Window,
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
    edge, rows, columns = frame.window, np.arange(core.row, core.bottom), np.arange(core.column, core.right)
    cut[(rows == edge.row) | (rows == edge.bottom - 1), :] = True
    cut[:, (columns == edge.column) | (columns == edge.right - 1)] = True
    kinds = found.plane[place][inside] & KIND
    return Sums(
        count,
        added,
        {
            "kind": largest_by_label(owner, kinds.astype(np.int64), count),
            "cut": largest_by_label(owner, cut[inside].astype(np.int64), count),
        },
    )
