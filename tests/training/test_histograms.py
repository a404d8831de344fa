"""Histogram exchange: the colours of another scene by rank, and nothing else."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.training.chips import ChipStore, survey
from bocage.training.crops import Crops
from bocage.training.histograms import Histograms, count_bytes, match_table
from tests.training.fakes import build, scenery, short_run


def _image(seed: int, low: int, high: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (4, 48, 48)).astype(np.uint8)


@given(seed=st.integers(0, 1000), low=st.integers(1, 120), width=st.integers(1, 130))
@settings(max_examples=40)
def test_ranks_stay_and_values_become_those_of_the_other(seed: int, low: int, width: int) -> None:
    own, other = _image(seed, 20, 90), _image(seed + 1, low, low + width)
    table = match_table(count_bytes(own), count_bytes(other))
    assert (np.diff(table[:, 1:].astype(int), axis=1) >= 0).all()
    assert not table[:, 0].any()
    assert table[:, 1:].all()
    matched = np.stack([np.take(one, band) for one, band in zip(table, own, strict=True)])
    for band, wanted in zip(matched, other, strict=True):
        for share in (10, 50, 90):
            assert abs(np.percentile(band, share) - np.percentile(wanted, share)) <= 1 + width / 20


@given(seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_equal_histograms_change_nothing(seed: int) -> None:
    image, _ = scenery(seed % 9, 64)
    counts = count_bytes(image)
    table = match_table(counts, counts)
    assert (np.stack([np.take(one, band) for one, band in zip(table, image, strict=True)]) == image).all()


def test_a_crop_takes_another_scene_the_same_each_time(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    store = ChipStore(survey(project)["train"])
    histograms = Histograms.of(store)
    assert set(histograms.counts) == {"scene0", "scene1", "scene2"}
    plain, exchanged = (Crops(store, short_run(augmentation=0, exchange=share)) for share in (0.0, 1.0))
    first, again = exchanged.crop(3), exchanged.crop(3)
    assert (first[0] == again[0]).all()
    own = plain.crop(3)
    assert (first[2] == own[2]).all() or np.bincount(first[2].ravel()).tolist() == np.bincount(own[2].ravel()).tolist()
    assert any((exchanged.crop(number)[0].mean() != plain.crop(number)[0].mean()) for number in range(4))
    image = store.read(0)[0]
    alone = Histograms({"scene0": count_bytes(image)})
    assert alone.exchange(image, "scene0", np.random.default_rng(0)) is image


def test_all_variations_together_keep_the_contract_of_a_crop(tmp_path: Path) -> None:
    project = build(tmp_path, (short_run(),))
    run = short_run(zoom=2, coarsen=3, band_dropout=0.4, exchange=0.5, boundary=1)
    crops = Crops(ChipStore(survey(project)["train"]), run)
    for number in range(12):
        image, valid, label, weight = crops.crop(number)
        assert image.shape == (4, 64, 64)
        assert image.dtype == np.float32
        assert valid.shape == label.shape == (64, 64)
        assert weight is None
        assert 0 <= image.min() <= image.max() <= 255
        assert not image[:, ~valid].any()
        assert (label[~valid] == 255).all()
        assert set(np.unique(label)) <= {0, 1, 255}
