"""What the trunk may see, and the running statistics that it is left with."""

import pytest
import torch

from bocage.models.network import build_network
from bocage.training.reconstruction import Reconstruction, scale, settle_statistics


@pytest.fixture(scope="module")
def model() -> Reconstruction:
    torch.manual_seed(0)
    return Reconstruction(build_network("efficientnet_lite0", pretrained=False)).eval()


def test_nothing_hidden_or_invalid_reaches_the_trunk(model: Reconstruction) -> None:
    torch.manual_seed(1)
    images = torch.randint(1, 256, (2, 4, 64, 64), dtype=torch.uint8)
    hidden, valid = torch.rand(2, 4, 64, 64) < 0.5, torch.rand(2, 64, 64) < 0.8
    other = torch.where(hidden | ~valid.unsqueeze(1), torch.randint(1, 256, images.shape, dtype=torch.uint8), images)
    assert not torch.equal(images, other)
    with torch.inference_mode():
        assert torch.equal(model(images, valid, hidden), model(other, valid, hidden))
        shown = torch.where(hidden, images, 255 - images)
        assert not torch.equal(model(images, valid, hidden), model(shown, valid, hidden))


def test_it_gives_an_image_of_the_same_size(model: Reconstruction) -> None:
    images = torch.zeros(1, 4, 96, 64, dtype=torch.uint8)
    with torch.inference_mode():
        assert model(images, torch.ones(1, 96, 64).bool(), torch.zeros(1, 4, 96, 64).bool()).shape == images.shape


def test_every_part_of_the_trunk_and_the_token_learns(model: Reconstruction) -> None:
    model.train()
    images = torch.randint(1, 256, (2, 4, 64, 64), dtype=torch.uint8)
    hidden = torch.rand(2, 1, 64, 64).expand(2, 4, 64, 64) < 0.5
    torch.autograd.backward(model(images, torch.ones(2, 64, 64).bool(), hidden).abs().mean())
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    model.eval().zero_grad()
    assert not without


def test_statistics_become_those_of_whole_images() -> None:
    norm = torch.nn.BatchNorm2d(4, momentum=0.01)
    trunk = torch.nn.Sequential(norm)
    norm.load_state_dict({**norm.state_dict(), "running_mean": torch.full((4,), 9.0)})
    batches = [torch.randint(0, 256, (2, 4, 8, 8), dtype=torch.uint8) for _ in range(3)]
    for seen, images in enumerate(batches):
        settle_statistics(trunk, scale(images), seen)
    expected = torch.stack([scale(images).mean(dim=(0, 2, 3)) for images in batches]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, expected)
    assert norm.momentum == 0.01
