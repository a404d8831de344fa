"""A recipe says which parts learn at which step; gradients reach exactly those."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from bocage.errors import MissingExtraError, TrainingError
from bocage.models import BACKBONES
from bocage.models.network import build_network
from bocage.models.probe import Probe
from bocage.training.loss import masked_loss
from bocage.training.recipes import frozen_depths, parameter_groups, thaw
from tests.training.fakes import short_run
from tests.training.networks import TinyNetwork


def _step(network: Any) -> None:
    images, valid = torch.rand(2, 4, 64, 64) * 255, torch.ones(2, 64, 64, dtype=torch.bool)
    label = (torch.rand(2, 64, 64) < 0.5).to(torch.uint8)
    loss: Any = masked_loss(network(images, valid), label)
    loss.backward()


@pytest.mark.parametrize("build", [TinyNetwork, lambda: build_network("efficientnet_lite0", pretrained=False)])
@pytest.mark.parametrize(
    ("changes", "step", "learning"),
    [
        ({"recipe": "full"}, 0, None),
        ({"recipe": "frozen"}, 5, 0),
        ({"recipe": "gradual", "unfreeze": (2, 4)}, 1, 0),
        ({"recipe": "gradual", "unfreeze": (2, 4)}, 2, 0.5),
        ({"recipe": "gradual", "unfreeze": (2, 4)}, 4, None),
    ],
)
def test_gradients_reach_what_the_recipe_lets_learn(
    build: Any, changes: dict[str, Any], step: int, learning: float | None
) -> None:
    network, run = build(), short_run(**changes)
    depths = network.depths()
    count = len(depths) if learning is None else round(learning * len(depths))
    thaw(network, run, step)
    before = copy.deepcopy(network.state_dict())
    _step(network)
    frozen = len(depths) - count
    assert frozen == frozen_depths(run, len(depths), step)
    assert all(one.grad is None for part in depths[:frozen] for one in part)
    assert all(one.grad is not None for part in (*depths[frozen:], network.fresh()) for one in part)
    # The statistics of a frozen normalisation stay; those of one that learns, or is fresh, move.
    learns = {id(one) for one in network.parameters() if one.requires_grad}
    moved = {True: 0, False: 0}
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            stays = torch.equal(module.state_dict()["running_mean"], before[f"{name}.running_mean"])
            assert stays != (id(module.weight) in learns), name
            moved[stays] += 1
    assert moved[True] > 0 or frozen == 0


@pytest.mark.parametrize(("changes", "frozen"), [({"recipe": "frozen"}, 30), ({"recipe": "gradual", "steps": 60}, 18)])
def test_gradients_reach_those_parts_of_satlas(changes: dict[str, Any], frozen: int) -> None:
    network, run = build_network("satlas_aerial_si", pretrained=False), short_run(**changes)
    depths = network.depths()
    thaw(network, run, 12)
    assert (len(depths), frozen_depths(run, len(depths), 12)) == (30, frozen)
    _step(network)
    assert all(one.grad is None for part in depths[:frozen] for one in part)
    assert all(one.grad is not None for part in (*depths[frozen:], network.fresh()) for one in part)


def test_gradual_unfreezing_goes_from_the_deepest_to_the_first() -> None:
    run = short_run(recipe="gradual", steps=100)
    left = [frozen_depths(run, 5, step) for step in range(100)]
    assert left == sorted(left, reverse=True)
    assert (left[0], left[9], left[10], left[49], left[50], left[99]) == (5, 5, 4, 1, 0, 0)
    # A part that begins to learn later has had no gradient before, and the optimiser has no state of it.
    network = TinyNetwork()
    optimiser = torch.optim.AdamW(parameter_groups(network, run))
    thaw(network, run, 20)
    _step(network)
    optimiser.step()
    known = {id(one) for one in optimiser.state}
    assert known == {id(one) for one in [*network.depths()[2], *network.fresh()]}


@given(decay=st.floats(0.5, 1), trunk=st.floats(1e-5, 1e-2), rate=st.floats(1e-5, 1e-2))
@settings(max_examples=20)
def test_every_parameter_has_one_rate_that_falls_towards_the_input(decay: float, trunk: float, rate: float) -> None:
    network = TinyNetwork()
    run = short_run(layer_decay=decay, trunk_learning_rate=trunk, learning_rate=rate, weight_decay=0.1)
    groups = parameter_groups(network, run)
    rates = {id(one): group["lr"] for group in groups for one in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(rates) == len(list(network.parameters()))
    for distance, part in enumerate(reversed(network.depths()), start=1):
        assert all(rates[id(one)] == pytest.approx(trunk * decay**distance) for one in part)
    assert {rates[id(one)] for one in network.fresh()} == {rate}
    decays = {id(one): group["weight_decay"] for group in groups for one in group["params"]}
    assert all(decays[id(one)] == (0.1 if one.ndim > 1 else 0) for one in network.parameters())


# What of a trunk has several dimensions and is no weight of a layer, by its own name.
BESIDE_THE_LAYERS = {
    "clay": {"cls_token", "weight_tokens", "bias_token"},
    "deo_swin_base": {"relative_position_bias_table"},
    "dinov2": {"cls_token", "pos_embed"},
    "dinov3_vit": {"cls_token", "reg_token"},
    "dofa": {"cls_token", "weight_tokens", "bias_token"},
    "panopticon": {"cls_token", "pos_embed", "query", "embed_transmit", "embed_receive", "embed_orbit"},
    "satlas": {"logit_scale"},
    "swin": {"logit_scale"},
}


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_tokens_embeddings_and_tables_of_positions_do_not_decay(name: str) -> None:
    try:
        with torch.device("meta"):
            network = build_network(name, pretrained=False)
    except MissingExtraError as error:
        pytest.skip(str(error))
    groups = parameter_groups(network, short_run(weight_decay=0.1))
    decay = {id(one): group["weight_decay"] for group in groups for one in group["params"]}
    assert set(decay.values()) == {0, 0.1}
    beside = {key for key, one in network.named_parameters() if one.ndim > 1 and not decay[id(one)]}
    assert all(key.startswith("trunk.") for key in beside)
    expected = next((names for start, names in BESIDE_THE_LAYERS.items() if name.startswith(start)), set[str]())
    assert {key.rpartition(".")[2] for key in beside} == expected
    layers = (nn.Linear, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.MultiheadAttention)
    for owner in network.modules():
        for one in owner.parameters(recurse=False):
            assert (decay[id(one)] > 0) == (one.ndim > 1 and isinstance(owner, layers)), type(owner)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet50", "convnext_base", "dinov3_convnext_base"])
@pytest.mark.parametrize("changes", [{"layer_decay": 0.7}, {"recipe": "frozen"}, {"recipe": "gradual"}])
def test_of_a_convolutional_network_all_that_has_dimensions_decays_in_the_order_of_the_depths(
    name: str, changes: dict[str, Any]
) -> None:
    with torch.device("meta"):
        network = build_network(name, pretrained=False)
    run = short_run(weight_decay=0.1, **changes)
    parts = [network.fresh()] if run.recipe == "frozen" else [*network.depths(), network.fresh()]
    expected = [
        (0.1 if decays else 0.0, [id(one) for one in part if (one.ndim > 1) is decays])
        for part in parts
        for decays in (True, False)
    ]
    groups = [(group["weight_decay"], [id(one) for one in group["params"]]) for group in parameter_groups(network, run)]
    assert groups == [(decay, members) for decay, members in expected if members]


@pytest.mark.parametrize("recipe", ["frozen", "probe"])
def test_what_never_learns_is_not_in_the_optimiser(recipe: str) -> None:
    network = TinyNetwork()
    groups = parameter_groups(network, short_run(recipe=recipe))
    assert {id(one) for group in groups for one in group["params"]} == {id(one) for one in network.fresh()}


# What the published code of every backbone holds fixed, by the names of its trunk.
FIXED = {"dofa_base": {"encoder.pos_embed"}, "dofa_large": {"encoder.pos_embed"}}


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_what_the_published_model_holds_fixed_learns_under_no_recipe(name: str) -> None:
    try:
        with torch.device("meta"):
            published = BACKBONES[name].builder(0.0)
            network = build_network(name, pretrained=False)
    except MissingExtraError as error:
        pytest.skip(str(error))
    fixed = {key for key, one in published.named_parameters() if not one.requires_grad}
    assert fixed == FIXED.get(name, set())
    assert set(published.state_dict()) == set(network.trunk.state_dict())
    values = {id(one) for key, one in network.trunk.state_dict(keep_vars=True).items() if key in fixed}
    assert len(values) == len(fixed)
    for changes in ({"recipe": "full"}, {"recipe": "frozen"}, {"recipe": "gradual"}, {"recipe": "probe"}):
        run = short_run(**changes)
        groups = parameter_groups(network, run)
        assert not values & {id(one) for group in groups for one in group["params"]}
        for step in (0, run.steps - 1):
            thaw(network, run, step)
            assert not values & {id(one) for one in network.parameters() if one.requires_grad}
    # Everything else does, in the end.
    thaw(network, short_run(recipe="gradual"), 5)
    assert all(one.requires_grad for one in network.parameters())


def test_a_network_that_hides_a_parameter_is_refused() -> None:
    network = TinyNetwork()
    network.register_parameter("forgotten", nn.Parameter(torch.ones(1)))
    with pytest.raises(TrainingError, match="do not hold each of its parameters once"):
        parameter_groups(network, short_run())


def test_a_probe_is_linear_in_the_features() -> None:
    network = build_network("efficientnet_lite0", pretrained=False)
    trunk = network.trunk
    probe = Probe(network).eval()
    assert not hasattr(network, "decoder")
    assert probe.trunk is trunk
    images, valid = torch.rand(1, 4, 64, 64) * 255, torch.ones(1, 64, 64, dtype=torch.bool)
    with torch.no_grad():
        for one in probe.fresh():
            if one.ndim == 1:
                one.zero_()
        once = probe(images, valid)
        for one in probe.fresh():
            one.mul_(3)
        torch.testing.assert_close(probe(images, valid), 3 * once)
    thaw(probe, short_run(recipe="probe"), 0)
    _step(probe)
    assert all(one.grad is None for one in trunk.parameters())
    assert all(one.grad is not None for one in probe.fresh())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"select": "last", "patience": 2}, "patience counts validations"),
        ({"unfreeze": (1, 2)}, 'recipe = "gradual" only'),
        ({"recipe": "gradual", "unfreeze": (3, 2)}, "rising steps"),
        ({"recipe": "gradual", "unfreeze": (6,)}, "below steps = 6"),
        ({"batch_size": 3, "devices": 2}, "not a multiple of devices"),
        ({"recipe": "gradual", "devices": 2}, "devices = 1"),
        ({"layer_decay": 0}, "greater than 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        short_run(**changes)
