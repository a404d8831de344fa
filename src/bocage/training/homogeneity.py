"""Homogeneity: whether a model says the same of the same ground, whichever sensor has seen it.

It needs no truth, so it can be measured wherever scenes of different sensors overlap. It is no accuracy: a model that
never finds a tree agrees with itself everywhere. Read it beside the scores.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely import MultiPolygon, Polygon

from bocage.errors import SceneError
from bocage.grid import Bounds, Grid, Window
from bocage.models.segmenter import Segmenter
from bocage.progress import track
from bocage.scenes.catalogue import Catalogue
from bocage.scenes.footprint import polygonal
from bocage.scenes.reader import SceneReader, open_scene
from bocage.scenes.scene import Scene
from bocage.training.consistency import Homogeneity
from bocage.training.evaluation import THRESHOLD

# Ground that is compared at a time, and the context that the model sees around it, in pixels: multiples of any model's.
_BLOCK = 384
_MARGIN = 64


def measure_homogeneity(
    segmenter: Segmenter,
    catalogue: Catalogue,
    grid: Grid,
    *,
    within: Polygon | MultiPolygon | None = None,
    threshold: float = THRESHOLD,
    show: bool = False,
    of_scene: Callable[[str], Segmenter] | None = None,
) -> dict[tuple[str, str], Homogeneity]:
    """Return the agreement of a model with itself by pair of sensors, in the order of their names.

    Every two scenes of different sensors that overlap are compared. Each is predicted by itself, in blocks fixed to the
    lattice with some context around, so that both are seen through the same windows.

    Parameters
    ----------
    segmenter
        A model of the project that the catalogue is of.
    within
        Ground to compare on, such as the cells of the test, in the CRS of ``grid``; all of it by default.
    show
        Show a progress bar.
    of_scene
        Gives the model that answers for a scene, by its id, where each has its own, as with a forest per image;
        ``segmenter`` answers for all without it.

    Raises
    ------
    SceneError
        If no two scenes of different sensors overlap, or a scene cannot be read.
    """
    pairs = list(overlapping_pairs(catalogue))
    if not pairs:
        raise SceneError(
            "no two scenes of different sensors show the same ground", "catalogue scenes of another sensor over it"
        )
    result: dict[tuple[str, str], Homogeneity] = {}
    for one, two in track(pairs, "pairs of scenes compared") if show else pairs:
        first, second = sorted((one, two), key=lambda scene: (scene.sensor, scene.id))
        key = (first.sensor, second.sensor)
        shared = first.footprint.intersection(second.footprint)
        shared = shared if within is None else shared.intersection(within)
        models = (segmenter, segmenter) if of_scene is None else (of_scene(first.id), of_scene(second.id))
        found = _compare(models, first, second, polygonal(shared), grid, threshold)
        result[key] = result.get(key, Homogeneity()) + found
    return dict(sorted(result.items()))


def overlapping_pairs(catalogue: Catalogue) -> Iterator[tuple[Scene, Scene]]:
    """Yield the scenes of different sensors that share ground and have all bands, in the order of their ids."""
    for scene in catalogue.scenes:
        if not scene.has_nir:
            continue
        for other in catalogue.covering(Bounds(*scene.footprint.bounds)):
            later = other.id > scene.id and other.sensor != scene.sensor and other.has_nir
            if later and scene.footprint.intersection(other.footprint).area > 0:
                yield scene, other


def _compare(
    models: tuple[Segmenter, Segmenter],
    first: Scene,
    second: Scene,
    shared: Polygon | MultiPolygon,
    grid: Grid,
    threshold: float,
) -> Homogeneity:
    result = Homogeneity()
    if shared.is_empty:
        return result
    shapely.prepare(shared)
    with open_scene(first, grid) as one, open_scene(second, grid) as two:
        for block in _blocks(grid.window(Bounds(*shared.bounds))):
            if not shared.intersects(grid.bounds(block).polygon()):
                continue
            seen = [_predict(model, reader, block) for model, reader in zip(models, (one, two), strict=True)]
            inside = geometry_mask([shared], block.shape, grid.transform(block), invert=True)
            valid = seen[0][1] & seen[1][1] & inside
            if valid.any():
                result += Homogeneity.of(seen[0][0], seen[1][0], valid, threshold)
    return result


def _blocks(window: Window) -> Iterator[Window]:
    """Yield the whole blocks of the lattice that touch a window; a scene's predictions then follow from the ground."""
    left, top = window.column // _BLOCK * _BLOCK, window.row // _BLOCK * _BLOCK
    yield from (
        Window(column, row, _BLOCK, _BLOCK)
        for row, column in itertools.product(range(top, window.bottom, _BLOCK), range(left, window.right, _BLOCK))
    )


def _predict(segmenter: Segmenter, reader: SceneReader, block: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    wide = block.pad(_MARGIN)
    patch = reader.read(wide)
    inside = block.slices(wide)
    if not patch.valid[inside].any():
        return np.zeros(block.shape, np.float32), np.zeros(block.shape, np.bool_)
    probability = segmenter.predict(patch.image[np.newaxis], patch.valid[np.newaxis])[0]
    return probability[inside], patch.valid[inside]
