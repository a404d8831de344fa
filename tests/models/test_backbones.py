"""The registry: what is known of the backbones, found in their files, without torch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision.ops import StochasticDepth

from bocage.errors import MissingExtraError, ModelError
from bocage.models import BACKBONES, Backbone, backbones, build_network, find_backbone
from bocage.models.identification import skeleton

NEEDED = {
    "satlas_aerial_si", "satlas_aerial_mi", "satlas_aerial_si_torchgeo", "satlas_aerial_mi_torchgeo",
    "dinov3_convnext_base", "dinov3_vit_large", "dinov3_vit_large_sat", "dinov2_vit_base", "dinov2_vit_large",
    "dofa_base", "dofa_large", "panopticon_base", "deo_swin_base", "clay",
    "resnet50", "convnext_base", "swin_v2_b", "efficientnet_lite0",
}  # fmt: skip


def test_the_registry_holds_the_backbones_of_the_plan() -> None:
    assert set(BACKBONES) == NEEDED
    for entry in BACKBONES.values():
        assert entry.title
        assert entry.licence
        assert entry.source
        assert entry.citation
        assert entry.weights.url or entry.weights.package


def test_the_registry_does_without_torch() -> None:
    asked = "import sys, bocage.models; assert len(bocage.models.BACKBONES) > 9; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", asked], check=True)


def test_an_unknown_backbone_is_refused_with_the_list() -> None:
    with pytest.raises(ModelError, match=r"resnet51.*\n.*efficientnet_lite0, resnet50"):
        find_backbone("resnet51")


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_every_trunk_has_the_size_that_the_list_tells_and_a_depth_for_every_parameter(name: str) -> None:
    entry = BACKBONES[name]
    try:
        with torch.device("meta"):
            trunk = entry.build()
    except MissingExtraError as error:
        pytest.skip(str(error))
    parameters = list(trunk.parameters())
    assert sum(parameter.numel() for parameter in parameters) == entry.parameters
    grouped = [id(parameter) for depth in trunk.depths() for parameter in depth]
    assert sorted(grouped) == sorted(id(parameter) for parameter in parameters)
    assert trunk.strides[-1] == 32
    assert list(trunk.strides) == sorted(trunk.strides)
    assert len(trunk.channels) == len(trunk.strides)
    assert {part[1] for part in entry.weights.parts} == {
        prefix
        for prefix in (part[1] for part in entry.weights.parts)
        if any(key.startswith(prefix) for key in skeleton(entry))
    }


ONE_FILE = '''
"""Four averages: a backbone for a test."""

from bocage.models.backbone import Backbone, Weights


def _build(_: float):
    from torch import nn
    from torch.nn import functional
    from bocage.models.pyramid import Pyramid

    class Averages(Pyramid):
        channels, strides, order = (3, 3, 3, 3), (4, 8, 16, 32), (("scale.",),)

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Conv2d(3, 3, 1)

        def forward(self, images):
            return [functional.avg_pool2d(self.scale(images), stride) for stride in self.strides]

    return Averages()


BACKBONES = (
    Backbone("averages", "four averages", 12, "nothing", "none", "a test", "none", Weights("averages.pth"), _build),
)
'''


def test_adding_a_backbone_is_adding_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "averages.py").write_text(ONE_FILE, encoding="utf-8")
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(tmp_path)])
    found = backbones.discover()
    assert set(found) == NEEDED | {"averages"}
    monkeypatch.setattr(backbones, "BACKBONES", found)
    network = build_network("averages", pretrained=False).eval()
    with torch.inference_mode():
        logit = network(torch.zeros(1, 4, 64, 32, dtype=torch.uint8), torch.ones(1, 64, 32, dtype=torch.bool))
    assert logit.shape == (1, 64, 32)


def test_two_backbones_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zebra.py").write_text(ONE_FILE.replace('"averages"', '"clay"'), encoding="utf-8")
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(tmp_path)])
    with pytest.raises(ModelError, match="two backbones are called clay"):
        backbones.discover()


def test_stochastic_depth_is_the_entrys_unless_another_is_asked_for() -> None:
    entry: Backbone = BACKBONES["swin_v2_b"]
    with torch.device("meta"):
        trunks = [entry.build(given) for given in (None, 0.3)]
    deepest = [max(layer.p for layer in trunk.modules() if isinstance(layer, StochasticDepth)) for trunk in trunks]
    assert deepest == pytest.approx([0.1, 0.3])


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet50", "clay"])
def test_a_trunk_that_cannot_leave_out_blocks_says_so(name: str) -> None:
    with pytest.raises(ModelError, match=f"{name} has no blocks that can be left out"):
        BACKBONES[name].build(0.1)
