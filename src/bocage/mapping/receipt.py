"""The receipt of a tile: a STAC Item beside its COG that says what the pixels were made from.

A tile is done when its receipt holds the key of the plan and its COG has the digest that the receipt states. There is
no other record of the run, so a killed run is continued by looking at the folder.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bocage.files import digest_file, digest_json, write_json
from bocage.grid import Grid, Tile, Window
from bocage.mapping.fusion import NODATA
from bocage.mapping.inspection import Inspection
from bocage.mapping.lattice import Lattice
from bocage.outcome import Refusal

if TYPE_CHECKING:
    from bocage.mapping.tile import TileResult
    from bocage.scenes.scene import Scene

METHOD = "raised-cosine-1"
"""Name of the way chips are weighted and scenes are fused; it changes when the pixels would."""
COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"


@dataclass(frozen=True, slots=True)
class SceneMark:
    """What a scene adds to the key of a tile: its file, and all that decides what a reader makes of it."""

    id: str
    digest: str
    fingerprint: str

    @classmethod
    def of(cls, scene: Scene) -> SceneMark:
        """Return the mark of a catalogued scene."""
        return cls(scene.id, scene.digest, scene.fingerprint)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the pixels of a tile, apart from its scenes.

    Batch size, engine and number of workers are not part of it: they do not change the map.
    """

    grid: Grid
    lattice: Lattice
    model: str
    model_digest: str

    @property
    def settings_digest(self) -> str:
        """Digest of the lattices and of the method."""
        return digest_json([self.grid.crs, self.grid.resolution, self.lattice.chip, self.lattice.stride, METHOD])

    def key(self, window: Window, marks: Sequence[SceneMark]) -> str:
        """Return the digest that a receipt must hold for the tile to be up to date."""
        ordered = sorted((mark.id, mark.fingerprint) for mark in marks)
        extent = [window.column, window.row, window.width, window.height]
        return digest_json([self.model_digest, self.settings_digest, extent, ordered])


@dataclass(frozen=True, slots=True)
class TileSummary:
    """What a receipt says about a tile, without its pixels.

    Attributes
    ----------
    id
        Name of the tile.
    pixels, valid_pixels
        Lattice pixels of the tile, and those that a scene saw.
    chips
        How many chips went through the model.
    seconds
        Wall time of mapping the tile, from opening its scenes to its last pixel in memory.
    used, refused
        Scenes that saw the tile; scenes that could not be read.
    inspection
        What was counted of its scenes and gaps; None in the receipt of an older version.
    timings
        Seconds of each step; steps that run beside each other may add up to more than the whole.
    """

    id: str
    pixels: int
    valid_pixels: int
    chips: int
    seconds: float
    used: tuple[str, ...]
    refused: tuple[Refusal, ...]
    inspection: Inspection | None = None
    timings: Mapping[str, float] = field(default_factory=dict)


def cog_path(folder: Path, tile: str) -> Path:
    """Return where the COG of a tile lies."""
    return folder / f"{tile}.tif"


def receipt_path(folder: Path, tile: str) -> Path:
    """Return where the STAC Item of a tile lies."""
    return folder / f"{tile}.json"


def write_receipt(
    folder: Path, result: TileResult, recipe: Recipe, scenes: Sequence[Scene], *, writing: float
) -> TileSummary:
    """Write the STAC Item of a tile whose COG is in place; a tile without a valid pixel has an Item without asset.

    Parameters
    ----------
    scenes
        The scenes that the plan names for the tile.
    writing
        Seconds that writing the COG took.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    tile, marks = result.tile, [SceneMark.of(scene) for scene in scenes]
    by_id = {mark.id: mark for mark in marks}
    lost = {refusal.subject for refusal in result.quarantined}
    timings = {**asdict(result.timings), "write": writing}
    properties: dict[str, Any] = {
        **_dates([scene for scene in scenes if scene.id in result.used]),
        "description": "Probability of woody vegetation, mean over the scenes that saw the ground",
        "bocage:key": recipe.key(tile.window, marks),
        "bocage:model": {"name": recipe.model, "digest": recipe.model_digest},
        "bocage:settings_digest": recipe.settings_digest,
        "bocage:runtime": result.runtime,
        "bocage:scenes": [asdict(by_id[name]) for name in sorted(result.used)],
        "bocage:unseen": sorted(set(by_id) - set(result.used) - lost),
        "bocage:quarantined": [asdict(refusal) for refusal in result.quarantined],
        "bocage:grid": _place(recipe.grid, tile),
        "bocage:pixels": tile.window.width * tile.window.height,
        "bocage:valid_pixels": result.valid_pixels,
        "bocage:chips": result.chips,
        "bocage:inspection": result.inspection.as_dict(),
        "bocage:timings": {name: round(seconds, 4) for name, seconds in timings.items()},
    }
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": tile.id,
        **_footprint(recipe.grid, tile),
        "properties": properties,
        "links": [],
        "assets": _assets(folder, tile) if result.valid_pixels else {},
    }
    write_json(receipt_path(folder, tile.id), item)
    return _summary(tile.id, properties)


def read_summary(folder: Path, tile: str) -> TileSummary | None:
    """Return what the receipt of a tile says, or None where there is none or it cannot be read."""
    properties = _properties(folder, tile)
    return None if properties is None else _summary(tile, properties)


def is_done(folder: Path, tile: str, key: str) -> bool:
    """Say whether a tile is mapped as planned: its receipt holds ``key`` and its COG has the digest of the receipt.

    A tile that had to do without a scene is not done: the scene may be readable by now.
    """
    properties = _properties(folder, tile)
    if properties is None or properties["bocage:key"] != key or properties["bocage:quarantined"]:
        return False
    cog = cog_path(folder, tile)
    if not properties["bocage:valid_pixels"]:
        return not cog.exists()
    return cog.is_file() and digest_file(cog) == _item(folder, tile)["assets"]["data"]["bocage:sha256"]


def lies_at(folder: Path, tile: Tile, grid: Grid) -> bool:
    """Say whether the receipt of a tile is for the pixels that the tile has now; an unreadable one counts as such."""
    properties = _properties(folder, tile.id)
    return properties is None or properties.get("bocage:grid") == _place(grid, tile)


def tiles_by_model(folder: Path) -> dict[str, int]:
    """Return how many tiles of the mosaic each model made, by the digest of the model; tiles without pixels apart."""
    counts: Counter[str] = Counter()
    for path in sorted(folder.glob("*.json")):
        properties = _properties(folder, path.stem)
        model = properties.get("bocage:model") if properties is not None else None
        if isinstance(model, dict) and "digest" in model and cog_path(folder, path.stem).is_file():
            counts[str(model["digest"])] += 1
    return dict(sorted(counts.items()))


def _place(grid: Grid, tile: Tile) -> dict[str, Any]:
    return {"crs": grid.crs, "resolution": grid.resolution, "window": asdict(tile.window)}


def _item(folder: Path, tile: str) -> Mapping[str, Any]:
    item: Mapping[str, Any] = json.loads(receipt_path(folder, tile).read_text(encoding="utf-8"))
    return item


def _properties(folder: Path, tile: str) -> Mapping[str, Any] | None:
    try:
        properties = _item(folder, tile)["properties"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    complete = isinstance(properties, dict) and {"bocage:key", "bocage:quarantined", "bocage:valid_pixels"} <= set(
        properties
    )
    return properties if complete else None


def _summary(tile: str, properties: Mapping[str, Any]) -> TileSummary:
    return TileSummary(
        tile,
        properties["bocage:pixels"],
        properties["bocage:valid_pixels"],
        properties["bocage:chips"],
        properties["bocage:timings"]["total"],
        tuple(scene["id"] for scene in properties["bocage:scenes"]),
        tuple(Refusal(**entry) for entry in properties["bocage:quarantined"]),
        Inspection.from_dict(properties.get("bocage:inspection")),
        properties["bocage:timings"],
    )


def _dates(scenes: Sequence[Scene]) -> dict[str, str | None]:
    """Return the dates of a STAC Item: those of the scenes, or the present where no scene is dated."""
    written = _stamp(datetime.now(UTC))
    dates = sorted(scene.acquired for scene in scenes if scene.acquired is not None)
    if not dates:
        return {"datetime": written, "created": written}
    if dates[0] == dates[-1]:
        return {"datetime": _stamp(dates[0]), "created": written}
    return {
        "datetime": None,
        "start_datetime": _stamp(dates[0]),
        "end_datetime": _stamp(dates[-1]),
        "created": written,
    }


def _stamp(moment: datetime) -> str:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%SZ")


def _footprint(grid: Grid, tile: Tile) -> dict[str, Any]:
    """Return geometry and bbox of a tile in longitude and latitude, as GeoJSON wants them."""
    from pyproj import Transformer  # only a writer of receipts needs it

    transformer = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    bounds = grid.bounds(tile.window)
    corners = [
        (bounds.left, bounds.bottom),
        (bounds.right, bounds.bottom),
        (bounds.right, bounds.top),
        (bounds.left, bounds.top),
    ]
    ring = [[round(value, 9) for value in transformer.transform(*corner)] for corner in corners]
    box = transformer.transform_bounds(*bounds.as_tuple())
    return {
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        "bbox": [round(value, 9) for value in box],
    }


def _assets(folder: Path, tile: Tile) -> dict[str, Any]:
    cog = cog_path(folder, tile.id)
    return {
        "data": {
            "href": f"./{cog.name}",
            "type": COG_TYPE,
            "title": "Probability of woody vegetation and number of observations",
            "roles": ["data"],
            "data_type": "uint8",
            "bands": [
                {"name": "probability", "description": "probability x 254, 0..254; 255 nodata", "nodata": NODATA},
                {"name": "observations", "description": "number of scenes that saw the ground"},
            ],
            "bocage:sha256": digest_file(cog),
        }
    }
