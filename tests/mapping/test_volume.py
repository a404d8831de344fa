"""The share of a file that a tile reads is that of cutting its image, and of what a reader is asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.grid import Bounds, Tiling, Window
from bocage.mapping.chips import read_strips
from bocage.mapping.incidence import find_incidence
from bocage.mapping.lattice import Lattice
from bocage.mapping.volume import block_margins, corners_of, read_shares
from bocage.scenes.scene import Scene
from tests.mapping.fakes import GRID, FakeReader, fake_scene

TILING = Tiling(GRID, 640)
LATTICE = Lattice.of(64, 0.25)


def placed(scene: Scene, transform: Affine, crs: str = GRID.crs) -> Scene:
    return replace(scene, image=replace(scene.image, transform=transform, crs=crs))


def shares(scenes: list[Scene], within: Window) -> dict[tuple[int, str], float]:
    footprints = np.array([scene.footprint for scene in scenes], dtype=object)
    pairs = find_incidence(footprints, TILING, LATTICE, within)
    found = read_shares(pairs, shapely.bounds(footprints), corners_of(scenes, GRID), TILING, LATTICE)
    tiles = (TILING.tile_at(int(east), -int(down) - 1).id for down, east in zip(pairs.down, pairs.east, strict=True))
    return dict(zip(zip(pairs.scene.tolist(), tiles, strict=True), found.tolist(), strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_an_aligned_scene_is_read_as_the_tile_asks_its_reader(seed: int) -> None:
    random = np.random.default_rng(seed)
    window = Window(*random.integers(-500, 500, 2).tolist(), *random.integers(1, 900, 2).tolist())
    scene = placed(fake_scene("a", window), GRID.transform(window))
    found = shares([scene], window)
    for tile in TILING.tiles(window):
        reader = FakeReader("a", window)
        shared = tile.window.intersection(window)
        assert shared is not None
        for _ in read_strips(reader, shared, LATTICE):
            pass
        read = sum(each.width * each.height for each in reader.reads)
        assert found[0, tile.id] == pytest.approx(read / (window.width * window.height), abs=1e-9)
    assert len(found) == len(list(TILING.tiles(window)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_a_turned_image_is_cut_as_its_outline(seed: int) -> None:
    random = np.random.default_rng(seed)
    turn = Affine.translation(*random.uniform(-1000, 1000, 2)) @ Affine.rotation(random.uniform(0, 360))
    transform = turn @ Affine.scale(random.uniform(0.5, 4), random.uniform(-4, -0.5))
    scene = placed(fake_scene("a", Window(0, 0, *random.integers(50, 900, 2).tolist())), transform)
    rows, columns = scene.shape
    image = shapely.Polygon([transform @ corner for corner in ((0, 0), (columns, 0), (columns, rows), (0, rows))])
    footprint = image.buffer(-20) if random.random() < 0.5 and not image.buffer(-20).is_empty else image
    scene = replace(scene, footprint=footprint)
    bounds = GRID.window(Bounds(*footprint.bounds))
    for (_, name), share in shares([scene], bounds).items():
        shared = TILING.tile(name).window.intersection(bounds)
        assert shared is not None
        rows_of, columns_of = LATTICE.rows(shared), LATTICE.columns(shared)
        chips = Window(
            columns_of[0], rows_of[0], columns_of[-1] - columns_of[0] + 64, rows_of[-1] - rows_of[0] + 64
        ).intersection(bounds)
        assert chips is not None
        expected = image.intersection(GRID.bounds(chips).polygon()).area / image.area
        assert share == pytest.approx(expected, abs=1e-6)


def test_an_image_in_another_system_is_brought_to_the_grid(tmp_path: Path) -> None:
    scene = placed(fake_scene("a", Window(0, 0, 1000, 1000)), Affine(2, 0, 500_000, 0, -2, 5_540_000), "EPSG:32632")
    (corners,) = corners_of([scene], GRID) * [2, -2]
    outline = shapely.Polygon(corners)
    assert outline.area == pytest.approx(2000 * 2000, rel=0.002)
    scene = replace(scene, footprint=outline.intersection(shapely.box(*outline.centroid.buffer(600).bounds)))
    found = shares([scene], GRID.window(Bounds(*scene.footprint.bounds)))
    # 1200 m of 2000 m in both directions, and the chips of each tile reach up to 63 pixels beyond it.
    assert 0.36 < sum(found.values()) < 0.36 * (1 + 4 * 126 / 640)


def test_files_are_read_by_whole_blocks() -> None:
    """Wherever the blocks begin, a window of n pixels meets n + 511 pixels of blocks of 512 on average."""
    window = Window(-2000, -2000, 8000, 8000)
    scene = placed(fake_scene("a", window), GRID.transform(window))
    footprints = np.array([scene.footprint], dtype=object)
    tile = TILING.tile_at(2, 2).window
    pairs = find_incidence(footprints, TILING, LATTICE, tile)
    bounds, corners, margins = shapely.bounds(footprints), corners_of([scene], GRID), block_margins([scene], GRID)
    share = read_shares(pairs, bounds, corners, TILING, LATTICE, margins)[0]
    met = []
    for chips in (LATTICE.columns(tile), LATTICE.rows(tile)):
        starts, pixels = np.arange(512), chips[-1] + LATTICE.chip - chips[0]
        met.append(np.mean((starts + pixels - 1) // 512 + 1) * 512)
    assert share == pytest.approx(met[0] * met[1] / 8000**2)
