"""Laws of the whole design, on frames of every shape: buffer, blocks, strata, distance, probability."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.samples.footprints import CELL, cells_box, frame_of, patchwork, scene

from bocage.errors import SampleError
from bocage.samples.design import Drawn, _runs, draw_by_blocks, draw_by_scenes
from bocage.samples.frame import Frame, blocks_of
from bocage.samples.samples import draw_frame
from bocage.samples.spacing import gaps
from bocage.samples.split import SPLITS, Split
from bocage.samples.strata import Strata, stratify
from bocage.settings import SamplesSettings

TEST = SPLITS.index("test")


def settings_of(**given_: object) -> SamplesSettings:
    return SamplesSettings.model_validate({"cell_size": CELL, "block_size": 2 * CELL} | given_)


def attempt(frame: Frame, strata: Strata, given_: SamplesSettings, count: int, seed: int) -> Drawn | None:
    """Draw, or None where the ground is too small for it and the draw says so."""
    try:
        return draw_frame(frame, strata, given_, count, np.random.default_rng(seed))
    except SampleError:
        return None


def apart(frame: Frame, drawn: Drawn) -> float:
    """The distance between the test and the rest in metres, counted by brute force."""
    test, rest = (frame.places[drawn.pairs[drawn.split == TEST]], frame.places[drawn.pairs[drawn.split != TEST]])
    steps = np.maximum(np.abs(test[:, None] - rest) - 1, 0)
    return float(np.sqrt((steps**2).sum(axis=2)).min()) * CELL


@given(
    st.integers(0, 10_000),
    st.integers(6, 26),
    st.integers(1, 12),
    st.integers(4, 150),
    st.sampled_from([0.0, 50.0, 100.0, 150.0, 250.0, None]),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([0.0, 0.0, 100.0, 180.0]),
)
@settings(max_examples=80)
def test_the_laws_of_a_draw_by_blocks(
    seed: int, width: int, scenes: int, count: int, buffer: float | None, block: int, distance: float
) -> None:
    frame = frame_of(patchwork(seed, width, scenes))
    strata = stratify(frame)
    given_ = settings_of(buffer=buffer, block_size=block * CELL, minimum_distance=distance, test_share=0.2)
    drawn = attempt(frame, strata, given_, count, seed)
    assume(drawn is not None and count <= len(frame))
    assert drawn is not None
    # Train and test are never closer than the buffer, and no block lies in two splits.
    assert apart(frame, drawn) >= (CELL if buffer is None else buffer) - 1e-6
    blocks = blocks_of(frame, block * CELL)[0][drawn.pairs]
    assert all(len(set(drawn.split[blocks == one].tolist())) == 1 for one in set(blocks.tolist()))
    # Every stratum is present, and the weights of a stratum sum to what it holds.
    of_pair = strata.stratum[drawn.pairs]
    assert set(of_pair.tolist()) == set(range(len(strata.names)))
    np.testing.assert_allclose(np.bincount(of_pair, 1 / drawn.probability), list(strata.sizes.values()))
    assert len(set(drawn.pairs.tolist())) == len(drawn.pairs)
    assert len(drawn.pairs) <= count + len(strata.names)
    if distance:
        places = frame.places[drawn.pairs]
        for index in range(len(places)):
            assert gaps(places[[index]], np.delete(places, index, axis=0))[0] * CELL >= distance - 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_counts_hold_where_there_is_ground(seed: int) -> None:
    frame = frame_of(patchwork(seed, 60, 9))
    strata = stratify(frame)
    for buffer, distance in ((100.0, 0.0), (250.0, 0.0), (100.0, 100.0)):
        drawn = attempt(frame, strata, settings_of(buffer=buffer, minimum_distance=distance), 100, seed)
        assert drawn is not None
        assert np.bincount(drawn.split).tolist() == [80, 10, 10]


def test_small_areas_test_on_whole_blocks() -> None:
    """A frame that is drawn whole keeps most of its ground: the test lies in few blocks, not one cell in each."""
    frame = frame_of([scene("a", cells_box(0, 0, 40, 40))])
    drawn = attempt(frame, stratify(frame), settings_of(block_size=8 * CELL, test_share=0.1), 1600, 0)
    assert drawn is not None
    numbers = np.bincount(drawn.split)
    # Two or three of 25 blocks of 64 cells, and the belts around them.
    assert 110 <= numbers[TEST] <= 192
    assert numbers[SPLITS.index("train")] > 1000
    assert apart(frame, drawn) == CELL


@pytest.mark.parametrize(("size", "count"), [(7, 2), (50, 20), (100, 33)])
def test_blocks_in_runs_have_the_same_probability(size: int, count: int) -> None:
    places = np.column_stack([np.arange(size) % 7, np.arange(size) // 7])
    drawn = [_runs(places, count, np.random.default_rng(seed)) for seed in range(2000)]
    assert all(len(set(one.tolist())) == count for one in drawn)
    share = count / size
    times = np.bincount(np.concatenate(drawn), minlength=size) / 2000
    assert (np.abs(times - share) < 4.5 * np.sqrt(share * (1 - share) / 2000)).all()


def test_every_pair_is_tested_with_its_probability() -> None:
    """Where single cells are drawn, the probability of being in the test is exactly n / N of the stratum."""
    frame = frame_of(patchwork(4, 16, 4))
    strata = stratify(frame)
    given_ = settings_of(test_share=0.25, validation_share=0.1, block_size=CELL)
    runs, times, tested = 250, np.zeros(len(frame)), np.zeros(len(frame))
    quota = np.zeros(len(strata.names), np.int64)
    for seed in range(runs):
        drawn = draw_frame(frame, strata, given_, 24, np.random.default_rng(seed))
        times[drawn.pairs] += 1
        mine = drawn.pairs[drawn.split == TEST]
        tested[mine] += 1
        quota = np.bincount(strata.stratum[mine], minlength=len(strata.names))
    sizes = np.array(list(strata.sizes.values()))
    share = (quota / sizes)[strata.stratum]
    scores = (tested / runs - share) / np.sqrt(share * (1 - share) / runs)
    assert np.abs(scores).max() < 5
    assert scores.std() < 1.15
    # For the sample as a whole it is n / N on average, and nearly so for each pair: what lies in a belt is exchanged.
    nominal = (np.bincount(strata.stratum[drawn.pairs]) / sizes)[strata.stratum]
    for stratum in range(len(strata.names)):
        mine = strata.stratum == stratum
        assert times[mine].mean() / runs == pytest.approx(nominal[mine].mean(), rel=0.02)
    assert np.abs(times / runs / nominal - 1).mean() < 0.35


def test_a_stratum_that_the_test_would_swallow_is_drawn_for_the_test() -> None:
    """The only cell of a rare sensor lies within the buffer of every possible test cell."""
    scenes = [scene("a", cells_box(0, 0, 12, 12)), scene("b", cells_box(6, 6, 7, 7), "GE1")]
    frame = frame_of(scenes)
    strata = stratify(frame)
    splits = set()
    for seed in range(40):
        drawn = draw_frame(frame, strata, settings_of(buffer=200.0), 12, np.random.default_rng(seed))
        rare = drawn.split[frame.scene[drawn.pairs] == 1]
        assert len(rare) == 1
        splits.add(int(rare[0]))
    assert TEST in splits
    assert len(splits) > 1


@pytest.mark.parametrize("seed", range(4))
def test_scenes_by_name_keep_their_ground_apart(seed: int) -> None:
    scenes = [scene(f"s{index}", cells_box(index * 5, 0, index * 5 + 8, 9)) for index in range(5)]
    frame = frame_of(scenes)
    given_ = settings_of(split="scenes", test_scenes=("s1",), validation_scenes=("s3",))
    strata = stratify(frame)
    everything = draw_frame(frame, strata, given_, 1000, np.random.default_rng(seed))
    assert (everything.probability == 1).all()
    # All of the test scene; of the others what it does not show.
    assert (frame.scene[everything.pairs] == 1).sum() == 72
    assert np.bincount(frame.ground[everything.pairs], minlength=1).max() <= 2
    for split in range(len(SPLITS)):
        cells = set(frame.ground[everything.pairs[everything.split == split]].tolist())
        others = set(frame.ground[everything.pairs[everything.split != split]].tolist())
        assert not cells & others
    few = draw_frame(frame, strata, given_, 30, np.random.default_rng(seed))
    assert len(few.pairs) == 30
    by_scene = {"s0": 0, "s1": 2, "s2": 0, "s3": 1, "s4": 0}
    assert [by_scene[frame.scene_ids[index]] for index in frame.scene[few.pairs]] == few.split.tolist()
    belt = draw_frame(frame, strata, given_.model_copy(update={"buffer": 200.0}), 1000, np.random.default_rng(seed))
    assert apart(frame, belt) >= 200


def test_the_allocation_is_the_one_of_the_settings() -> None:
    frame = frame_of([scene("a", cells_box(0, 0, 30, 30)), scene("b", cells_box(0, 0, 10, 10), "GE1")])
    strata = stratify(frame)

    def numbers(deviations: dict[str, float] | None = None, **given_: object) -> NDArray[np.int64]:
        drawn = draw_by_blocks(frame, strata, settings_of(buffer=0, **given_), 40, np.random.default_rng(0), deviations)
        return np.bincount(strata.stratum[drawn.pairs])

    assert strata.names == ("all/GE1/rural", "all/PHR/rural")
    assert numbers().tolist() == [4, 36]
    assert numbers(allocation="power", power=0.5).tolist() == [10, 30]
    deviations = {"all/GE1/rural": 0.27, "all/PHR/rural": 0.03}
    assert numbers(deviations, allocation="neyman").tolist() == [20, 20]
    by_scene: dict[str, Split] = {"a": "train", "b": "test"}
    with pytest.raises(SampleError, match="no standard deviation is known"):
        draw_by_blocks(frame, strata, settings_of(allocation="neyman"), 40, np.random.default_rng(0))
    scenes = draw_by_scenes(
        frame, strata, by_scene, settings_of(allocation="neyman"), 40, np.random.default_rng(0), deviations
    )
    assert np.bincount(scenes.split).tolist() == [19, 0, 21]


def test_what_cannot_be_drawn_is_said() -> None:
    frame = frame_of(patchwork(1, 12, 8))
    strata = stratify(frame)

    def refuse(message: str, count: int = 60, **given_: object) -> None:
        with pytest.raises(SampleError, match=message):
            draw_frame(frame, strata, settings_of(**given_), count, np.random.default_rng(0))

    refuse("2 samples cannot show 3 strata", count=2)
    whole = frame_of(patchwork(1, 12, 1))
    with pytest.raises(SampleError, match="2 samples are too few for 3 splits"):
        draw_frame(whole, stratify(whole), settings_of(), 2, np.random.default_rng(0))
    refuse("lies in 1 block, and 3 splits are wanted", block_size=100 * CELL)
    refuse("no cell is left to train with beside the test cells", buffer=5000.0)
    refuse("keeps its distance from the others", minimum_distance=5000.0, buffer=0.0)
