"""Every backbone of the registry takes its published file strictly, and no file of another."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from bocage.cli.application import app
from bocage.errors import ModelError
from bocage.models import BACKBONES, identification
from bocage.models.checkpoint import fit, load_pretrained
from bocage.models.weights import WEIGHTS_VARIABLE
from tests.models.layouts import Layout, layout, save

# Backbones whose files have the same names and shapes: one training on other images.
ALIKE = (
    {"swin_v2_b", "satlas_aerial_si_torchgeo", "satlas_aerial_mi_torchgeo"},
    {"dinov3_vit_large", "dinov3_vit_large_sat"},
)
# DINOv3's ConvNeXt has the layers of ImageNet's and no classifier: its file cannot be told from one that lost it.
ONE_WAY = {"dinov3_convnext_base": {"convnext_base"}}
SAID = {
    "satlas_aerial_si": "the single-image checkpoint of Satlas, Swin-v2-B on red, green, blue",
    "satlas_aerial_mi": "the multi-image checkpoint of Satlas, Swin-v2-B on red, green, blue",
    "dinov3_vit_large": "a vision transformer of 24 blocks of 1024 on patches of 16 pixels",
    "dinov2_vit_base": "a vision transformer of 12 blocks of 768 on patches of 14 pixels",
    "dofa_base": "a DOFA transformer of 12 blocks",
    "dofa_large": "a DOFA transformer of 24 blocks",
    "panopticon_base": "a Panopticon transformer",
    "deo_swin_base": "a Swin of DEO",
    "clay": "an encoder of Clay, 24 blocks",
    "resnet50": "a ResNet 50",
    "convnext_base": "a ConvNeXt",
    "efficientnet_lite0": "an EfficientNet",
}
EXTRA = {name for name, entry in BACKBONES.items() if entry.extra}

_own = cache(identification.skeleton)
_layout = cache(layout)


def _known(name: str) -> Layout:
    if name in EXTRA:
        pytest.importorskip("torchgeo")
    return _layout(name)


def _family(name: str) -> set[str]:
    return next((family for family in ALIKE if name in family), {name})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build each trunk once, not once per file."""
    monkeypatch.setattr(identification, "skeleton", _own)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_published_layout_loads_strictly(name: str) -> None:
    entry, own = BACKBONES[name], _own(BACKBONES[name])
    found = fit(entry, _known(name), own)
    assert found.strict, found.reason
    assert set(found.state) == set(own)
    # Nothing is left out of a file but what the backbone says that it has no use for.
    lacking = dict(_known(name))
    first = next(key for key in lacking if any(key.startswith(old) for old, _ in entry.weights.parts))
    if entry.weights.adapt is None and not first.startswith(entry.weights.unused or ("\n",)):
        del lacking[first]
        assert not fit(entry, lacking, own).strict
    more = {**_known(name), "something.else": torch.zeros(1, device="meta")}
    assert "something.else" in fit(entry, more, own).reason


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_file_of_another_backbone_is_refused_with_the_reason(name: str) -> None:
    entry, own = BACKBONES[name], _own(BACKBONES[name])
    for other in sorted(set(BACKBONES) - _family(name)):
        if other in EXTRA:
            pytest.importorskip("torchgeo")
        found = fit(entry, _layout(other), own)
        assert found.strict == (name in ONE_WAY.get(other, set())), other
        assert bool(found.reason) != found.strict, other


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_file_is_told_for_what_it_is_and_loads_from_the_disk(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = BACKBONES[name]
    path = save(_known(name), tmp_path / f"{name}.pth", entry.weights.container)
    identity, tensors = identification.identify(path)
    assert set(identity.backbones) == _family(name) | ONE_WAY.get(name, set())
    assert identity.known == ()
    assert identity.kind.startswith(SAID.get(name, "a"))
    assert identification.compare(name, tensors).strict
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    if entry.weights.package:
        # Its published file comes with a package, which is found first.
        return
    trunk = _Recorder(_own(entry))
    load_pretrained(entry, trunk)  # type: ignore[arg-type]
    assert set(trunk.loaded) == set(_own(entry))


@pytest.mark.parametrize(
    ("name", "other", "words"),
    [
        ("dinov3_vit_large", "dinov2_vit_large", "24 blocks of 1024 on patches of 14 pixels"),
        ("dinov2_vit_base", "dinov2_vit_large", "24 blocks of 1024"),
        ("clay", "dofa_large", "a DOFA transformer of 24 blocks"),
        ("dofa_base", "dofa_large", "a DOFA transformer of 24 blocks"),
        ("deo_swin_base", "swin_v2_b", "a Swin-v2-B on red, green, blue"),
        ("panopticon_base", "dinov2_vit_base", "12 blocks of 768"),
        ("convnext_base", "resnet50", "a ResNet 50"),
        ("dinov3_convnext_base", "convnext_base", "a ConvNeXt; holds besides head.fc"),
    ],
)
def test_a_swapped_file_is_refused_with_what_it_is(
    name: str, other: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    if {name, other} & EXTRA:
        pytest.importorskip("torchgeo")
    save(_layout(other), tmp_path / f"{name}.pth", BACKBONES[name].weights.container)
    with pytest.raises(ModelError, match=f"does not hold the weights of {name}: it is .*{words}") as caught:
        load_pretrained(BACKBONES[name], _Recorder(_own(BACKBONES[name])))  # type: ignore[arg-type]
    assert "bocage models check" in caught.value.mend


@pytest.mark.usefixtures("quick")
def test_the_command_says_so_too(tmp_path: Path) -> None:
    path = save(_layout("dinov2_vit_base"), tmp_path / "file.pth")
    for asked, status in (("dinov2_vit_base", 0), ("dinov2_vit_large", 1), ("clay", 1)):
        told = CliRunner().invoke(app, ["models", "check", str(path), "--backbone", asked, "--json"])
        assert told.exit_code == status, told.output
        answer = json.loads(told.stdout)
        assert (answer["loads"], answer["loads_into"]) == (status == 0, ["dinov2_vit_base"])
        assert bool(answer["reason"]) is bool(status)
    unknown = CliRunner().invoke(app, ["models", "check", str(path), "--backbone", "dinov2"])
    assert isinstance(unknown.exception, ModelError) or unknown.exit_code == 1


class _Recorder:
    """A trunk that notes what is loaded into it: the numbers of all trunks would be ten gigabytes."""

    def __init__(self, own: Mapping[str, Tensor]) -> None:
        self._own = own
        self.loaded: dict[str, Tensor] = {}

    def state_dict(self) -> Mapping[str, Tensor]:
        return self._own

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.loaded = state
