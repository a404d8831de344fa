"""What one set of files covers: a production cell, a tile of 200 km (2018) or a region of a country (2015).

The tiles of 2018 lie on the European grid and begin at even hundreds of kilometres to the east and odd ones to the
north: all 277 codes of the quality tool do (``E34N27``, ``E36N27``, ``E34N29``, ...). Where the 136 regions of 2015 lie
only the boundary masks of the service say, which are not published; so a project maps one region, and says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bocage.errors import ProductError
from bocage.grid import Grid, Tiling
from bocage.products.conformance.specification import COUNTRIES_2015, REGIONS_2015
from bocage.products.naming import Convention, epsg_of
from bocage.project import Project

TILE_2018 = 200_000.0
_HUNDRED = 100_000.0
_EUROPE = 3035
_REGION = re.compile(r"([a-z]{2})_(\d{1,3})")


def units_of(
    project: Project, convention: Convention, cells: Iterable[str], region: str | None
) -> dict[str, list[str]]:
    """Group production cells by what the files of a release cover.

    Parameters
    ----------
    region
        The region of 2015 that the project maps, as country and number ("fr_123"); that of the settings where None,
        which matters to that release alone.

    Returns
    -------
    dict
        Names of units, as they stand in file names, and their production cells, both in the order of ``cells``.

    Raises
    ------
    ProductError
        If a release comes by regions and none is given or set, one is given to a release that does not, or production
        cells do not fill tiles.
    """
    if convention != "2015" and region is not None:
        raise ProductError(
            f"the region {region} is given, and the release of {convention} does not come by regions",
            "leave it out, or choose the profile 2015",
        )
    units: dict[str, list[str]] = {}
    for cell in cells:
        if convention == "2015":
            unit = _region(region or project.settings.products.region)
        elif convention == "2018" and epsg_of(project.settings.grid.crs) == _EUROPE:
            unit = _tile(project, cell)
        else:
            unit = cell
        units.setdefault(unit, []).append(cell)
    return units


def _region(region: str | None) -> str:
    if region is None:
        raise ProductError(
            f"the layers of 2015 come by {len(REGIONS_2015)} regions of countries; where these lie is not published",
            'say which one the project maps: --region fr_123 (country and number), or region = "fr_123" in [products]',
        )
    found = _REGION.fullmatch(region.lower())
    if found is None or found[1].upper() not in COUNTRIES_2015 or int(found[2]) not in REGIONS_2015:
        raise ProductError(
            f"{region!r} is no region of 2015", f"write country and number, 1 to {max(REGIONS_2015)}: fr_123"
        )
    return f"{found[1]}_{int(found[2]):03d}"


def _tile(project: Project, cell: str) -> str:
    """Return the tile of 2018 in which a production cell lies."""
    bounds = project.grid.bounds(project.cells.tile(cell).window)
    east, north = int(bounds.left // _HUNDRED), int(bounds.bottom // _HUNDRED)
    east, north = east - east % 2, north - (north + 1) % 2
    left, bottom = east * _HUNDRED, north * _HUNDRED
    if bounds.right > left + TILE_2018 or bounds.top > bottom + TILE_2018:
        raise ProductError(
            f"production cell {cell} of {project.settings.grid.cell_size:g} m lies in more than one tile of 200 km, by "
            "which the layers of 2018 come",
            "set grid.cell_size to 100000 or a part of it",
        )
    return Tiling(Grid(f"EPSG:{_EUROPE}", _HUNDRED), _HUNDRED).tile_at(east, north).id
