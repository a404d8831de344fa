"""Tiles and chips of footprints agree with intersecting every footprint with every chip."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box

from bocage.grid import Bounds, Grid, Tiling, Window
from bocage.mapping.incidence import find_incidence
from bocage.mapping.lattice import Lattice

GRID = Grid("EPSG:3035", 2.0)
TILING = Tiling(GRID, 400)
EVERYWHERE = Window(-1500, -1500, 3000, 3000)


def brute(footprint: shapely.Geometry, lattice: Lattice, within: Window, least: float = 0.01) -> dict[str, int]:
    found = {}
    for tile in TILING.tiles(within):
        parts = [chip.intersection(tile.window) for chip in lattice.chips_for(tile.window)]
        chips = sum(
            footprint.intersection(GRID.bounds(part).polygon()).area > least for part in parts if part is not None
        )
        if chips:
            found[tile.id] = chips
    return found


def incidence(footprints: list[shapely.Geometry], lattice: Lattice, within: Window) -> list[dict[str, int]]:
    pairs = find_incidence(np.array(footprints, dtype=object), TILING, lattice, within)
    found: list[dict[str, int]] = [{} for _ in footprints]
    for down, east, scene, chips in zip(pairs.down, pairs.east, pairs.scene, pairs.chips, strict=True):
        found[scene][TILING.tile_at(int(east), -int(down) - 1).id] = int(chips)
    assert (np.diff(pairs.down) >= 0).all()
    return found


@st.composite
def outlines(draw: st.DrawFn) -> shapely.Geometry:
    """Stars, holes, several parts and lines along the lattice: anything valid, with corners of whole metres."""
    seed = draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    shapes = []
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(-700, 700, 2)
        if random.random() < 0.3:
            shapes.append(
                box(round(x), round(y), round(x) + random.integers(2, 900), round(y) + random.integers(2, 900))
            )
            continue
        angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 12))))
        radius = random.uniform(5, 600, len(angles))
        star = Polygon(np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])).buffer(0)
        shapes.append(star.difference(Point(x + 30, y).buffer(random.uniform(1, 150))))
    # A precision of its own would round what is cut out of it.
    whole = shapely.set_precision(shapely.set_precision(shapely.union_all(shapes), 0.5), 0)
    return MultiPolygon([part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"])


@settings(max_examples=40, deadline=None)
@given(st.lists(outlines(), min_size=1, max_size=4), st.sampled_from([(64, 0.25), (64, 0.0), (96, 0.5), (320, 0.25)]))
def test_incidence_is_that_of_intersecting_every_chip(
    footprints: list[shapely.Geometry], chips: tuple[int, float]
) -> None:
    lattice = Lattice.of(*chips)
    within = Window(-700, -600, 1300, 1100)
    for footprint, counts in zip(footprints, incidence(footprints, lattice, within), strict=True):
        # A corner that reaches into a chip by a fraction of a pixel may count or not.
        fewest, most = brute(footprint, lattice, within), brute(footprint, lattice, within, 0)
        assert fewest.keys() <= counts.keys() <= most.keys()
        assert all(fewest.get(tile, 0) <= count <= most[tile] for tile, count in counts.items())


def test_a_footprint_that_only_touches_a_tile_does_not_show_it() -> None:
    lattice = Lattice.of(64, 0.25)
    square = GRID.bounds(Window(200, 200, 200, 200)).polygon()
    (found,) = incidence([square], lattice, EVERYWHERE)
    assert found == {"E1S2": lattice.count(Window(200, 200, 200, 200))}


def test_nothing_is_found_of_nothing() -> None:
    pairs = find_incidence(np.array([Polygon()], dtype=object), TILING, Lattice.of(64, 0.25), EVERYWHERE)
    assert len(pairs.scene) == len(pairs.chips) == 0


@pytest.mark.parametrize("size", [1, 3000])
def test_portions_do_not_matter(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    footprints = [Point(*random.uniform(-900, 900, 2)).buffer(random.uniform(10, 500)) for _ in range(40)]
    lattice = Lattice.of(64, 0.25)
    whole = incidence(footprints, lattice, EVERYWHERE)
    monkeypatch.setattr("bocage.mapping.incidence._TOGETHER", size)
    assert incidence(footprints, lattice, EVERYWHERE) == whole
    assert whole[0] == brute(footprints[0], lattice, EVERYWHERE)


def test_bounds_of_the_grid_have_their_sign() -> None:
    (found,) = incidence([Bounds(10, 10, 20, 20).polygon()], Lattice.of(64, 0.0), EVERYWHERE)
    assert found == {"E0N0": 1}
