"""Laws of the latent-class model: what it recovers, what it never depends on, and when it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bocage.errors import LayerError, ProjectError
from bocage.grid import Window
from bocage.project import Project
from bocage.reference.evidence import Sources
from bocage.reference.labels import build_labels, read_labels
from bocage.reference.latent import fit, learn
from bocage.reference.layer import Reading
from bocage.reference.learning import MODEL_FILE
from bocage.reference.symbols import Alphabet, Patterns, alphabet_of, count_patterns, speaks_both_ways, symbols_of
from bocage.scenes import catalogue_scenes
from bocage.settings import LayerSettings, ReferenceSettings

Symbols = list[NDArray[np.uint8]]
Writer = Callable[..., Path]
Maker = Callable[..., Project]

GIVEN = ReferenceSettings()
BINARY = Alphabet(("other", "tree"), (-4, 4), (0, 0))
TREES = LayerSettings(kind="canopy_height", paths=("chm.tif",))
COVER = LayerSettings(kind="tree_cover_density", paths=("tcd.tif",), year=2021)
WOODY = LayerSettings(kind="small_woody_features", paths=("swf.tif",), year=2018)
CROPS = LayerSettings(kind="crop_types", paths=("cty.tif",), year=2021)


def simulate(
    rng: np.random.Generator, share: float, rates: list[tuple[float, float]], pixels: int = 200_000
) -> tuple[NDArray[np.bool_], Symbols]:
    """Return a truth and independent layers of two symbols, each with its own omission and commission."""
    truth = rng.random(pixels) < share
    said = [np.where(truth, rng.random(pixels) >= miss, rng.random(pixels) < false) for miss, false in rates]
    return truth, [(1 + one).astype(np.uint8) for one in said]


RATES = [(0.05, 0.10), (0.30, 0.02), (0.15, 0.20), (0.10, 0.05)]


@pytest.fixture
def independent(rng: np.random.Generator) -> tuple[NDArray[np.bool_], Symbols, Patterns]:
    truth, symbols = simulate(rng, 0.2, RATES)
    return truth, symbols, count_patterns([symbols], len(symbols))


def test_patterns_hold_every_pixel_once(rng: np.random.Generator) -> None:
    blocks = [[rng.integers(0, 4, (50, 40)).astype(np.uint8) for _ in range(3)] for _ in range(4)]
    found = count_patterns(blocks, 3)
    stacked = np.concatenate([np.stack([one.ravel() for one in block], axis=1) for block in blocks])
    spoken = stacked[stacked.any(axis=1)]
    rows, counts = np.unique(spoken, axis=0, return_counts=True)
    np.testing.assert_array_equal(found.symbols, rows)
    np.testing.assert_array_equal(found.counts, counts)


def test_patterns_depend_on_no_order(rng: np.random.Generator) -> None:
    symbols = [rng.integers(0, 3, 5000).astype(np.uint8) for _ in range(3)]
    order = rng.permutation(5000)
    whole = count_patterns([symbols], 3)
    shuffled = [one[order] for one in symbols]
    parts = count_patterns([[one[2000:] for one in shuffled], [one[:2000] for one in shuffled]], 3)
    np.testing.assert_array_equal(whole.symbols, parts.symbols)
    np.testing.assert_array_equal(whole.counts, parts.counts)


def test_the_rates_of_independent_layers_are_recovered(
    independent: tuple[NDArray[np.bool_], Symbols, Patterns],
) -> None:
    _, _, patterns = independent
    model = learn(patterns, [BINARY] * 4, list("abcd"), anchor=0.0)
    assert model.tree_share == pytest.approx(0.2, abs=0.01)
    for profile, (miss, false) in zip(model.profiles, RATES, strict=True):
        assert profile.omission == pytest.approx(miss, abs=0.015)
        assert profile.commission == pytest.approx(false, abs=0.015)


def test_labels_are_better_than_the_best_layer_and_probabilities_are_chances_where_layers_are_independent(
    independent: tuple[NDArray[np.bool_], Symbols, Patterns],
) -> None:
    truth, symbols, patterns = independent
    model = learn(patterns, [BINARY] * 4, list("abcd"), anchor=0.0, least_decided=0.0)
    label, confidence = model.decide(symbols)
    decided = label != 255
    right = (label == 1)[decided] == truth[decided]
    assert right.mean() > max(((one == 2)[decided] == truth[decided]).mean() for one in symbols)
    stated = 0.5 + confidence[decided] / 200
    assert right.mean() == pytest.approx(stated.mean(), abs=0.01)


@pytest.mark.parametrize("anchor", [0.0, 0.5, 3.0])
def test_the_penalised_likelihood_never_falls(
    independent: tuple[NDArray[np.bool_], Symbols, Patterns], anchor: float
) -> None:
    _, _, patterns = independent
    land_use = Alphabet(("field", "other"), (-2, 0), (0, 0), witness=False)
    trace = np.array(fit(patterns, [BINARY, BINARY, BINARY, land_use], anchor).trace)
    assert len(trace) > 3
    assert (np.diff(trace) >= -1e-12 * abs(trace[0])).all()


def test_an_anchor_draws_the_rates_towards_the_rules_and_never_past_them(
    independent: tuple[NDArray[np.bool_], Symbols, Patterns],
) -> None:
    """The rules count every layer alike here, so they make more of the second one's omissions than there are."""
    _, _, patterns = independent
    shares = [fit(patterns, [BINARY] * 4, anchor).share for anchor in (0.0, 0.5, 2.0, 10.0)]
    assert shares == sorted(shares) or shares == sorted(shares, reverse=True)
    assert abs(shares[1] - shares[0]) < abs(shares[-1] - shares[0])


def test_a_layer_that_speaks_one_way_only_keeps_the_evidence_of_the_rules(
    independent: tuple[NDArray[np.bool_], Symbols, Patterns],
) -> None:
    _, _, patterns = independent
    land_use = Alphabet(("field", "other"), (-2, 0), (0, 0), witness=False)
    model = learn(patterns, [BINARY, BINARY, BINARY, land_use], list("abcd"))
    assert model.profiles[3].evidence == (-1000, 0)
    assert not speaks_both_ways("crop_types")
    assert not speaks_both_ways("forest_mask")
    assert speaks_both_ways("canopy_height")


def test_the_order_of_layers_does_not_matter(independent: tuple[NDArray[np.bool_], Symbols, Patterns]) -> None:
    _, symbols, patterns = independent
    label, confidence = learn(patterns, [BINARY] * 4, list("abcd")).decide(symbols)
    order = [2, 0, 3, 1]
    turned = [symbols[index] for index in order]
    model = learn(count_patterns([turned], 4), [BINARY] * 4, list("cadb"))
    for one, other in zip(model.decide(turned), (label, confidence), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_patterns_give_the_same_model(independent: tuple[NDArray[np.bool_], Symbols, Patterns]) -> None:
    _, _, patterns = independent
    assert learn(patterns, [BINARY] * 4, list("abcd")) == learn(patterns, [BINARY] * 4, list("abcd"))


@pytest.mark.parametrize("symbol", [1, 2])
@pytest.mark.parametrize("mixed", [False, True])
def test_unanimous_layers_give_that_class(
    independent: tuple[NDArray[np.bool_], Symbols, Patterns], symbol: int, mixed: bool
) -> None:
    _, _, patterns = independent
    everywhere = [np.full(1000, symbol, np.uint8) for _ in range(4)]
    model = learn(patterns if mixed else count_patterns([everywhere], 4), [BINARY] * 4, list("abcd"))
    label, confidence = model.decide(everywhere)
    assert (label == symbol - 1).all()
    assert (confidence >= 95).all()


def test_where_no_layer_speaks_it_is_255(independent: tuple[NDArray[np.bool_], Symbols, Patterns]) -> None:
    _, _, patterns = independent
    label, confidence = learn(patterns, [BINARY] * 4, list("abcd")).decide([np.zeros((2, 3), np.uint8)] * 4)
    assert (label == 255).all()
    assert (confidence == 255).all()


def test_the_share_of_trees_alone_decides_no_pixel(rng: np.random.Generator) -> None:
    """Trees are so rare here that the prior is beyond the threshold; a layer of land use says nothing of trees."""
    _, symbols = simulate(rng, 0.005, RATES[:3])
    land_use = Alphabet(("field", "other"), (-2, 0), (0, 0), witness=False)
    said = [*symbols, np.full(symbols[0].shape, 2, np.uint8)]
    model = learn(count_patterns([said], 4), [BINARY, BINARY, BINARY, land_use], list("abcd"), anchor=0.0)
    assert model.prior < -model.certain
    silent = np.zeros(1, np.uint8)
    label, confidence = model.decide([silent, silent, silent, np.full(1, 2, np.uint8)])
    assert (label[0], confidence[0]) == (255, 0)


def test_a_silent_layer_changes_nothing_where_it_is_silent(rng: np.random.Generator) -> None:
    """Rates are recovered although two layers in five are silent at any pixel."""
    _, symbols = simulate(rng, 0.3, RATES)
    for one in symbols:
        one[rng.random(one.size) < 0.4] = 0
    model = learn(count_patterns([symbols], 4), [BINARY] * 4, list("abcd"), anchor=0.0)
    assert model.tree_share == pytest.approx(0.3, abs=0.015)
    for profile, (miss, false) in zip(model.profiles, RATES, strict=True):
        assert profile.omission == pytest.approx(miss, abs=0.02)
        assert profile.commission == pytest.approx(false, abs=0.02)


def test_trees_are_what_the_rules_call_trees(rng: np.random.Generator) -> None:
    """Also where trees are the larger class, and where one layer is worse than a coin."""
    truth, symbols = simulate(rng, 0.8, [(0.1, 0.1), (0.2, 0.1), (0.6, 0.6), (0.1, 0.2)])
    model = learn(count_patterns([symbols], 4), [BINARY] * 4, list("abcd"), anchor=0.0)
    label, _ = model.decide(symbols)
    decided = label != 255
    assert ((label == 1)[decided] == truth[decided]).mean() > 0.95
    assert model.profiles[2].omission == pytest.approx(0.6, abs=0.02)


def test_at_least_the_asked_share_is_decided(rng: np.random.Generator) -> None:
    _, symbols = simulate(rng, 0.4, [(0.3, 0.3), (0.35, 0.25), (0.25, 0.35)])
    patterns = count_patterns([symbols], 3)
    strict = learn(patterns, [BINARY] * 3, list("abc"), certainty=0.99, least_decided=0.0)
    assert (strict.decide(symbols)[0] != 255).mean() < 0.3
    for share in (0.5, 0.9, 1.0):
        model = learn(patterns, [BINARY] * 3, list("abc"), certainty=0.99, least_decided=share)
        assert (model.decide(symbols)[0] != 255).mean() >= share


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_pixels_that_nothing_can_decide_do_not_lower_the_threshold(rng: np.random.Generator, share: float) -> None:
    """At half of the pixels a layer of land use speaks alone: no threshold would decide them."""
    _, symbols = simulate(rng, 0.4, [(0.3, 0.3), (0.35, 0.25), (0.25, 0.35)])
    alone = rng.random(symbols[0].size) < 0.5
    for one in symbols:
        one[alone] = 0
    land_use = Alphabet(("field", "other"), (-2, 0), (0, 0), witness=False)
    said = [*symbols, np.full(alone.shape, 2, np.uint8)]
    alphabets = [BINARY, BINARY, BINARY, land_use]
    model = learn(count_patterns([said], 4), alphabets, list("abcd"), certainty=0.99, least_decided=share)
    label, _ = model.decide(said)
    assert (label[alone] == 255).all()
    margin = np.abs(model.log_odds(said))[~alone]
    assert (label[~alone] != 255).mean() >= share
    # It is the highest threshold that does: without the pixels that lie on it too few are left.
    assert (margin > model.certain).mean() < share


def test_what_the_definition_settles_counts_as_decided(rng: np.random.Generator) -> None:
    """Vineyards are decided where no other layer speaks, at any threshold: here they are the share that is asked."""
    _, symbols = simulate(rng, 0.4, [(0.3, 0.3), (0.35, 0.25), (0.25, 0.35)])
    vineyard = rng.random(symbols[0].size) < 0.6
    for one in symbols:
        one[vineyard] = 0
    crops = Alphabet(("vineyard", "other"), (-8, 0), (-1, 0), witness=False)
    said = [*symbols, np.where(vineyard, 1, 2).astype(np.uint8)]
    model = learn(
        count_patterns([said], 4), [BINARY, BINARY, BINARY, crops], list("abcd"), certainty=0.99, least_decided=0.55
    )
    label, _ = model.decide(said)
    assert (label[vineyard] == 0).all()
    assert (label[~vineyard] == 255).mean() > 0.5


def test_fewer_than_three_layers_are_refused(rng: np.random.Generator) -> None:
    _, symbols = simulate(rng, 0.4, RATES[:2], 1000)
    with pytest.raises(LayerError, match=r"3 layers or more that speak both .*; bocage\.toml names 2"):
        learn(count_patterns([symbols], 2), [BINARY] * 2, list("ab"))


def test_layers_that_never_meet_are_refused(rng: np.random.Generator) -> None:
    _, symbols = simulate(rng, 0.4, RATES[:3], 999)
    for index, one in enumerate(symbols):
        one[index * 333 : (index + 1) * 333] = 0
    with pytest.raises(LayerError, match="the layers a, b, c nowhere speak of the same pixel"):
        learn(count_patterns([symbols], 3), [BINARY] * 3, list("abc"))


def test_an_alphabet_names_every_symbol_that_can_occur(rng: np.random.Generator) -> None:
    for layer, values in (
        (TREES, rng.uniform(0, 30, (40, 40))),
        (COVER, rng.integers(0, 101, (40, 40))),
        (WOODY, rng.integers(0, 4, (40, 40))),
        (CROPS, rng.choice([0, 1110, 2100, 2200], (40, 40))),
        (LayerSettings(kind="classes", paths=("x",), tree=(3,)), rng.integers(0, 5, (40, 40))),
    ):
        alphabet = alphabet_of(layer, GIVEN)
        valid = rng.random((40, 40)) < 0.9
        symbols = symbols_of(Reading(values, valid), layer, GIVEN, 2.5)
        np.testing.assert_array_equal(symbols > 0, valid)
        assert symbols.max() <= len(alphabet.names) == len(alphabet.points) == len(alphabet.settled)


def test_symbols_tell_bins_and_edges_apart() -> None:
    cover = np.zeros((9, 20), np.int32)
    cover[:, 10:] = 90
    alphabet = alphabet_of(COVER, GIVEN)
    row = symbols_of(Reading(cover, cover >= 0), COVER, GIVEN, 5.0)[4]
    names = [alphabet.names[symbol - 1] for symbol in row]
    assert names[:7] == ["below 1"] * 7
    assert names[7:13] == ["below 1, edge"] * 3 + ["80 and more, edge"] * 3
    assert names[13:] == ["80 and more"] * 7


def test_a_threshold_of_the_settings_is_a_bin_of_its_own() -> None:
    alphabet = alphabet_of(TREES, ReferenceSettings(tree_height=4.0))
    assert "4 to 5" in alphabet.names
    points = dict(zip(alphabet.names, alphabet.points, strict=True))
    assert (points["below 1"], points["3 to 4"], points["4 to 5"], points["10 and more"]) == (-4, 0, 3, 6)


def test_a_vineyard_is_no_tree_whatever_is_learned(rng: np.random.Generator) -> None:
    alphabets = [alphabet_of(layer, GIVEN) for layer in (TREES, WOODY, COVER, CROPS)]
    vineyard = alphabets[3].names.index("vineyard") + 1
    truth = rng.random(5000) < 0.5
    symbols = [np.where(truth, len(one.names), 1) for one in alphabets[:3]] + [np.full(5000, vineyard)]
    arrays = [one.astype(np.uint8) for one in symbols]
    label, confidence = learn(count_patterns([arrays], 4), alphabets, list("abcd")).decide(arrays)
    assert (label == 0).all()
    assert (confidence == 100).all()


def test_crops_of_another_year_settle_nothing() -> None:
    given = ReferenceSettings(layers=(CROPS,), year=2024, yearly_change=0.02)
    now, later = alphabet_of(CROPS, GIVEN), alphabet_of(CROPS, given)
    vineyard = now.names.index("vineyard")
    assert (now.settled[vineyard], later.settled[vineyard]) == (-1, 0)
    assert now.points[vineyard] < later.points[vineyard] < -3


@pytest.fixture
def project(scene: Path, write_layer: Writer, make_project: Maker, rng: np.random.Generator) -> Project:
    """Four layers over one scene of 300 x 300 m, with a wood in its upper left quarter; each errs in its own places."""
    wood = np.zeros((300, 300), np.bool_)
    wood[:140, :140] = True
    height = np.where(wood, 12.0, 0.0) + rng.normal(0, 2, wood.shape)
    write_layer("chm.tif", np.clip(height, 0, None).astype(np.float32), 1.0, nodata=-9999)
    cover = np.where(wood[::10, ::10], 90, 0)
    cover[rng.random(cover.shape) < 0.05] = 60
    write_layer("tcd.tif", cover.astype(np.uint8), 10.0)
    woody = wood[::5, ::5] & (rng.random((60, 60)) > 0.1)
    write_layer("swf.tif", woody.astype(np.uint8), 5.0)
    write_layer("cty.tif", np.where(wood[::10, ::10], 0, 1110).astype(np.uint16), 10.0)
    project = make_project(TREES, COVER, WOODY, CROPS, reference={"method": "latent"})
    catalogue_scenes(project)
    return project


WHOLE = Window(2_000_000, -1_500_000, 150, 150)


def test_labels_of_a_project_are_learned_kept_and_reported(project: Project) -> None:
    outcome = build_labels(project)
    label = read_labels(project, WHOLE)
    assert (label[:60, :60] == 1).mean() > 0.95
    assert (label[80:, 80:] == 0).mean() > 0.95
    assert outcome.figures["method"] == "latent"
    assert set(outcome.figures["error_rates"]) == {
        "canopy_height",
        "small_woody_features 2018",
        "tree_cover_density 2021",
    }
    assert outcome.figures["decided_share"] >= 0.9
    kept = json.loads((project.labels_folder / MODEL_FILE).read_text(encoding="utf-8"))
    assert kept["model"]["pixels"] > 10_000
    assert build_labels(project).figures["built"] == 0


def test_a_label_does_not_depend_on_the_window(project: Project, rng: np.random.Generator) -> None:
    build_labels(project)
    tiles = list(project.tiling.tiles(WHOLE))
    sources = Sources.open(project).learned(project.labels_folder, tiles)
    label, confidence = sources.label(WHOLE)
    np.testing.assert_array_equal(label, read_labels(project, WHOLE))
    for _ in range(10):
        column, row, width, height = (
            int(rng.integers(low, high)) for low, high in ((0, 70), (0, 70), (1, 80), (1, 80))
        )
        part = Window(WHOLE.column + column, WHOLE.row + row, width, height)
        for found, expected in zip(sources.label(part), (label, confidence), strict=True):
            np.testing.assert_array_equal(found, expected[part.slices(WHOLE)])


def test_the_order_of_layers_in_the_settings_changes_neither_labels_nor_tiles(
    project: Project, make_project: Maker
) -> None:
    build_labels(project)
    before = (project.labels_folder / MODEL_FILE).read_bytes()
    turned = make_project(CROPS, TREES, WOODY, COVER, reference={"method": "latent"})
    assert build_labels(turned).figures["built"] == 0
    assert (project.labels_folder / MODEL_FILE).read_bytes() == before


def test_labels_are_built_anew_when_what_was_learned_changes(
    project: Project, make_project: Maker, write_layer: Writer
) -> None:
    assert build_labels(project).figures["built"] == 4
    model = project.labels_folder / MODEL_FILE
    model.write_text("{}", encoding="utf-8")
    assert build_labels(project).figures["built"] == 0
    stricter = make_project(TREES, COVER, WOODY, CROPS, reference={"method": "latent", "certainty": 0.99})
    first = json.loads(model.read_text(encoding="utf-8"))
    build_labels(stricter)
    assert json.loads(model.read_text(encoding="utf-8"))["inputs"] != first["inputs"]
    write_layer("swf.tif", np.zeros((60, 60), np.uint8), 5.0)
    assert build_labels(stricter).figures["built"] == 4
    rules = make_project(TREES, COVER, WOODY, CROPS)
    assert build_labels(rules).figures["built"] == 4


def test_a_changed_layer_is_learned_anew(project: Project, write_layer: Writer, make_project: Maker) -> None:
    """The model is what a project without a memory would learn, and says of the layer what is now true of it."""
    before = build_labels(project).figures["error_rates"]["small_woody_features 2018"]
    woody = np.zeros((60, 60), np.uint8)
    woody[:28, :12] = 1
    write_layer("swf.tif", woody, 5.0)
    after = build_labels(project).figures["error_rates"]["small_woody_features 2018"]
    assert before["omission"] < 0.25
    assert after["omission"] > 0.45
    kept = (project.labels_folder / MODEL_FILE).read_bytes()
    label = read_labels(project, WHOLE)
    for path in project.labels_folder.iterdir():
        path.unlink()
    build_labels(project)
    assert (project.labels_folder / MODEL_FILE).read_bytes() == kept
    np.testing.assert_array_equal(read_labels(project, WHOLE), label)


def test_two_layers_are_too_few_for_the_method(make_project: Maker) -> None:
    zones = LayerSettings(kind="urban", paths=("urban.tif",))
    with pytest.raises(LayerError, match=r"3 layers or more that speak both .*; bocage\.toml names 2") as error:
        Sources.open(make_project(TREES, COVER, CROPS, zones, reference={"method": "latent"}))
    assert 'reference.method = "rules"' in error.value.mend


def test_a_label_before_the_learning_names_the_command(project: Project) -> None:
    with pytest.raises(ProjectError, match="have not been learned") as error:
        Sources.open(project).label(WHOLE)
    assert "bocage labels build" in error.value.mend
