"""Pictures of the map for a browser, rendered when asked for.

The tile scheme is the lattice itself: at level k a tile is 256 x 256 squares of 2^k pixels, and its index counts from
the origin of the coordinate reference system, east and south. So a tile is never resampled twice.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Literal

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling

from bocage.files import finished
from bocage.grid import Bounds, Grid, Window
from bocage.mapping import mosaic_tiles
from bocage.mapping.receipt import cog_name
from bocage.project import Project
from bocage.rasters import open_stored
from bocage.report.pictures import probability_colours
from bocage.scenes import Catalogue, SceneReader, open_scene

TILE = 256
MOST_LEVELS = 16
MOST_FEATURES = 4000
_KEPT_TILES = 600
_KEPT_READERS = 24

LayerName = Literal["scenes", "probability"]


class Painter:
    """Renders tiles and finds features of one project; safe to call from several threads.

    Tiles and open scenes are kept for a while, the least recently used go first.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._tiles: OrderedDict[tuple[str, int, int, int], bytes] = OrderedDict()
        self._readers: OrderedDict[tuple[str, int], tuple[SceneReader, ExitStack]] = OrderedDict()
        self._features: dict[str, gpd.GeoDataFrame] = {}
        self._catalogue = Catalogue.open(project.scenes_file, project.grid) if project.scenes_file.is_file() else None

    def info(self) -> dict[str, Any]:
        """Return what the page needs to know: name, grid, extent, levels and which layers there are."""
        bounds = self._bounds()
        edge = max(bounds.right - bounds.left, bounds.top - bounds.bottom) / self._project.grid.resolution
        levels = next(level for level in range(MOST_LEVELS + 1) if edge <= TILE * 2**level or level == MOST_LEVELS)
        return {
            "name": self._project.settings.project.name,
            "crs": self._project.grid.crs,
            "resolution": self._project.grid.resolution,
            "bounds": bounds.as_tuple(),
            "tile": TILE,
            "levels": levels,
            "layers": {
                "scenes": self._catalogue is not None,
                "probability": bool(mosaic_tiles(self._project)),
                "features": bool(finished(self._project.features_folder, "*.parquet")),
            },
        }

    def tile(self, layer: LayerName, level: int, column: int, row: int) -> bytes:
        """Return a tile as PNG, transparent where there is nothing.

        Parameters
        ----------
        level
            Power of two of lattice pixels per tile pixel, 0 to ``MOST_LEVELS``.
        column, row
            Index of the tile, counted from the origin of the grid.
        """
        key = (layer, level, column, row)
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
            window = Window(column * TILE, row * TILE, TILE, TILE)
            pixels = self._scenes(level, window) if layer == "scenes" else self._probability(level, window)
            self._tiles[key] = _png(pixels)
            if len(self._tiles) > _KEPT_TILES:
                self._tiles.popitem(last=False)
            return self._tiles[key]

    def features(self, bounds: Bounds) -> dict[str, Any]:
        """Return the features that touch ``bounds`` as GeoJSON in the coordinates of the grid.

        More than ``MOST_FEATURES`` are cut to the largest; ``total`` says how many there are.
        """
        parts = []
        for cell in self._project.cells.tiles(self._project.grid.window(bounds)):
            table = self._cell(cell.id)
            if table is not None:
                parts.append(table.iloc[table.sindex.query(bounds.polygon(), predicate="intersects")])
        total = sum(len(part) for part in parts)
        collection: list[Mapping[str, Any]] = []
        for part in parts:
            share = MOST_FEATURES if total <= MOST_FEATURES else MOST_FEATURES * len(part) // total
            chosen = part.iloc[np.argsort(-part.geometry.area.to_numpy())[:share]] if len(part) > share else part
            collection.extend(chosen.iterfeatures(na="null"))
        return {"type": "FeatureCollection", "total": total, "features": collection}

    def close(self) -> None:
        """Close every scene that is open."""
        with self._lock:
            while self._readers:
                self._readers.popitem()[1][1].close()

    def _bounds(self) -> Bounds:
        if self._catalogue is not None and self._catalogue.scenes:
            own = self._catalogue.bounds
            return own if self._project.bounds is None else self._project.bounds
        names = mosaic_tiles(self._project)
        windows = [self._project.tiling.tile(name).window for name in names]
        if not windows:
            return self._project.bounds or self._project.grid.bounds(Window(0, -TILE, TILE, TILE))
        whole = windows[0]
        for window in windows[1:]:
            whole = whole.union(window)
        return self._project.grid.bounds(whole)

    def _scenes(self, level: int, window: Window) -> NDArray[np.uint8]:
        result = np.zeros((*window.shape, 4), dtype=np.uint8)
        if self._catalogue is None:
            return result
        grid = Grid(self._project.grid.crs, self._project.grid.resolution * 2**level)
        for scene in self._catalogue.covering(grid.bounds(window)):
            patch = self._reader(scene.id, level, grid).read(window)
            empty = patch.valid & (result[..., 3] == 0)
            result[empty, :3] = np.moveaxis(patch.image[:3], 0, -1)[empty]
            result[empty, 3] = 255
            if (result[..., 3] == 255).all():
                break
        return result

    def _reader(self, name: str, level: int, grid: Grid) -> SceneReader:
        key = (name, level)
        if key not in self._readers:
            assert self._catalogue is not None
            stack = ExitStack()
            self._readers[key] = (
                stack.enter_context(open_scene(self._catalogue.scene(name), grid, allow_missing_nir=True)),
                stack,
            )
            if len(self._readers) > _KEPT_READERS:
                self._readers.popitem(last=False)[1][1].close()
        self._readers.move_to_end(key)
        return self._readers[key][0]

    def _probability(self, level: int, window: Window) -> NDArray[np.uint8]:
        step = 2**level
        wide = Window(window.column * step, window.row * step, window.width * step, window.height * step)
        value = np.full(window.shape, np.nan)
        for tile in self._project.tiling.tiles(wide):
            name, storage = cog_name(tile.id), self._project.map_storage
            if storage.find(name) is None:
                continue
            with open_stored(storage, name) as file:
                size = self._project.grid.resolution
                own = Window(round(file.transform.c / size), round(-file.transform.f / size), file.width, file.height)
                part = own.intersection(wide)
                if part is None:
                    continue
                source, target = part.slices(own), part.slices(wide)
                rows, columns = (slice(edge.start // step, -(-edge.stop // step)) for edge in target)
                read = file.read(
                    1,
                    window=((source[0].start, source[0].stop), (source[1].start, source[1].stop)),
                    out_shape=(rows.stop - rows.start, columns.stop - columns.start),
                    resampling=Resampling.average,
                    masked=True,
                )
            known = ~np.ma.getmaskarray(read)
            value[rows, columns][known] = read.data[known] / 254.0
        colours = (probability_colours()(np.ma.masked_invalid(value)) * 255).astype(np.uint8)
        # Open ground lets the scene show through; certain trees cover it.
        colours[..., 3] = np.where(np.isnan(value), 0, np.clip(np.nan_to_num(value) * 2, 0, 1) * 255).astype(np.uint8)
        return colours

    def _cell(self, name: str) -> gpd.GeoDataFrame | None:
        with self._lock:
            path = self._project.features_folder / f"{name}.parquet"
            if name not in self._features and path.is_file():
                self._features[name] = gpd.read_parquet(path)
            return self._features.get(name)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
