"""The network: shapes, scaling, and pretrained weights that see at first what they always saw."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from bocage.errors import ModelError
from bocage.models import BACKBONES, find_weights
from bocage.models.checkpoint import read_checkpoint
from bocage.models.network import Network, build_network
from bocage.models.pyramids.convolutional import MOMENTUM
from bocage.models.weights import WEIGHTS_VARIABLE


@pytest.fixture(scope="module")
def pretrained() -> Network:
    return build_network("efficientnet_lite0", pretrained=True).eval()


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "resnet50"])
def test_one_logit_per_pixel(backbone: str) -> None:
    network = build_network(backbone, pretrained=False).eval()
    with torch.inference_mode():
        logit = network(torch.zeros(2, 4, 64, 96, dtype=torch.uint8), torch.ones(2, 64, 96, dtype=torch.bool))
    assert logit.shape == (2, 64, 96)
    assert logit.isfinite().all()


def test_the_statistics_of_normalisation_follow_a_short_run(pretrained: Network) -> None:
    momenta = {module.momentum for module in pretrained.modules() if isinstance(module, nn.BatchNorm2d)}
    assert momenta == {MOMENTUM}


def test_a_fresh_pretrained_network_ignores_the_near_infrared(pretrained: Network) -> None:
    image = torch.randint(1, 256, (1, 4, 64, 64), dtype=torch.uint8)
    other = image.clone()
    other[:, 3] = 7
    valid = torch.ones(1, 64, 64, dtype=torch.bool)
    with torch.inference_mode():
        assert torch.equal(pretrained(image, valid), pretrained(other, valid))


def test_the_pretrained_encoder_gives_the_features_of_the_classifier(pretrained: Network) -> None:
    classifier: Any = timm.create_model("tf_efficientnet_lite0")
    stem = torch.randn(1, 3, 32, 32)
    published = read_checkpoint(find_weights(BACKBONES["efficientnet_lite0"]))
    classifier.load_state_dict(dict(zip(classifier.state_dict(), published.values(), strict=True)))
    classifier.eval()
    with torch.inference_mode():
        whole = classifier.blocks(classifier.bn1(classifier.conv_stem(stem)))
        ours = pretrained.trunk(torch.cat([stem, torch.randn(1, 1, 32, 32)], dim=1))[-1]
    torch.testing.assert_close(ours, whole)


def test_an_invalid_pixel_has_no_value(pretrained: Network) -> None:
    image = torch.randint(1, 256, (1, 4, 64, 64), dtype=torch.uint8)
    valid = torch.ones(1, 64, 64, dtype=torch.bool)
    valid[:, :, 32:] = False
    emptied = image * valid.unsqueeze(1)
    with torch.inference_mode():
        assert torch.equal(pretrained(image, valid), pretrained(emptied, valid))


def test_weights_of_another_network_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    save_file({"a": torch.ones(1)}, tmp_path / "resnet50.safetensors")
    with pytest.raises(ModelError, match=r"holds besides a"):
        build_network("resnet50", pretrained=True)
    own = timm.create_model("resnet50").state_dict()
    own["conv1.weight"] = torch.ones(64, 3, 3, 3)
    save_file(own, tmp_path / "resnet50.safetensors")
    with pytest.raises(ModelError, match=r"conv1\.weight is \(64, 3, 3, 3\)"):
        build_network("resnet50", pretrained=True)


def test_the_persons_weights_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    own = timm.create_model("resnet50").state_dict()
    save_file(own, tmp_path / "resnet50.safetensors")
    network = build_network("resnet50", pretrained=True)
    stem = network.trunk.state_dict()["encoder.conv1.weight"]
    assert torch.equal(stem[:, :3], own["conv1.weight"])
    assert not stem[:, 3:].any()
