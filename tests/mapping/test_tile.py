"""Laws 2, 3 and 5 on random tilings, footprints, chips and batches, with a model that has a receptive field."""

import time
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.errors import ModelError
from bocage.grid import Tile, Window
from bocage.mapping.fusion import NODATA
from bocage.mapping.predictor import Predictor
from bocage.mapping.tile import SceneSource, TileResult, TileSettings, map_tile
from tests.mapping.fakes import FakeReader, FakeSegmenter, sources, tile_settings

AREA = Window(-70, 140, 180, 150)

readers = st.lists(
    st.builds(
        FakeReader,
        st.uuids().map(str),
        st.builds(
            Window,
            column=st.integers(-150, 60),
            row=st.integers(60, 240),
            width=st.integers(20, 220),
            height=st.integers(20, 200),
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda reader: reader.scene_id,
)
how = st.builds(tile_settings, st.sampled_from([32, 48, 64]), st.sampled_from([0.0, 0.25, 0.4, 0.5]), st.integers(1, 7))


def map_whole(scenes: list[FakeReader], settings: TileSettings) -> TileResult:
    return map_tile(Tile("whole", AREA), sources(scenes), Predictor(FakeSegmenter()), settings)


def map_parts(
    scenes: list[FakeReader], settings: TileSettings, columns: list[int], rows: list[int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Map the area as the tiles that the cuts make and join them."""
    probability, observations = np.zeros(AREA.shape, np.uint8), np.zeros(AREA.shape, np.uint8)
    for left, right in pairwise([0, *sorted(set(columns)), AREA.width]):
        for top, bottom in pairwise([0, *sorted(set(rows)), AREA.height]):
            window = Window(AREA.column + left, AREA.row + top, right - left, bottom - top)
            result = map_tile(Tile("part", window), sources(scenes), Predictor(FakeSegmenter()), settings)
            probability[window.slices(AREA)] = result.probability
            observations[window.slices(AREA)] = result.observations
    return probability, observations


def assert_equal_map(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> None:
    """Equal within 1 of 255, nodata exactly."""
    np.testing.assert_array_equal(one == NODATA, two == NODATA)
    assert np.abs(one.astype(int) - two).max() <= 1


@settings(deadline=None, max_examples=25)
@given(
    readers,
    how,
    st.lists(st.integers(1, AREA.width - 1), max_size=2),
    st.lists(st.integers(1, AREA.height - 1), max_size=2),
    st.integers(1, 9),
)
def test_map_does_not_depend_on_tiles_or_batches(
    scenes: list[FakeReader], settings: TileSettings, columns: list[int], rows: list[int], batch_size: int
) -> None:
    """Law 2: the area as 1, 2, 4, 6 or 9 tiles."""
    whole = map_whole(scenes, settings)
    probability, observations = map_parts(scenes, TileSettings(settings.lattice, batch_size), columns, rows)
    assert_equal_map(whole.probability, probability)
    np.testing.assert_array_equal(whole.observations, observations)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_area_as_1_4_and_9_tiles(parts: int) -> None:
    scenes = [FakeReader("a", Window(-80, 130, 150, 170)), FakeReader("b", Window(-10, 150, 140, 160))]
    whole = map_whole(scenes, tile_settings())
    assert 0 < whole.valid_pixels < whole.probability.size
    assert np.unique(whole.probability).size > 30, "the map is too uniform to show a seam"
    columns = [AREA.width * part // parts for part in range(1, parts)]
    rows = [AREA.height * part // parts for part in range(1, parts)]
    probability, _ = map_parts(scenes, tile_settings(batch_size=3), columns, rows)
    assert_equal_map(whole.probability, probability)


@settings(deadline=None, max_examples=15)
@given(readers, how)
def test_order_of_scenes_does_not_matter(scenes: list[FakeReader], settings: TileSettings) -> None:
    """Law 3, to the last bit."""
    one, two = map_whole(scenes, settings), map_whole(scenes[::-1], settings)
    np.testing.assert_array_equal(one.probability, two.probability)
    np.testing.assert_array_equal(one.observations, two.observations)


@settings(deadline=None, max_examples=25)
@given(readers, how)
def test_nodata_is_a_third_state(scenes: list[FakeReader], settings: TileSettings) -> None:
    """Law 5: nodata exactly where no scene saw the ground, and each scene counts where it saw it."""
    result = map_whole(scenes, settings)
    seen = np.zeros(AREA.shape, dtype=int)
    for scene in scenes:
        shared = scene.window.intersection(AREA)
        if shared is not None:
            seen[shared.slices(AREA)] += scene.valid(shared)
    np.testing.assert_array_equal(result.observations, seen)
    np.testing.assert_array_equal(result.probability == NODATA, seen == 0)


@settings(deadline=None, max_examples=15)
@given(readers, how)
def test_scene_does_not_speak_where_it_is_invalid(scenes: list[FakeReader], settings: TileSettings) -> None:
    """Law 5: where only one scene is valid, the fused map is that scene's own map; nothing of the others leaks in."""
    fused = map_whole(scenes, settings)
    for scene in scenes:
        alone = map_whole([scene], settings)
        only = (fused.observations == 1) & (alone.observations == 1)
        np.testing.assert_array_equal(fused.probability[only], alone.probability[only])


def test_chip_without_valid_pixel_never_reaches_the_model() -> None:
    scene = FakeReader("corner", Window(AREA.column, AREA.row, 20, 20), holes=False)
    model = FakeSegmenter()
    result = map_tile(Tile("t", AREA), sources([scene]), Predictor(model), tile_settings(chip=32, overlap=0))
    touching = [
        chip for chip in tile_settings(chip=32, overlap=0).lattice.chips_for(AREA) if chip.intersection(scene.window)
    ]
    assert 0 < model.chips == result.chips <= len(touching)


def test_every_pixel_of_a_scene_is_read_once() -> None:
    reader = FakeReader("once", AREA.pad(40))

    class Keep:
        def __call__(self) -> FakeReader:
            return reader

    source = sources([reader])[0]
    kept = type(source)(source.id, Keep())
    map_tile(Tile("t", AREA), [kept], Predictor(FakeSegmenter()), tile_settings(overlap=0.5))
    assert sum(window.width * window.height for window in reader.reads) <= AREA.pad(64).width * AREA.pad(64).height
    for one, two in pairwise(reader.reads):
        assert one.intersection(two) is None
    assert reader.closed


def test_scene_that_fails_in_the_middle_is_taken_back_as_a_whole() -> None:
    good = FakeReader("good", AREA.pad(5))
    bad = FakeReader("bad", AREA.pad(20), fails_at_row=AREA.row + AREA.height - 10)
    for order in ([good, bad], [bad, good]):
        result = map_whole(order, tile_settings(chip=32, batch_size=1))
        alone = map_whole([good], tile_settings(chip=32, batch_size=1))
        np.testing.assert_array_equal(result.probability, alone.probability)
        np.testing.assert_array_equal(result.observations, alone.observations)
        assert result.used == ("good",)
        (refusal,) = result.quarantined
        assert refusal.subject == "bad"
        assert "TIFFReadEncodedTile() failed" in refusal.reason


def test_scenes_without_a_chip_do_not_gather_behind_a_slow_model() -> None:
    """Each holds a mask as large as the tile while it waits."""
    opened: list[str] = []
    seen: list[int] = []

    class Dark(FakeReader):
        def valid(self, window: Window) -> NDArray[np.bool_]:
            return np.zeros(window.shape, np.bool_)

    class Slow(FakeSegmenter):
        def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
            time.sleep(0.5)
            seen.append(len(opened))
            return super().predict(images, valid)

    def opener(reader: FakeReader) -> FakeReader:
        opened.append(reader.scene_id)
        return reader

    small = Window(AREA.column, AREA.row, 20, 20)
    readers = [FakeReader("bright", small, holes=False), *(Dark(f"dark{number}", AREA) for number in range(60))]
    asked = [SceneSource(reader.scene_id, partial(opener, reader)) for reader in readers]
    with Predictor(Slow()) as predictor:
        result = map_tile(Tile("t", AREA), asked, predictor, tile_settings())
    assert result.used == ("bright",)
    assert len(opened) == 61
    assert len(seen) == 1
    assert seen[0] < 10


def test_tile_without_scene_is_nodata() -> None:
    far = FakeReader("far", Window(5000, 5000, 100, 100))
    result = map_whole([far], tile_settings())
    assert (result.probability == NODATA).all()
    assert not result.observations.any()
    assert result.used == ()


def test_model_without_finite_numbers_is_an_error() -> None:
    class Broken(FakeSegmenter):
        def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
            return np.full(valid.shape, np.nan, dtype=np.float32)

    with pytest.raises(ModelError, match="not finite"):
        map_tile(Tile("t", AREA), sources([FakeReader("a", AREA)]), Predictor(Broken()), tile_settings())
