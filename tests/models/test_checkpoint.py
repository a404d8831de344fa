"""Files of weights: what they are is told, and what cannot be weights is refused in words."""

import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from bocage.cli.application import app
from bocage.errors import ModelError
from bocage.models import BACKBONES, build_network, find_weights
from bocage.models.checkpoint import read_checkpoint
from bocage.models.identification import compare, identify
from bocage.models.kinds import describe

PAGE = b"<!DOCTYPE html><html><body>Sign in to go on</body></html>"


def _pickled(path: Path) -> None:
    torch.save({"weight": torch.ones(2), "callback": Path.cwd}, path)


def _truncated(path: Path) -> None:
    torch.save({"weight": torch.ones(200_000)}, path)
    path.write_bytes(path.read_bytes()[:-3000])


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.pth", lambda path: path.write_bytes(PAGE), "a page of a web site"),
        ("a.pth", lambda path: path.write_bytes(b""), "it is empty"),
        ("a.pth", lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1"), "pointer of Git LFS"),
        ("a.pth", lambda path: path.write_bytes(b"hello"), "no file of torch"),
        ("a.pth", lambda path: path.write_bytes(b"\x80\x02\x8a\n"), "it ends too early"),
        ("a.pth", lambda path: path.mkdir(), "is a folder"),
        ("a.pth", _pickled, r"pickled objects( \(\S+\))?, which could run any program"),
        ("a.pth", _truncated, "cannot be read as weights"),
        ("a.pth", lambda path: torch.save([1, 2], path), "holds a list, not weights"),
        ("a.pth", lambda path: torch.save({"epoch": 3}, path), "holds no weights"),
        ("a.safetensors", lambda path: path.write_bytes(PAGE), "cannot be read as weights"),
        ("a.safetensors", lambda path: path.write_bytes(b""), "cannot be read as weights"),
        ("a.pth", lambda path: None, "is missing"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(
    tmp_path: Path, name: str, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(ModelError, match=words) as caught:
        read_checkpoint(tmp_path / name)
    assert caught.value.mend


@pytest.mark.parametrize("container", ["state_dict", "model", "teacher"])
def test_weights_are_found_inside_a_training_checkpoint(tmp_path: Path, container: str) -> None:
    torch.save({"epoch": 3, container: OrderedDict(a=torch.ones(2))}, tmp_path / "a.ckpt")
    assert list(read_checkpoint(tmp_path / "a.ckpt")) == ["a"]


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("resnet") / "resnet.safetensors"
    save_file(timm.create_model("resnet50").state_dict(), path)
    return path


def test_a_file_is_told_by_its_tensors(resnet: Path) -> None:
    identity, tensors = identify(resnet)
    assert (identity.backbones, identity.known) == (("resnet50",), ())
    assert identity.kind.startswith("a ResNet 50")
    assert compare("resnet50", tensors).strict
    other = compare("swin_v2_b", tensors)
    assert not other.strict
    assert set(other.unexpected) == set(tensors)
    assert "lacks features.0.0.weight" in other.reason


def test_a_lite0_is_known_by_its_names_in_any_order_and_a_tensor_too_many_is_named(tmp_path: Path) -> None:
    published = read_checkpoint(find_weights(BACKBONES["efficientnet_lite0"]))
    # safetensors keeps no order of its own.
    save_file({name: tensor.contiguous() for name, tensor in published.items()}, tmp_path / "lite0.safetensors")
    identity, tensors = identify(tmp_path / "lite0.safetensors")
    assert identity.backbones == ("efficientnet_lite0",)
    expected, found = compare("efficientnet_lite0", published).state, compare("efficientnet_lite0", tensors).state
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    more = compare("efficientnet_lite0", {"_blocks.3.extra": torch.ones(1), **published})
    assert (more.unexpected, more.missing, more.misshapen) == (("_blocks.3.extra",), (), ())
    fewer = compare("efficientnet_lite0", {name: published[name] for name in published if name != "_bn0.weight"})
    assert (fewer.unexpected, fewer.missing) == ((), ("encoder.bn1.weight",))


@pytest.mark.parametrize("spoilt", [torch.tensor(float("nan")), torch.tensor(float("inf")), torch.tensor(7)])
def test_weights_that_are_no_numbers_do_not_load(spoilt: Tensor) -> None:
    tensors = read_checkpoint(find_weights(BACKBONES["efficientnet_lite0"]))
    tensors["_bn0.weight"] = torch.ones_like(tensors["_bn0.weight"]).to(spoilt.dtype) * spoilt
    found = compare("efficientnet_lite0", tensors)
    assert not found.strict
    assert found.reason == "holds no usable numbers in encoder.bn1.weight"


def test_what_begins_as_a_swin_and_does_not_attend_is_none() -> None:
    from torchvision.models import mobilenet_v3_small, swin_t

    with torch.device("meta"):
        other, swin = mobilenet_v3_small().state_dict(), swin_t().state_dict()
    assert "Swin" not in describe(other)
    assert describe(swin).startswith("a Swin-T or S on red")


def test_the_command_tells_and_its_status_says_whether_it_loads(resnet: Path, tmp_path: Path) -> None:
    run = CliRunner()
    told = run.invoke(app, ["models", "check", str(resnet), "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["loads_into"] == ["resnet50"]
    for_a_person = run.invoke(app, ["models", "check", str(resnet)]).stdout
    assert "loads_into: resnet50\nknown_as: none\n" in for_a_person
    refused = run.invoke(app, ["models", "check", str(resnet), "--backbone", "swin_v2_b", "--json"])
    assert refused.exit_code == 1
    result = json.loads(refused.stdout)
    assert (result["loads"], result["backbone"]) == (False, "swin_v2_b")
    assert result["missing"] > 100
    save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors")
    assert run.invoke(app, ["models", "check", str(tmp_path / "a.safetensors")]).exit_code == 1


def test_the_list_tells_every_backbone() -> None:
    told = CliRunner().invoke(app, ["models", "list", "--json"])
    assert told.exit_code == 0, told.output
    entries = {entry["name"]: entry for entry in json.loads(told.stdout)["backbones"]}
    assert entries["efficientnet_lite0"]["on_disk"]
    assert entries["satlas_aerial_si"]["bands"] == ["red", "green", "blue"]
    assert entries["satlas_aerial_si"]["sha256"] == "f8abf21c"


def test_a_trunk_that_was_saved_is_taken_and_one_of_another_backbone_refused(tmp_path: Path) -> None:
    first = build_network("efficientnet_lite0", pretrained=False)
    path = tmp_path / "backbone.safetensors"
    save_file({name: value.contiguous() for name, value in first.trunk.state_dict().items()}, path)
    second = build_network("efficientnet_lite0", pretrained=True, weights=path)
    for name, value in second.trunk.state_dict().items():
        assert torch.equal(value, first.trunk.state_dict()[name])
    assert describe(read_checkpoint(path)).startswith("the trunk of a backbone as Bocage keeps it")
    with pytest.raises(ModelError, match="is not a trunk of resnet50"):
        build_network("resnet50", pretrained=False, weights=path)
