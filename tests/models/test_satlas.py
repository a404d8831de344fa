"""Satlas: the published layouts load strictly, and the forward pass is that of the libraries it was built with."""

from pathlib import Path

import pytest
import torch

from bocage.errors import ModelError
from bocage.models import BACKBONES, build_network
from bocage.models.checkpoint import load_pretrained
from bocage.models.pyramid import Pyramid
from bocage.models.weights import WEIGHTS_VARIABLE
from tests.models.published import MULTI, SINGLE, Assembly, assemble, save


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return assemble()


@pytest.fixture(scope="module")
def folder(assembly: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    save(assembly.whole(SINGLE), folder / "satlas_aerial_si.pth")
    return folder


@pytest.fixture(scope="module")
def trunk(folder: Path) -> Pyramid:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(WEIGHTS_VARIABLE, str(folder))
        return build_network("satlas_aerial_si", pretrained=True).trunk.eval()


def test_the_published_swin_has_88_million_parameters(assembly: Assembly) -> None:
    assert sum(parameter.numel() for parameter in assembly.swin.parameters()) == 87_930_848


@pytest.mark.parametrize("edges", [(64, 64), (72, 100)])
def test_the_pyramid_is_that_of_the_libraries(assembly: Assembly, trunk: Pyramid, edges: tuple[int, int]) -> None:
    images = torch.rand(1, 3, *edges)
    with torch.inference_mode():
        own, theirs = trunk(images), assembly.levels(images)
    assert own[0].shape[-2:] == edges
    for ours, given in zip(own, theirs, strict=True):
        torch.testing.assert_close(ours, given)


def test_the_upsampling_is_loaded_too(assembly: Assembly, trunk: Pyramid) -> None:
    own = trunk.state_dict()
    for name, value in assembly.upsample.state_dict().items():
        assert torch.equal(own[f"upsample.{name}"], value)
    for name, value in assembly.fpn.state_dict().items():
        assert torch.equal(own[f"fpn.{name}"], value)


def test_the_multi_image_layout_loads_and_gives_the_same(
    assembly: Assembly, trunk: Pyramid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(assembly.whole(MULTI), tmp_path / "satlas_aerial_mi.pth")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    entry = BACKBONES["satlas_aerial_mi"]
    other = entry.build().eval()
    load_pretrained(entry, other)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in trunk.state_dict().items())


def test_torchgeos_file_loads_and_the_stages_are_those_of_its_model(
    assembly: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchgeo = pytest.importorskip("torchgeo.models.swin")
    theirs = torchgeo.swin_v2_b().eval()
    missing, unexpected = theirs.load_state_dict(assembly.swin.state_dict(), strict=False)
    assert not missing
    assert not unexpected
    save(assembly.swin.state_dict(), tmp_path / "satlas_aerial_si_torchgeo.pth")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    own = build_network("satlas_aerial_si_torchgeo", pretrained=True).trunk.eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        stages, result = [], images
        for layer in theirs.features:
            result = layer(result)
            stages.append(result.permute(0, 3, 1, 2))
        for ours, given in zip(own(images), stages[1::2], strict=True):
            torch.testing.assert_close(ours, given)


def test_the_first_step_equals_that_without_the_near_infrared_and_every_part_learns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(folder))
    torch.manual_seed(1)
    network = build_network("satlas_aerial_si", pretrained=True, stochastic_depth=0.0)
    images = torch.randint(0, 256, (2, 4, 64, 64), dtype=torch.uint8)
    other = images.clone()
    other[:, 3] = 9
    valid = torch.ones(2, 64, 64, dtype=torch.bool)
    network.eval()
    with torch.inference_mode():
        assert torch.equal(network(images, valid), network(other, valid))
    network.train()
    network(images, valid).square().mean().backward()
    assert network.infrared is not None
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    gates = [gate.weight.grad for gate in network.infrared.gates.values() if isinstance(gate, torch.nn.Conv2d)]
    assert len(gates) == 4
    assert all(bool(gate.any()) for gate in gates if gate is not None)
    # One step on, the near infrared counts.
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter.sub_(0.1 * parameter.grad)
    network.eval()
    with torch.inference_mode():
        assert not torch.equal(network(images, valid), network(other, valid))


def test_depths_and_fresh_parts_are_all_parameters_once(trunk: Pyramid) -> None:
    with torch.device("meta"):
        network = build_network("swin_v2_b", pretrained=False)
    parts = [*network.fresh(), *(parameter for depth in network.depths() for parameter in depth)]
    assert sorted(map(id, parts)) == sorted(map(id, network.parameters()))
    depths = trunk.depths()
    assert len(depths) == 1 + 24 + 3 + 2
    assert depths[0][0] is trunk.state_dict(keep_vars=True)["features.0.0.weight"]
    assert depths[-1][0] is trunk.state_dict(keep_vars=True)["upsample.0.0.weight"]


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("satlas_aerial_mi", "single", "the single-image checkpoint of Satlas, Swin-v2-B on red, green, blue"),
        ("satlas_aerial_si", "multi", "the multi-image checkpoint of Satlas, Swin-v2-B on red, green, blue"),
        ("satlas_aerial_si", "alone", "a Swin-v2-B on red, green, blue; lacks"),
        ("satlas_aerial_si_torchgeo", "single", "the single-image checkpoint of Satlas"),
        ("satlas_aerial_si", "sentinel", "on nine bands of Sentinel-2"),
        ("satlas_aerial_si", "resnet", "a ResNet 50 or 34 of Satlas on red, green, blue"),
    ],
)
def test_a_wrong_or_swapped_file_is_refused_with_what_it_is(
    assembly: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, state: str, words: str
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    if state == "resnet":
        from torchvision.models import resnet50

        content = {f"backbone.resnet.{key}": value for key, value in resnet50().state_dict().items()}
    elif state == "alone":
        content = assembly.swin.state_dict()
    else:
        content = assembly.whole(MULTI if state == "multi" else SINGLE)
        if state == "sentinel":
            content[f"{SINGLE}features.0.0.weight"] = torch.zeros(128, 9, 4, 4)
    save(content, tmp_path / f"{name}.pth")
    entry = BACKBONES[name]
    with torch.device("meta"):
        trunk = entry.build()
    with pytest.raises(ModelError, match=words):
        load_pretrained(entry, trunk)
