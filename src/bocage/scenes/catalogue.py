"""The catalogue of scenes: a spatial index over STAC GeoParquet.

:mod:`bocage.scenes.rows` makes the scenes of a file when they are asked for, :mod:`bocage.scenes.register` writes them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from bocage.errors import SceneError
from bocage.grid import Bounds, Grid
from bocage.scenes.item import Area
from bocage.scenes.rows import SceneRows
from bocage.scenes.scene import Scene


class Catalogue:
    """Scenes ordered by id, found by place. May be used from several threads; another process opens its file again.

    Attributes
    ----------
    scenes
        All scenes. Those of a file are made when they are asked for: iterate rather than copy.
    """

    scenes: Sequence[Scene]

    def __init__(self, scenes: Iterable[Scene]) -> None:
        ordered = tuple(sorted(scenes, key=lambda scene: scene.id))
        bounds = np.array([scene.footprint.bounds for scene in ordered], dtype=np.float64).reshape(-1, 4)
        self._start(ordered, tuple(scene.id for scene in ordered), bounds, (Catalogue, (ordered,)))

    def _start(
        self, scenes: Sequence[Scene], ids: Sequence[str], bounds: NDArray[np.float64], recipe: tuple[Any, ...]
    ) -> None:
        self.scenes = scenes
        self._ids = ids
        self._bounds = bounds
        # Footprints are exact but take long to parse; their bounds say which are worth it.
        self._tree = STRtree(shapely.box(*bounds.T))
        self._recipe = recipe

    @classmethod
    def open(cls, path: Path, grid: Grid) -> Catalogue:
        """Read a catalogue; the footprints are brought to the CRS of ``grid``.

        Raises
        ------
        ProjectError
            If there is no catalogue yet.
        SceneError
            If the file is damaged or holds no scene.
        """
        rows = SceneRows(path, grid)
        if not rows:
            raise SceneError(f"{path} holds no scenes", "run the stage scenes again")
        found = cls.__new__(cls)
        found._start(rows, rows.ids, rows.bounds, (Catalogue.open, (path, grid)))
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return self._recipe

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all scenes, in order."""
        return self._ids

    @property
    def bounds(self) -> Bounds:
        """The rectangle around all footprints."""
        left, bottom = self._bounds[:, :2].min(axis=0).tolist()
        right, top = self._bounds[:, 2:].max(axis=0).tolist()
        return Bounds(left, bottom, right, top)

    def covering(self, bounds: Bounds) -> list[Scene]:
        """Return the scenes whose footprint shares area with ``bounds``, ordered by id."""
        area = bounds.polygon()
        found = []
        for place in sorted(self._tree.query(area).tolist()):
            footprint = self._footprint(place)
            if footprint.intersects(area) and not footprint.touches(area):
                found.append(self.scenes[place])
        return found

    def within(self, bounds: Bounds) -> NDArray[np.int64]:
        """Return the places in the catalogue of the scenes whose footprint may share area with ``bounds``, in order."""
        found: NDArray[np.int64] = np.sort(self._tree.query(bounds.polygon())).astype(np.int64)
        return found

    def footprints(self, places: NDArray[np.int64]) -> NDArray[np.object_]:
        """Return the footprints of the scenes at ``places``."""
        scenes = self.scenes
        if isinstance(scenes, SceneRows):
            return scenes.footprints(places)
        found = np.empty(len(places), dtype=object)
        found[:] = [scenes[place].footprint for place in places.tolist()]
        return found

    def take(self, places: NDArray[np.int64], footprints: NDArray[np.object_]) -> list[Scene]:
        """Return the scenes at ``places`` with these footprints, each made once: thousands of them fit into memory."""
        scenes = self.scenes
        if isinstance(scenes, SceneRows):
            return scenes.take(places, footprints)
        return [scenes[place] for place in places.tolist()]

    def _footprint(self, place: int) -> Area:
        scenes = self.scenes
        return scenes.footprint(place) if isinstance(scenes, SceneRows) else scenes[place].footprint

    def scene(self, name: str) -> Scene:
        """Return the scene of that id.

        Raises
        ------
        SceneError
            If there is none.
        """
        place = bisect_left(self._ids, name)
        if place == len(self._ids) or self._ids[place] != name:
            raise SceneError(f"no scene is named {name}", "list the scenes with: bocage scenes list")
        return self.scenes[place]
