"""What the receipts of the mosaic say, and whether it is fit to be delivered: one map, of one model, without holes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bocage.errors import GridError, ProductError, ProjectError
from bocage.grid import Grid, Tile
from bocage.mapping.receipt import receipt_name
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.storage import read_all


@dataclass(frozen=True, slots=True)
class MappedTile:
    """A tile of the mosaic, as its receipt describes it.

    Attributes
    ----------
    model
        Digest of the model, or "" where the receipt names none.
    scenes
        The scenes that were used, id to digest.
    grid
        The lattice that it was mapped on, or None where the receipt does not say.
    """

    tile: Tile
    model: str
    scenes: Mapping[str, str]
    grid: Grid | None


def read_mosaic(project: Project, tiles: Sequence[Tile]) -> list[MappedTile]:
    """Read the receipts of mapped tiles.

    Raises
    ------
    ProjectError
        If a receipt says nothing that can be understood.
    StorageError
        If one cannot be read.
    """
    contents = read_all(project.map_storage, [receipt_name(tile.id) for tile in tiles])
    return [_read(project, tile, content) for tile, (_, content) in zip(tiles, contents, strict=True)]


def _read(project: Project, tile: Tile, content: bytes) -> MappedTile:
    try:
        said: Mapping[str, Any] = json.loads(content).get("properties", {})
        place = said.get("bocage:grid")
        return MappedTile(
            tile,
            str(said.get("bocage:model", {}).get("digest", "")),
            {str(scene["id"]): str(scene["digest"]) for scene in said.get("bocage:scenes", ())},
            None if place is None else Grid(str(place["crs"]), float(place["resolution"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, GridError) as error:
        raise ProjectError(
            f"{project.map_storage.root}/{receipt_name(tile.id)} is not the receipt of a mapped tile",
            "remove it and run: bocage map",
        ) from error


def require_one_map(mosaic: Sequence[MappedTile], grid: Grid) -> None:
    """Check that all tiles lie on the project's lattice and were made by one model.

    Raises
    ------
    ProductError
        If they do not.
    """
    others = [mapped.tile.id for mapped in mosaic if mapped.grid is not None and mapped.grid != grid]
    if others:
        found = sorted({f"{mapped.grid.resolution:g} m" for mapped in mosaic if mapped.grid is not None})
        raise ProductError(
            f"the mosaic mixes lattices ({', '.join(found)}); {len(others)} tiles are not on that of the project, "
            f"{grid.crs} at {grid.resolution:g} m: {_some(others)}",
            "run: bocage map, which maps them anew",
        )
    models = Counter(mapped.model for mapped in mosaic)
    if len(models) > 1:
        parts = ", ".join(f"{model[:12] or 'unknown'} made {count}" for model, count in models.most_common())
        raise ProductError(
            f"the mosaic was made by {len(models)} models ({parts}); what its layers mean would change from "
            "tile to tile",
            "map all tiles with one model: bocage map without --bbox",
        )


def holes(project: Project, tiles: Sequence[Tile]) -> tuple[Refusal, ...]:
    """Return the tiles that are missing in the midst of the mosaic, and those that were never finished.

    A missing tile is a hole if it cannot be reached from outside the mosaic across the edges of missing tiles. A tile
    whose receipt says that no scene saw it is none.
    """
    stored = set(project.map_storage.list())
    rasters = (name.removesuffix(".tif") for name in sorted(stored) if name.endswith(".tif"))
    unfinished = [name for name in rasters if receipt_name(name) not in stored]
    missing = [
        name for name in _enclosed(project, tiles) if receipt_name(name) not in stored and name not in unfinished
    ]
    mend = "run: bocage map"
    return (
        *(Refusal(name, "the tile has no receipt: its mapping was broken off", mend) for name in unfinished),
        *(
            Refusal(name, "the tile is missing in the midst of the mosaic; it is 255 in every layer", mend)
            for name in missing
        ),
    )


def _enclosed(project: Project, tiles: Sequence[Tile]) -> list[str]:
    """Return the names of the places within the mosaic that cannot be reached from outside of it."""
    size = project.tiling.pixels
    taken = {(tile.window.column // size, tile.window.row // size) for tile in tiles}
    west, east = min(x for x, _ in taken) - 1, max(x for x, _ in taken) + 1
    north, south = min(y for _, y in taken) - 1, max(y for _, y in taken) + 1
    front, outside = [(west, north)], {(west, north)}
    while front:
        x, y = front.pop()
        for place in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
            inside_frame = west <= place[0] <= east and north <= place[1] <= south
            if inside_frame and place not in taken and place not in outside:
                outside.add(place)
                front.append(place)
    return [
        project.tiling.tile_at(x, -y - 1).id
        for y in range(north, south + 1)
        for x in range(west, east + 1)
        if (x, y) not in taken and (x, y) not in outside
    ]


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
