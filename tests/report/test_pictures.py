"""Pictures: real PNGs of the right content, and numbers that do not change on the way to them."""

import io
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from shapely.geometry import MultiPolygon, Polygon, box

from bocage.grid import Bounds
from bocage.project import Project
from bocage.report.album import coarse_mosaic
from bocage.report.chips import Example, chip_table, errors_of, wrapped
from bocage.report.pictures import features_over_imagery, learning_curves, mosaic, nice_length, png, scenes_and_samples


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    assert image.format == "PNG"
    assert image.width > 300
    return image.convert("RGB")


def share(image: Image.Image, colour: tuple[int, int, int]) -> float:
    pixels = np.asarray(image).reshape(-1, 3)
    return float((np.abs(pixels.astype(int) - colour).sum(axis=1) < 12).mean())


def test_errors_of_every_kind() -> None:
    label = np.array([0, 1, 0, 1, 255, 1], dtype=np.uint8)
    probability = np.array([10, 200, 200, 10, 200, 255], dtype=np.uint8)
    assert errors_of(label, probability, 0.5).tolist() == [0, 1, 2, 3, 4, 4]


def test_mosaic_shows_unseen_ground_in_grey() -> None:
    probability = np.zeros((50, 80))
    probability[:, 40:] = np.nan
    image = opened(mosaic(probability, Bounds(0, 0, 800, 500)))
    assert 0.2 < share(image, (217, 220, 215)) < 0.6


def test_scenes_of_every_shape_can_be_drawn() -> None:
    holed = Polygon([(0, 0), (900, 0), (900, 900), (0, 900)], [[(300, 300), (300, 600), (600, 600), (600, 300)]])
    parts = MultiPolygon([box(1000, 0, 1200, 300), box(1000, 400, 1200, 800)])
    samples = gpd.GeoDataFrame({"split": ["train", "test"]}, geometry=[box(0, 0, 90, 90), box(100, 0, 190, 90)])
    opened(scenes_and_samples([("PHR", holed), ("SPOT", parts)], samples, [Bounds(0, 0, 1000, 1000)]))
    opened(scenes_and_samples([("PHR", holed)], None, []))


def test_features_without_any_in_view() -> None:
    empty = gpd.GeoDataFrame({"slf_type": []}, geometry=[])
    opened(features_over_imagery(np.zeros((40, 60, 3), dtype=np.uint8), Bounds(0, 0, 60, 40), empty))


def test_curves_of_several_runs() -> None:
    runs = {name: {"loss": [(1, 0.9), (2, 0.5)], "IoU": [(2, 0.4)]} for name in ("one", "two")}
    opened(learning_curves(runs))


def test_chips_before_there_is_a_map() -> None:
    image = np.full((32, 32, 3), 90, dtype=np.uint8)
    narrow = opened(chip_table([Example("a", image, np.zeros((32, 32), dtype=np.uint8), None)] * 2, 0.5))
    probability = np.zeros((32, 32), dtype=np.uint8)
    wide = opened(chip_table([Example("a", image, np.zeros((32, 32), dtype=np.uint8), probability)] * 2, 0.5))
    assert wide.width > 1.5 * narrow.width


LONG = "DS_PHR1A_202306141012345_FR1_PX_E004N47_0614_01732-0123456789ABCDEF0123456789ABCDEF"


@pytest.mark.parametrize("mapped", [False, True])
def test_the_whole_name_of_a_scene_stands_beside_its_chip(monkeypatch: pytest.MonkeyPatch, mapped: bool) -> None:
    drawn: list[Figure] = []

    def keep(figure: Figure) -> bytes:
        drawn.append(figure)
        return png(figure)

    monkeypatch.setattr("bocage.report.chips.png", keep)
    image, label = np.full((32, 32, 3), 90, dtype=np.uint8), np.zeros((32, 32), dtype=np.uint8)
    opened(chip_table([Example(f"{LONG}\ntest", image, label, label if mapped else None)] * 3, 0.5))
    drawn[0].draw_without_rendering()
    columns = 4 if mapped else 2
    for axes in drawn[0].axes[::columns]:
        title = axes.yaxis.label
        assert title.get_text().replace("\n", "") == f"{LONG}test"
        place, page = title.get_window_extent(), drawn[0].bbox
        assert page.x0 <= place.x0 < place.x1 <= axes.get_window_extent().x0
        # It may be a little longer than its picture, and comes no nearer to the next one's than the gap between them.
        assert place.height < 1.1 * axes.get_window_extent().height


@given(st.text(st.characters(codec="latin-1", exclude_categories=["C", "Z"]), max_size=200), st.sampled_from("-_. x"))
def test_a_name_in_lines_is_the_name(name: str, mark: str) -> None:
    name = name.replace("x", mark).strip()
    lines = wrapped(name).split("\n")
    assert "".join(lines) == name
    assert all(len(line) <= 22 for line in lines)
    # Names of parts that fit are divided between the parts only.
    if max(map(len, re.split("[-_. ]", name))) < 22:
        assert all(line[-1] in "-_. " for line in lines[:-1])


@pytest.mark.parametrize(("most", "length"), [(1, 1), (999, 500), (1000, 1000), (2400, 2000), (0.3, 0.2)])
def test_scale_bar_lengths(most: float, length: float) -> None:
    assert nice_length(most) == pytest.approx(length)


def test_coarse_mosaic_keeps_place_and_value(full_project: Project, tmp_path: Path) -> None:
    found = coarse_mosaic(full_project, most=250)
    assert found is not None
    probability, bounds = found
    assert probability.shape == (250, 250)
    assert bounds.as_tuple() == (4_000_000, 2_998_000, 4_002_000, 3_000_000)
    # The false patch of value 190 lies at rows 560 to 600 and columns 300 to 420 of 1000.
    assert probability[145, 90] == pytest.approx(190 / 254, abs=0.01)
    assert np.isnan(probability[2, 200])
    assert coarse_mosaic(Project(tmp_path, full_project.settings)) is None
