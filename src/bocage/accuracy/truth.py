"""The exhaustive comparison of a project: over all, under each scene's footprint and in each cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bocage.accuracy.exhaustive import BOUNDARY_PIXELS, Tally, compare, tally
from bocage.accuracy.population import Population
from bocage.accuracy.responses import ReadLabel
from bocage.accuracy.sampling import ReadProbability, classes_of
from bocage.grid import Grid, Window
from bocage.progress import track
from bocage.project import Project

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

# Cells are compared in blocks of this edge, so that memory does not grow with the tile.
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Footprint:
    """Where a scene lies, in the coordinates of the grid."""

    id: str
    shape: BaseGeometry


def compare_everywhere(
    project: Project, population: Population, read: ReadProbability, label: ReadLabel
) -> dict[str, Any]:
    """Return the figures of :class:`Tally` for all pixels, per scene and per cell, and their spread over scenes.

    A scene's figures are those of the fused map on the ground that the scene covers.
    """
    return tallies(
        population,
        project.grid,
        read=lambda window: classes_of(read(window), project.settings.features.threshold),
        label=label,
        footprints=_footprints(project),
    )


def tallies(
    population: Population,
    grid: Grid,
    *,
    read: Callable[[Window], NDArray[np.uint8]],
    label: ReadLabel,
    footprints: Sequence[Footprint],
) -> dict[str, Any]:
    """Compare the classes that ``read`` returns with those of ``label`` (0 / 1 / 255) on every cell."""
    margin = BOUNDARY_PIXELS + 1
    cells: dict[str, Tally] = {}
    scenes: dict[str, Tally] = {}
    blocks = [(cell.id, block) for cell in population.cells for block in cell.window.blocks(_BLOCK)]
    for name, block in track(blocks, "comparing with the reference"):
        padded = block.pad(margin)
        flags = compare(read(padded), label(padded))[block.slices(padded)]
        cells[name] = cells.get(name, Tally()) + tally(flags)
        for footprint in footprints:
            inside = _inside(footprint, grid, block)
            if inside is not None:
                scenes[footprint.id] = scenes.get(footprint.id, Tally()) + tally(flags, inside)
    per_scene = [{"scene_id": name, **own.figures()} for name, own in sorted(scenes.items()) if own.decided]
    return {
        "all": sum(cells.values(), Tally()).figures(),
        "scenes": per_scene,
        "spread": spread_of([row["iou"] for row in per_scene if isinstance(row["iou"], float)]),
        "cells": [{"cell_id": name, **own.figures()} for name, own in cells.items()],
    }


def spread_of(values: Sequence[float]) -> dict[str, float | int] | None:
    """Return count, mean, standard deviation and range of per-scene figures, or None without any."""
    if not values:
        return None
    array = np.asarray(values)
    return {
        "count": len(values),
        "mean": float(array.mean()),
        "deviation": float(array.std(ddof=1)) if len(values) > 1 else 0.0,
        "lowest": float(array.min()),
        "highest": float(array.max()),
    }


def _inside(footprint: Footprint, grid: Grid, window: Window) -> NDArray[np.bool_] | None:
    from rasterio.features import geometry_mask

    area = grid.bounds(window).polygon()
    if not footprint.shape.intersects(area):
        return None
    if footprint.shape.contains(area):
        return np.ones(window.shape, dtype=np.bool_)
    inside: NDArray[np.bool_] = geometry_mask([footprint.shape], window.shape, grid.transform(window), invert=True)
    return inside


def _footprints(project: Project) -> list[Footprint]:
    if not project.scenes_file.is_file():
        return []
    from bocage.scenes import Catalogue

    catalogue = Catalogue.open(project.scenes_file, project.grid)
    return [Footprint(scene.id, scene.footprint) for scene in catalogue.scenes]
