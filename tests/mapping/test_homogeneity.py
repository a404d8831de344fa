"""Faults that are put into a simulated mosaic come out on top of the report; an undisturbed mosaic is left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bocage.grid import Tiling, Window
from bocage.mapping.disagreement import Usual, outlying_scenes, sum_pairs
from bocage.mapping.fusion import Fusion
from bocage.mapping.homogeneity import Finding, examine, worst
from bocage.mapping.inspection import Inspection, Inspector
from bocage.mapping.outliers import outlying
from bocage.mapping.seams import NEARBY, find_seams, measure_borders, measure_line
from tests.mapping.fakes import GRID

EDGE, ACROSS = 224, 4
TILING = Tiling(GRID, EDGE * GRID.resolution)
SIZE = EDGE * ACROSS
SCENES = {"a": "PHR", "b": "SPOT", "c": "PHR", "d": "SPOT", "e": "PHR", "f": "SPOT"}


def landscape(random: np.random.Generator, size: int = SIZE) -> NDArray[np.float32]:
    """Groves and hedges in any direction, as a model sees them: soft edges, small errors; 0..1."""
    ground = gaussian_filter(random.standard_normal((size, size)), 20)
    woody = ground > 1.2 * ground.std()
    rows, columns = np.mgrid[:size, :size]
    for _ in range(size // 30):
        angle = random.choice([0, np.pi / 2, random.uniform(0, np.pi)])
        away = np.cos(angle) * (columns - size / 2) + np.sin(angle) * (rows - size / 2) - random.uniform(-size, size)
        along = np.cos(angle) * (rows - size / 2) - np.sin(angle) * (columns - size / 2) - random.uniform(-size, size)
        woody |= (np.abs(away) < random.uniform(2, 5)) & (np.abs(along) < random.uniform(40, 250))
    soft = gaussian_filter(woody.astype(np.float32), 1.2)
    result: NDArray[np.float32] = soft.astype(np.float32)
    return result


@dataclass
class Mosaic:
    """Six scenes over sixteen tiles, two or three over a place; what is done to one is done before fusing."""

    seed: int
    stretched: str = ""
    hole: Callable[[NDArray[np.bool_]], None] = lambda _: None

    def build(self) -> tuple[NDArray[np.uint8], dict[str, Inspection]]:
        random = np.random.default_rng(self.seed)
        truth, takes = landscape(random), []
        rows, columns = np.mgrid[:SIZE, :SIZE]
        for place, name in enumerate(SCENES):
            noise = gaussian_filter(random.standard_normal((SIZE, SIZE), dtype=np.float32), 2, truncate=2.5) * 3
            logit = 10 * (truth - 0.5) + noise + random.uniform(-0.5, 0.5)
            if name == self.stretched:
                logit = 0.6 * logit + 1.2
            # Slanted, and no edge on a border of tiles: a scene that ends there would be a seam, and rightly so.
            across, down = columns + rows // 7 - (place % 3) * SIZE // 4, rows - columns // 9 - (place // 3) * SIZE // 3
            valid = (across > -1) & (across < 0.7 * SIZE) & (down > -SIZE // 6) & (down < 0.65 * SIZE)
            takes.append((name, (1 / (1 + np.exp(-logit))).astype(np.float32), valid))
        seen = np.ones((SIZE, SIZE), np.bool_)
        self.hole(seen)
        mosaic, tiles = np.empty((SIZE, SIZE), np.uint8), {}
        for tile in TILING.tiles(Window(0, 0, SIZE, SIZE)):
            part = tile.window.slices(Window(0, 0, SIZE, SIZE))
            fusion, inspector = Fusion(tile.window), Inspector(tile.window)
            for name, probability, valid in takes:
                own = valid[part] & seen[part]
                if own.any():
                    fusion.add(tile.window, probability[part], own)
                    inspector.add(name, tile.window, probability[part], own)
            mosaic[part] = fusion.probability
            tiles[tile.id] = inspector.finish(fusion.probability, fusion.observations)
        return mosaic, tiles


def report(mosaic: NDArray[np.uint8], tiles: dict[str, Inspection]) -> tuple[list[Finding], dict[str, object]]:
    def read(window: Window) -> NDArray[np.uint8]:
        return mosaic[window.row : window.bottom, window.column : window.right]

    borders = measure_borders(TILING.tiles(Window(0, 0, SIZE, SIZE)), TILING, read, threads=1)
    return examine(tiles, borders, SCENES)


def test_an_undisturbed_mosaic_is_left_alone() -> None:
    found = [report(*Mosaic(seed).build())[0] for seed in range(4)]
    # 64 tiles; a run may name one by chance in one of twenty runs for each kind of finding.
    assert sum(bool(each) for each in found) <= 1
    assert sum(len(each) for each in found) <= 1


@pytest.mark.parametrize("offset", [3, -20])
def test_a_tile_with_an_offset_comes_first_and_its_neighbours_are_spared(offset: int) -> None:
    mosaic, tiles = Mosaic(11).build()
    part = (slice(EDGE, 2 * EDGE), slice(2 * EDGE, 3 * EDGE))
    mosaic[part] = np.where(mosaic[part] == 255, 255, np.clip(mosaic[part].astype(int) + offset, 0, 254))
    found, figures = report(mosaic, tiles)
    assert [finding.tile for finding in found] == ["E2S2"]
    assert (found[0].kind, "higher" if offset > 0 else "lower") == ("seam", found[0].reason.split()[-1])
    assert found[0].severity == pytest.approx(abs(offset) / 254, rel=0.8)
    assert worst(figures) == f"E2S2 stands out: {found[0].reason}"


def test_a_scene_of_another_stretch_is_named_with_its_tiles() -> None:
    found, figures = report(*Mosaic(5, stretched="e").build())
    scenes = figures["scenes"]
    assert isinstance(scenes, list)
    assert [scene["scene"] for scene in scenes] == ["e"]
    assert scenes[0]["shift"] > 0
    assert found[0].kind == "scene"
    assert "scene e differs" in found[0].reason
    assert {finding.kind for finding in found} == {"scene"}


def test_a_stripe_that_no_scene_saw_comes_first() -> None:
    def stripe(seen: NDArray[np.bool_]) -> None:
        rows = np.arange(EDGE)
        for wide in range(3):
            seen[EDGE + rows, 2 * EDGE + 40 + rows // 3 + wide] = False

    found, figures = report(*Mosaic(7, hole=stripe).build())
    assert [(finding.tile, finding.kind) for finding in found] == [("E2S2", "stripe")]
    assert "straight stripe" in found[0].reason
    observations = figures["observations"]
    assert isinstance(observations, dict)
    assert sum(observations["share_of_seen"].values()) == pytest.approx(1, abs=1e-4)


def test_figures_are_those_of_the_counts() -> None:
    mosaic, tiles = Mosaic(1).build()
    _, figures = report(mosaic, tiles)
    pairs = sum_pairs(tiles.values())
    agreement = figures["agreement"]
    assert isinstance(agreement, dict)
    assert agreement["pixels"] == sum(pair.pixels for pair in pairs.values())
    assert set(agreement["sensors"]) == {"PHR and PHR", "PHR and SPOT", "SPOT and SPOT"}
    assert agreement["pairs_of_scenes"] == len(pairs)
    seams = figures["seams"]
    assert isinstance(seams, dict)
    assert (seams["borders"], seams["control_lines"]) == (24, 48)


def test_an_empty_mosaic_has_an_empty_report() -> None:
    found, figures = examine({}, [], {})
    assert found == []
    assert worst(figures) == ""


def test_a_line_knows_nothing_where_one_side_is_unseen() -> None:
    strip = np.full((64, 2 * NEARBY + 2), 255, np.uint8)
    strip[:, NEARBY + 1 :] = 100
    line = measure_line(strip, NEARBY + 1)
    assert np.isnan(line.z)
    assert line.segments == 0


def test_a_flat_map_has_no_seam() -> None:
    line = measure_line(np.zeros((200, 60), np.uint8), 30)
    assert (line.z, line.difference) == (0.0, 0.0)


def test_the_ranks_of_lines_that_are_no_borders_have_the_spread_that_the_test_assumes() -> None:
    scores = []
    for seed in range(3):
        mosaic, _ = Mosaic(seed + 100).build()
        scores += [measure_line(mosaic[:, :], at).z for at in range(NEARBY + 1, SIZE - NEARBY - 1, 40)]
        scores += [measure_line(mosaic.T, at).z for at in range(NEARBY + 1, SIZE - NEARBY - 1, 40)]
    assert 0.6 < np.std(scores) < 1.5
    assert abs(np.mean(scores)) < 0.4


def test_a_step_of_rounding_is_no_seam() -> None:
    random = np.random.default_rng(0)
    borders = measure_borders(
        TILING.tiles(Window(0, 0, SIZE, SIZE)),
        TILING,
        lambda window: np.full(window.shape, 100, np.uint8) + (random.random(window.shape) < 0.001).astype(np.uint8),
        threads=1,
    )
    lifted = [replace(border, line=replace(border.line, z=50.0)) for border in borders]
    assert find_seams(lifted).significant == ()


def test_a_scene_with_many_neighbours_does_not_drag_them_along() -> None:
    _, tiles = Mosaic(5, stretched="b").build()
    pairs = sum_pairs(tiles.values())
    assert [scene.scene for scene in outlying_scenes(pairs, Usual(pairs, SCENES))] == ["b"]


def test_outliers_hidden_by_larger_ones_are_found() -> None:
    random = np.random.default_rng(0)
    values = [*random.normal(0, 1, 40), 30.0, 12.0, 11.0]
    assert outlying(values, most=6, least_spread=0.1) == [40, 41, 42]
    assert outlying([1.0, 1.0, 1.0, 1.0, 1.05], most=2, least_spread=0.15) == []
    assert outlying([], most=1, least_spread=1.0) == []


def test_outliers_of_one_distribution_are_rarely_named() -> None:
    random = np.random.default_rng(1)
    runs = [outlying(random.normal(0, 1, 12).tolist(), most=3, least_spread=0.0) for _ in range(400)]
    assert sum(bool(run) for run in runs) / 400 < 0.08
