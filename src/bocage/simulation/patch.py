"""One patch of landscape seen by several families at the same moment, to compare the radiometry of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from shapely.geometry import box

from bocage.errors import GridError, SettingsError
from bocage.simulation.deliveries.packaging import Packaging
from bocage.simulation.deliveries.product import TILE_EDGE, Product
from bocage.simulation.extent import Raster
from bocage.simulation.landscape import Landscape
from bocage.simulation.reflectance import Image, Sun, reflect, texture
from bocage.simulation.scenes import LANDSCAPE_CRS, Capture, SceneTruth
from bocage.simulation.sensor import FAMILIES, Cloud, Take

_LEFT, _BOTTOM = 4_321_300.0, 3_019_300.0
_HALO = 56.0
_STEP = 40.0
_ACQUIRED = datetime(2021, 7, 3, 10, 22, 30, tzinfo=UTC)
_SUN = Sun(141.0, 55.0)


@dataclass(frozen=True, slots=True)
class SimulatedDelivery:
    """A delivery that was written.

    Attributes
    ----------
    path
        Its folder or archive.
    take
        How it was acquired.
    product
        What its layout was written from: the numbers in the order of the file, their grid and the clouds.
    truth
        The reflectance at the top of the atmosphere that the numbers were made from.
    """

    path: Path
    take: Take
    product: Product
    truth: SceneTruth


def simulate_deliveries(
    folder: Path | str,
    families: Sequence[str] = tuple(FAMILIES),
    *,
    size: float = 400.0,
    seed: int = 0,
    haze: float = 0.3,
    cloudy: bool = False,
    crs: str = LANDSCAPE_CRS,
    packaging: Packaging = "folder",
    processing: Literal["basic", "reflectance"] = "basic",
    tile_edge: int = TILE_EDGE,
) -> list[SimulatedDelivery]:
    """Write one delivery per family of the same ground, moment, sun and air.

    Parameters
    ----------
    folder
        Where each delivery gets a folder or archive of its own.
    families
        Codes of sensors; a code that comes again is flown by the next platform of its family.
    size
        Edge of the patch in metres, a multiple of 40 m.
    haze
        State of the air, 0 (clear) to 1.
    cloudy
        Whether a cloud stands over the middle.
    crs
        That of the deliveries, such as ``EPSG:32632``.
    processing
        ``reflectance`` for products whose numbers are ten-thousandths of reflectance; Pléiades, its successor and SPOT
        are delivered so as well.
    tile_edge
        Edge of a tile in pixels, for the layouts that cut an image into tiles.

    Raises
    ------
    GridError
        If ``size`` is not a multiple of 40 m.
    SettingsError
        If a family is not known, or is not delivered as reflectance.
    """
    if size <= 0 or size % _STEP:
        raise GridError(f"size {size} m of the patch", f"use a multiple of {_STEP:.0f} m")
    unknown = sorted(set(families) - set(FAMILIES))
    if unknown:
        raise SettingsError(f"families: {', '.join(unknown)} cannot be simulated", f"choose from {', '.join(FAMILIES)}")
    if processing == "reflectance" and not set(families) <= set(_REFLECTANCE):
        raise SettingsError("families: not all are delivered as reflectance", f"choose from {', '.join(_REFLECTANCE)}")
    core = Raster(_LEFT, _BOTTOM + size, round(size), round(size))
    scenery = Landscape.over(seed, _LEFT, _BOTTOM, size).render(core.pad(_HALO))
    image: Image = reflect(scenery, texture(seed, scenery), _ACQUIRED.timetuple().tm_yday, _SUN)
    cloud = Cloud(_LEFT + size / 2, _BOTTOM + size / 2, size / 8, size / 4) if cloudy else None
    written = []
    for place, code in enumerate(families):
        family = FAMILIES[code]
        platforms = family.sensor.platforms
        platform = platforms[list(families[:place]).count(code) % len(platforms)]
        take = Take(
            id=f"{platform}_{_ACQUIRED:%Y%m%d}".replace("-", ""), family=family, platform=platform,
            acquired=_ACQUIRED, sun=_SUN, off_nadir=12.0, haze=haze,
            footprint=box(core.left, core.bottom, core.right, core.top), shift=(0.0, 0.0), crs=crs, cloud=cloud,
            processing=processing,
        )  # fmt: skip
        capture = Capture(take, seed, keep_truth=True)
        capture.add(image, scenery.raster, core)
        product = capture.product(tile_edge=tile_edge)
        path = capture.write(Path(folder), packaging=packaging, tile_edge=tile_edge)
        written.append(SimulatedDelivery(path, take, product, capture.truth()))
    return written


_REFLECTANCE = ("PHR", "PNEO", "SPOT")
