"""Backbones: their weights are found, checked and refused in words."""

from pathlib import Path

import pytest
from safetensors.torch import save_file

from bocage.errors import ModelError
from bocage.files import digest_file
from bocage.models import BACKBONES, fetch_weights
from bocage.models import backbones as room
from bocage.models.backbones import WEIGHTS_VARIABLE, find_backbone, read_weights


def test_the_pretrained_weights_come_with_a_package_and_are_the_known_file() -> None:
    path = fetch_weights("efficientnet_lite0")
    assert path.is_file()
    assert digest_file(path) == BACKBONES["efficientnet_lite0"].digest
    assert len(read_weights("efficientnet_lite0")) > 250


def test_an_unknown_backbone_is_refused_with_the_list() -> None:
    with pytest.raises(ModelError, match=r"resnet51.*\n.*efficientnet_lite0, resnet50"):
        find_backbone("resnet51")


def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "digest_file", lambda path: "0" * 64)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        fetch_weights("efficientnet_lite0")


def test_resnet50_needs_a_file_of_the_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    with pytest.raises(ModelError, match="pretrained = false"):
        fetch_weights("resnet50")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    with pytest.raises(ModelError, match=r"resnet50.safetensors is missing"):
        fetch_weights("resnet50")
    (tmp_path / "resnet50.safetensors").write_bytes(b"not weights")
    assert fetch_weights("resnet50") == tmp_path / "resnet50.safetensors"
    with pytest.raises(ModelError, match="cannot be read as weights"):
        read_weights("resnet50")


def test_the_persons_weights_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    save_file({"conv1.weight": torch.ones(2, 3)}, tmp_path / "resnet50.safetensors")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    assert read_weights("resnet50")["conv1.weight"].sum() == 6
