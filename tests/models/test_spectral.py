"""Trunks that are told wavelengths: they build, learn, take any shape and layout, and can be traced for a runtime."""

import warnings

import pytest
import torch

from bocage.models import build_network
from bocage.models.network import Network
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
