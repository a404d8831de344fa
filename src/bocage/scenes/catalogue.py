"""The catalogue of scenes: STAC GeoParquet on disk, a spatial index in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely import STRtree

from bocage.errors import ProjectError, SceneError
from bocage.files import whole_file
from bocage.grid import Bounds, Grid
from bocage.scenes.item import from_item, to_item
from bocage.scenes.scene import Scene


@dataclass(frozen=True, slots=True)
class Entry:
    """A scene in the catalogue and what says whether it must be recognised anew.

    Attributes
    ----------
    scene
        The scene.
    modified
        Time of the last change of the raster in nanoseconds.
    size
        Bytes of the raster.
    recipe
        Digest of the settings and sidecar files that the recognition used.
    added
        Whether a person added the file by name, beyond the settings.
    stated
        The band names that a person stated for it, or None.
    """

    scene: Scene
    modified: int
    size: int
    recipe: str
    added: bool
    stated: tuple[str, ...] | None = None


class Catalogue:
    """Scenes ordered by id, found by place."""

    def __init__(self, scenes: Iterable[Scene]) -> None:
        self.scenes: tuple[Scene, ...] = tuple(sorted(scenes, key=lambda scene: scene.id))
        self._tree = STRtree([scene.footprint for scene in self.scenes])

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
        scenes = [entry.scene for entry in read_entries(path, grid.crs)]
        if not scenes:
            raise SceneError(f"{path} holds no scenes", "run the stage scenes again")
        return cls(scenes)

    @property
    def bounds(self) -> Bounds:
        """The rectangle around all footprints."""
        left, bottom, right, top = shapely.total_bounds([scene.footprint for scene in self.scenes])
        return Bounds(float(left), float(bottom), float(right), float(top))

    def covering(self, bounds: Bounds) -> list[Scene]:
        """Return the scenes whose footprint shares area with ``bounds``, ordered by id."""
        area = bounds.polygon()
        found = self._tree.query(area, predicate="intersects")
        return [self.scenes[index] for index in sorted(found) if not self.scenes[index].footprint.touches(area)]

    def scene(self, name: str) -> Scene:
        """Return the scene of that id.

        Raises
        ------
        SceneError
            If there is none.
        """
        for scene in self.scenes:
            if scene.id == name:
                return scene
        raise SceneError(f"no scene is named {name}", "list the scenes with: bocage scenes list")


def read_entries(path: Path, grid_crs: str) -> list[Entry]:
    """Return what a catalogue holds.

    Raises
    ------
    ProjectError
        If the file is not there.
    SceneError
        If it is damaged.
    """
    import pyarrow as pa  # these are slow to import
    import pyarrow.parquet as pq
    import stac_geoparquet.arrow

    if not path.is_file():
        raise ProjectError(f"{path} is not there", "catalogue the scenes first: bocage scenes add")
    try:
        items = list(stac_geoparquet.arrow.stac_table_to_items(pq.read_table(path)))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise SceneError(f"{path} is damaged: {error}", "remove it and run the stage scenes again") from error
    return [_entry(item, grid_crs, path.parent) for item in items]


def _entry(item: dict[str, Any], grid_crs: str, folder: Path) -> Entry:
    properties = item["properties"]
    return Entry(
        from_item(item, grid_crs, folder),
        modified=int(properties["bocage:modified"]),
        size=int(item["assets"]["data"]["file:size"]),
        recipe=properties["bocage:recipe"],
        added=bool(properties["bocage:added"]),
        stated=tuple(stated.split(",")) if (stated := properties.get("bocage:stated")) else None,
    )


def write_entries(path: Path, entries: Sequence[Entry], grid_crs: str) -> None:
    """Write a catalogue as STAC GeoParquet, whole or not at all.

    Raises
    ------
    StorageError
        If the disk is full or the folder cannot be written.
    """
    import stac_geoparquet.arrow  # slow to import

    items = []
    for entry in sorted(entries, key=lambda entry: entry.scene.id):
        item = to_item(entry.scene, grid_crs, path.parent)
        # A raster may vanish after it was recognised; the entry must be readable all the same.
        item.assets["data"].extra_fields["file:size"] = entry.size
        item.properties |= {
            "bocage:modified": entry.modified,
            "bocage:recipe": entry.recipe,
            "bocage:added": entry.added,
            "bocage:stated": ",".join(entry.stated) if entry.stated else None,
        }
        items.append(item.to_dict(include_self_link=False))
    table = stac_geoparquet.arrow.parse_stac_items_to_arrow(items).read_all()
    with whole_file(path) as temporary:
        stac_geoparquet.arrow.to_parquet(table, temporary)
