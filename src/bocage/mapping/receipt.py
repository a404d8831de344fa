"""The receipt of a tile: a STAC Item beside its COG that says what the pixels were made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from bocage.files import digest_json
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
        return _settings_digest(self.grid, self.lattice)

    def key(self, window: Window, marks: Sequence[SceneMark]) -> str:
        """Return the digest that a receipt must hold for the tile to be up to date."""
        ordered = sorted((mark.id, mark.fingerprint) for mark in marks)
        extent = [window.column, window.row, window.width, window.height]
        return digest_json([self.model_digest, self.settings_digest, extent, ordered])


@lru_cache
def _settings_digest(grid: Grid, lattice: Lattice) -> str:
    # The same for every tile of a continent.
    return digest_json([grid.crs, grid.resolution, lattice.chip, lattice.stride, METHOD])


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
        Wall time of mapping the tile, from its turn at the model to its last pixel in memory.
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


@dataclass(frozen=True, slots=True)
class CogMark:
    """What a receipt says of the COG beside it: the SHA-256 of its bytes, and the tag that its storage gave it."""

    digest: str
    tag: str


@dataclass(frozen=True, slots=True)
class TileReceipt:
    """A receipt as it was read, without what only other programs need.

    Attributes
    ----------
    key
        Digest of all that decides the pixels; see :meth:`Recipe.key`.
    model
        Digest of the model.
    place
        Digest of the grid and the pixels of the tile.
    cog
        The COG, or None for a tile without a valid pixel.
    resolution
        Of the grid.
    scenes
        The scenes that saw the tile, id to digest.
    """

    summary: TileSummary
    key: str
    model: str
    place: str
    cog: CogMark | None
    resolution: float
    scenes: Mapping[str, str]

    @classmethod
    def parse(cls, content: bytes) -> Self | None:
        """Return what a receipt says, or None where it is damaged."""
        try:
            item = json.loads(content)
            properties = item["properties"]
            asset = item["assets"].get("data")
            return cls(
                _summary(item["id"], properties),
                properties["bocage:key"],
                properties["bocage:model"]["digest"],
                digest_json(properties["bocage:grid"]),
                None if asset is None else CogMark(asset["bocage:sha256"], asset.get("bocage:tag", "")),
                float(properties["bocage:grid"]["resolution"]),
                {scene["id"]: scene["digest"] for scene in properties["bocage:scenes"]},
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


def cog_name(tile: str) -> str:
    """Return the name of a tile's COG in the storage of the map."""
    return f"{tile}.tif"


def receipt_name(tile: str) -> str:
    """Return the name of a tile's STAC Item beside it."""
    return f"{tile}.json"


def place_digest(grid: Grid, tile: Tile) -> str:
    """Return the digest of the pixels that a tile has on a grid."""
    return digest_json(_place(grid, tile))


def receipt_of(
    result: TileResult, recipe: Recipe, scenes: Sequence[Scene], cog: CogMark | None, *, writing: float
) -> tuple[bytes, TileSummary]:
    """Return the STAC Item of a tile as text, and its summary; without a COG the Item has no asset.

    Parameters
    ----------
    scenes
        The scenes that the plan names for the tile.
    writing
        Seconds that writing the COG took.
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
        "assets": {} if cog is None else _assets(tile.id, cog),
    }
    text = json.dumps(item, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    return text.encode(), _summary(tile.id, properties)


def _place(grid: Grid, tile: Tile) -> dict[str, Any]:
    return {"crs": grid.crs, "resolution": grid.resolution, "window": asdict(tile.window)}


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
    from bocage.scenes.footprint import geographic  # only a writer of receipts needs it

    box, ring = geographic(grid.bounds(tile.window), grid.crs)
    return {
        "geometry": {"type": "Polygon", "coordinates": [[[round(value, 9) for value in corner] for corner in ring]]},
        "bbox": [round(value, 9) for value in box],
    }


def _assets(tile: str, cog: CogMark) -> dict[str, Any]:
    return {
        "data": {
            "href": f"./{cog_name(tile)}",
            "type": COG_TYPE,
            "title": "Probability of woody vegetation and number of observations",
            "roles": ["data"],
            "data_type": "uint8",
            "bands": [
                {"name": "probability", "description": "probability x 254, 0..254; 255 nodata", "nodata": NODATA},
                {"name": "observations", "description": "number of scenes that saw the ground"},
            ],
            "bocage:sha256": cog.digest,
            "bocage:tag": cog.tag,
        }
    }
