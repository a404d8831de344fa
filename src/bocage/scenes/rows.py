"""The scenes of a catalogue file, made when they are asked for.

Of 40 000 rows only the ids, the bounds and two texts are held in memory. A footprint is parsed with its scene, and the
outlines of clouds, which may be large, are read from the file a group of rows at a time. Groups hold neighbours, and
ids say nothing of a place: who goes through all scenes gets the outlines of many at a time, each group read once for
them.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate, batched, groupby
from pathlib import Path
from typing import Any, overload

import numpy as np
import shapely
from numpy.typing import NDArray

from bocage.errors import ProjectError, SceneError
from bocage.grid import Grid
from bocage.scenes.item import Area, read_outline, scene_of_text
from bocage.scenes.scene import Scene

CLOUDS = "bocage:clouds"
_COLUMNS = ("id", "bocage:grid", "bocage:bounds", "bocage:footprint", "bocage:scene")
_KEPT_SCENES = 1024
_KEPT_GROUPS = 16
# Scenes whose outlines of clouds are read together when all are gone through: 32 MB of them.
_TOGETHER = 4096


class SceneRows(Sequence[Scene]):
    """The scenes of a file, ordered by id. May be used from several threads."""

    def __init__(self, path: Path, grid: Grid) -> None:
        """Open a catalogue file.

        Raises
        ------
        ProjectError
            If the file is not there.
        SceneError
            If it is damaged, or of another version of Bocage.
        """
        import pyarrow as pa  # these are slow to import
        import pyarrow.parquet as pq

        if not path.is_file():
            raise ProjectError(f"{path} is not there", "catalogue the scenes first: bocage scenes add")
        self._path, self._crs = path, grid.crs
        try:
            # The open file stays what it is when the catalogue is written anew.
            self._file = pq.ParquetFile(pa.OSFile(str(path)))
            table = self._file.read(columns=list(_COLUMNS)).combine_chunks()
            names: list[str] = table["id"].to_pylist()
            self._order = sorted(range(len(names)), key=names.__getitem__)
            self.ids: tuple[str, ...] = tuple(names[row] for row in self._order)
            self._own: list[str] = table["bocage:grid"].to_pylist()
            self._texts, self._footprints = (_one(table[name]) for name in ("bocage:scene", "bocage:footprint"))
            # Not to_numpy: that would load pandas.
            bounds = np.from_dlpack(_one(table["bocage:bounds"]).flatten()).astype(np.float64).reshape(-1, 4)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise SceneError(f"{path} is damaged: {error}", "remove it and run the stage scenes again") from error
        metadata = self._file.metadata
        self._groups = [0, *accumulate(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))]
        self._cloudy = CLOUDS in self._file.schema_arrow.names
        self._lock = threading.Lock()
        self._clouds: OrderedDict[int, Any] = OrderedDict()
        self._scenes: OrderedDict[int, Scene] = OrderedDict()
        self.bounds: NDArray[np.float64] = bounds[self._order]
        if set(self._own) - {grid.crs}:
            self.bounds = shapely.bounds([self.footprint(place) for place in range(len(self))])

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Scene: ...

    @overload
    def __getitem__(self, index: slice) -> list[Scene]: ...

    def __getitem__(self, index: int | slice) -> Scene | list[Scene]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        with self._lock:
            known = self._scenes.get(place)
            if known is not None:
                self._scenes.move_to_end(place)
                return known
        made = self._scene(place, self._cloud_text(self._order[place]))
        with self._lock:
            self._scenes[place] = made
            if len(self._scenes) > _KEPT_SCENES:
                self._scenes.popitem(last=False)
        return made

    def __iter__(self) -> Iterator[Scene]:
        for places in batched(range(len(self)), _TOGETHER):
            texts = self._cloud_texts([self._order[place] for place in places])
            for place in places:
                with self._lock:
                    known = self._scenes.get(place)
                yield known if known is not None else self._scene(place, texts.get(self._order[place]))

    def footprint(self, place: int) -> Area:
        """Return the footprint of a scene; the rest of it is not read.

        Raises
        ------
        SceneError
            If the file is damaged there.
        """
        with self._lock:
            known = self._scenes.get(place)
        return known.footprint if known else self._outline(self._footprints[self._order[place]].as_py(), place)

    def footprints(self, places: NDArray[np.int64]) -> NDArray[np.object_]:
        """Return the footprints of many scenes; the rest of them is not read.

        Raises
        ------
        SceneError
            If the file is damaged there.
        """
        found = np.empty(len(places), dtype=object)
        found[:] = [self.footprint(place) for place in places.tolist()]
        return found

    def take(self, places: NDArray[np.int64], footprints: NDArray[np.object_]) -> list[Scene]:
        """Return many scenes, in the order of ``places``; the outlines of clouds are read a group of rows at a time.

        Parameters
        ----------
        footprints
            Of these scenes, as :meth:`footprints` returns them.
        """
        rows = [self._order[place] for place in places.tolist()]
        texts = self._cloud_texts(rows)
        return [
            self._scene(place, texts.get(row), footprint)
            for place, row, footprint in zip(places.tolist(), rows, footprints, strict=True)
        ]

    def _outline(self, text: str, place: int) -> Area:
        try:
            return read_outline(text, self._own[self._order[place]], self._crs, self.ids[place])
        except shapely.errors.ShapelyError as error:
            raise SceneError(
                f"{self._path} is damaged at {self.ids[place]}: {error}", "remove it and run the stage scenes again"
            ) from error

    def _scene(self, place: int, cloud_text: str | None, footprint: Area | None = None) -> Scene:
        clouds = self._outline(cloud_text, place) if cloud_text else None
        content = self._texts[self._order[place]].as_py()
        outline = self.footprint(place) if footprint is None else footprint
        return scene_of_text(self.ids[place], content, outline, clouds, self._path.parent)

    def _cloud_text(self, row: int) -> str | None:
        if not self._cloudy:
            return None
        group = bisect_right(self._groups, row) - 1
        with self._lock:
            if group not in self._clouds:
                self._clouds[group] = self._read_clouds(group)
                if len(self._clouds) > _KEPT_GROUPS:
                    self._clouds.popitem(last=False)
            self._clouds.move_to_end(group)
            text: str | None = self._clouds[group][row - self._groups[group]].as_py()
        return text

    def _cloud_texts(self, rows: Sequence[int]) -> dict[int, str]:
        """Return the outlines of clouds by row, of the rows that have one."""
        found: dict[int, str] = {}
        if not self._cloudy:
            return found
        for group, own in groupby(sorted(rows), key=lambda row: bisect_right(self._groups, row) - 1):
            with self._lock:
                column = self._read_clouds(group)
            found |= {row: text for row in own if (text := column[row - self._groups[group]].as_py())}
        return found

    def _read_clouds(self, group: int) -> Any:
        return self._file.read_row_group(group, columns=[CLOUDS])[CLOUDS]


def _one(column: Any) -> Any:
    """Return a column as one array."""
    import pyarrow as pa  # see above

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
