"""The tiles of the mosaic as the products need them, and the holes in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bocage.grid import Tile
from bocage.mapping.inventory import Inventory
from bocage.mapping.receipt import receipt_name
from bocage.outcome import Refusal
from bocage.project import Project


@dataclass(frozen=True, slots=True)
class MappedTile:
    """A tile of the mosaic, as its receipt describes it.

    Attributes
    ----------
    model
        Digest of the model.
    scenes
        The scenes that were used, id to digest.
    cog
        SHA-256 of its raster.
    """

    tile: Tile
    model: str
    scenes: Mapping[str, str]
    cog: str


def read_mosaic(project: Project, tiles: Sequence[Tile]) -> list[MappedTile]:
    """Read the receipts of mapped tiles, which must be one map.

    Raises
    ------
    MappingError
        If the tiles lie on several lattices or were made by several models.
    ProjectError
        If a receipt says nothing that can be understood.
    StorageError
        If one cannot be read.
    """
    inventory = Inventory.open(project.map_storage)
    inventory.require_one_map(tiles, project.grid)
    receipts = ((tile, inventory.receipt(tile.id)) for tile in tiles)
    return [
        MappedTile(tile, receipt.model, receipt.scenes, inventory.cog_digest(tile.id)) for tile, receipt in receipts
    ]


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
