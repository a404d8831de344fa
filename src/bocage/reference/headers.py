"""Where the files of a layer lie on the lattice, read from their headers once and remembered.

A continental layer has thousands of tiles. What their headers say is kept in the project's ``.bocage`` folder with size
and version of each file, so that the next start opens only what has changed.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import calculate_default_transform, transform, transform_bounds

from bocage.errors import GridError, LayerError, SceneError, StorageError
from bocage.files import digest_json, write_json
from bocage.grid import Bounds, Grid, Window
from bocage.project import Project
from bocage.reference.sources import Source
from bocage.scenes.deliveries.header import open_plain
from bocage.scenes.deliveries.locations import gdal_name, split_member

# Below this number opening the files costs less than the memory is worth.
_REMEMBERED = 32
_THREADS = 16
_LONELY = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
_log = logging.getLogger("bocage")


@dataclass(frozen=True, slots=True)
class Header:
    """Where a file lies: the lattice pixels that it touches, and its pixel on the ground in metres of the lattice."""

    window: Window
    gsd: float


def read_headers(
    sources: Sequence[Source], project: Project, grid: Grid, inspect: Callable[[Source, Grid], Header]
) -> list[Header]:
    """Return the headers of files in their order, from memory where size and version are those remembered.

    Raises
    ------
    LayerError
        What ``inspect`` raises.
    """
    name = digest_json((grid.crs, grid.resolution))[:16]
    memory = project.receipts_folder / "layers" / f"{name}.json"
    known = _recall(memory) if len(sources) >= _REMEMBERED else {}
    missing = [source for source in sources if _remembered(source, known) is None]
    if missing:
        with ThreadPoolExecutor(min(_THREADS, len(missing))) as pool:
            found = dict(zip(missing, pool.map(lambda source: inspect(source, grid), missing), strict=True))
        for source, header in found.items():
            window = header.window
            place = [window.column, window.row, window.width, window.height]
            known[source.href] = [source.size, source.version, place, header.gsd]
        if len(sources) >= _REMEMBERED:
            # A folder that cannot be written costs time at the next start, and nothing else.
            with suppress(StorageError):
                write_json(memory, known)
            _log.info("%d of %d files of a layer were looked at", len(missing), len(sources))
    headers = [_remembered(source, known) for source in sources]
    return [header for header in headers if header is not None]


@contextmanager
def open_raster(href: str) -> Iterator[rasterio.DatasetReader]:
    """Open a raster as one of the formats that layers come in, and as nothing else.

    Among the other formats of GDAL are those that read further files or addresses which the file names; a virtual
    raster is opened where it lies on this machine under its own name, since a person has put it there.

    Raises
    ------
    SceneError
        If the name cannot be given to GDAL.
    rasterio.errors.RasterioError
        If it cannot be opened.
    """
    local = not href.startswith("s3://") and not split_member(href)[1]
    virtual = local and href.lower().endswith(".vrt")
    name = gdal_name(href)
    # The neighbours of a tile in a store are not listed for each file: there may be thousands.
    with rasterio.Env(**({} if local else _LONELY)), open_plain(name, "VRT" if virtual else None) as file:
        yield file


def inspect_raster(source: Source, grid: Grid) -> Header:
    """Read the header of a raster.

    The pixel of a file in Web Mercator is its nominal one times the cosine of its latitude.

    Raises
    ------
    LayerError
        If it cannot be opened, has no georeference or no coordinate reference system, cannot be brought to that of the
        grid, has several bands or declares a scale.
    """
    try:
        with open_raster(source.href) as file:
            _require_one_band(file, source)
            if file.crs is None:
                raise LayerError(
                    f"{source.href} has no coordinate reference system", "assign one with gdal_edit -a_srs"
                )
            if file.transform.is_identity:
                raise LayerError(f"{source.href} has no georeference", "deliver it as a GeoTIFF with one")
            target = CRS.from_user_input(grid.crs)
            nominal = max(
                math.hypot(file.transform.a, file.transform.d), math.hypot(file.transform.b, file.transform.e)
            )
            if file.crs == target:
                return Header(grid.window(Bounds(*file.bounds)), float(nominal))
            bounds = transform_bounds(file.crs, target, *file.bounds, densify_pts=51)
            window = grid.window(Bounds(*bounds))
            return Header(window, _pixel_on_the_ground(file, target, nominal))
    except RasterioError as error:
        raise LayerError(f"{source.href} cannot be opened: {error}", "copy or download the file again") from error
    except SceneError as error:
        raise LayerError(error.problem, error.mend) from error
    except (CRSError, GridError, CPLE_BaseError) as error:
        reason = error.problem if isinstance(error, GridError) else str(error).partition(" from '")[0]
        raise LayerError(
            f"{source.href} cannot be brought to {grid.crs}: {reason}",
            "check its coordinate reference system, or warp it with gdalwarp",
        ) from error


def _require_one_band(file: Any, source: Source) -> None:
    if file.count != 1:
        raise LayerError(
            f"{source.href} holds {file.count} bands, a layer has one", "extract the band with gdal_translate"
        )
    if file.scales[0] != 1 or file.offsets[0] != 0:
        raise LayerError(
            f"{source.href} declares scale {file.scales[0]:g} and offset {file.offsets[0]:g}, so its values are not "
            "what they look like",
            "write the true values with gdal_translate -unscale",
        )


def _pixel_on_the_ground(file: Any, target: CRS, nominal: float) -> float:
    if file.crs.to_dict().get("proj") in {"merc", "webmerc"}:
        x, y = (file.bounds.left + file.bounds.right) / 2, (file.bounds.bottom + file.bounds.top) / 2
        _, latitude = transform(file.crs, CRS.from_epsg(4326), [x], [y])
        return float(nominal * math.cos(math.radians(latitude[0])))
    return float(calculate_default_transform(file.crs, target, file.width, file.height, *file.bounds)[0].a)


def _recall(memory: Path) -> dict[str, Any]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Lost or damaged, it is made again.
        return {}
    return known if isinstance(known, dict) else {}


def _remembered(source: Source, known: dict[str, Any]) -> Header | None:
    try:
        size, version, place, gsd = known[source.href]
        return Header(Window(*place), float(gsd)) if (size, version) == (source.size, source.version) else None
    except (KeyError, TypeError, ValueError):
        return None
