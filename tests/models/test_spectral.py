"""Trunks that are told wavelengths: they build, learn, take any shape and layout, and can be traced for a runtime."""

import math
import warnings

import pytest
import torch

from bocage.models import BACKBONES, build_network
from bocage.models.network import Network
from bocage.models.pyramids.spectral import fixed_positions
from bocage.models.runtimes.torch import TorchRuntime

pytest.importorskip("torchgeo")


@pytest.fixture(scope="module", params=["dofa_base", "panopticon_base"])
def network(request: pytest.FixtureRequest) -> Network:
    torch.manual_seed(2)
    return build_network(request.param, pretrained=False)


def _images(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.randint(1, 256, (2, 4, rows, columns), dtype=torch.uint8)
    return images, torch.ones(2, rows, columns, dtype=torch.bool)


def test_every_part_that_may_learn_learns(network: Network) -> None:
    network.train()
    network(*_images(64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
    network.zero_grad()


def test_the_layout_in_memory_changes_nothing_and_sides_may_differ(network: Network) -> None:
    network.eval()
    images, valid = _images(64, 96)
    with torch.inference_mode():
        expected = network(images, valid)
        other = network(images.contiguous(memory_format=torch.channels_last), valid)
    assert expected.shape == (2, 64, 96)
    torch.testing.assert_close(other, expected)


def test_the_runtime_of_torch_runs_it(network: Network) -> None:
    images, valid = _images(64, 64)
    network.eval()
    with torch.inference_mode():
        expected = network(images, valid).sigmoid()
    found = TorchRuntime(network).run(images.numpy(), valid.numpy())
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-4)


def test_a_traced_network_gives_the_same(network: Network) -> None:
    """What OpenVINO reads is a trace."""
    network.eval()
    first, second = _images(64, 64), _images(64, 64)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, first, check_trace=False)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(traced(*second), network(*second), rtol=1e-4, atol=1e-4)


def test_fixed_positions_are_waves_of_the_column_and_then_of_the_row() -> None:
    found = fixed_positions(3, 8)
    assert found.shape == (9, 8)
    for row in range(3):
        for column in range(3):
            angles = [(place, place / 10000**0.5) for place in (column, row)]
            expected = [wave(angle) for two in angles for wave in (math.sin, math.cos) for angle in two]
            assert found[3 * row + column].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_random_control_of_dofa_knows_where_its_patches_are_and_keeps_knowing() -> None:
    trunk = BACKBONES["dofa_base"].build()
    before = trunk.state_dict()["encoder.pos_embed"].clone()
    assert not before[:, 0].any()
    assert torch.equal(before[0, 1:], fixed_positions(14, 768))
    optimiser = torch.optim.AdamW(trunk.parameters(), lr=1.0, weight_decay=0.5)
    trunk.requires_grad_(True)
    sum(level.square().mean() for level in trunk(torch.rand(1, 4, 64, 64))).backward()
    optimiser.step()
    assert torch.equal(trunk.state_dict()["encoder.pos_embed"], before)
