"""Home-made backbones: found by name, checked by digest, never mistaken for those of Bocage."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from bocage.cli.application import app
from bocage.errors import ModelError
from bocage.models import BACKBONES
from bocage.models.homemade import (
    NOTE,
    WEIGHTS,
    HomemadeBackbone,
    Trunk,
    find_homemade,
    homemade_folder,
    list_homemade,
    resolve_backbone,
    save_homemade,
)
from bocage.models.network import build_network
from bocage.models.weights import WEIGHTS_VARIABLE
from bocage.project import Project
from bocage.settings import Settings

NOTE_OF = HomemadeBackbone(
    name="county",
    backbone="efficientnet_lite0",
    start="random",
    licence="that of the scenes",
    bands=("red", "green", "blue", "nir"),
    resolution=1.2,
    stretch="none",
    scenes={"a": "0" * 64},
    left_out=("b",),
    figures={"steps": 2},
    settings={"steps": 2},
    inputs="1" * 64,
    created="2026-11-25T12:00:00Z",
    percentiles=(0.005, 0.995),
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, Settings())


@pytest.fixture
def made(project: Project) -> Project:
    torch.manual_seed(3)
    save_homemade(project, build_network("efficientnet_lite0", pretrained=False).trunk, NOTE_OF)
    return project


@pytest.fixture
def noted(project: Project) -> Project:
    """A backbone of one weight, where nothing but the note matters."""
    save_homemade(project, torch.nn.Conv2d(1, 1, 1), NOTE_OF)
    return project


def test_what_is_saved_is_found_and_fits_a_network(made: Project) -> None:
    note, path = find_homemade(made, "county")
    assert dataclasses.replace(note, digest="") == NOTE_OF
    assert list_homemade(made) == [note]
    torch.manual_seed(3)
    expected = build_network("efficientnet_lite0", pretrained=False).trunk.state_dict()
    torch.manual_seed(4)
    found = build_network(note.backbone, pretrained=True, weights=path).trunk.state_dict()
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def test_weights_of_another_trunk_are_refused(made: Project) -> None:
    with pytest.raises(ModelError, match="resnet50"):
        build_network("resnet50", pretrained=False, weights=find_homemade(made, "county")[1])


def test_an_unknown_name_lists_what_there_is(made: Project) -> None:
    with pytest.raises(ModelError, match=r"'country' is neither.*\n.*efficientnet_lite0.*county"):
        find_homemade(made, "country")


@pytest.mark.parametrize("name", ["../county", "", "county/"])
def test_a_name_is_no_path(made: Project, name: str) -> None:
    with pytest.raises(ModelError):
        find_homemade(made, name)
    with pytest.raises(ModelError, match="cannot be the name"):
        homemade_folder(made, name)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "forest"])
def test_a_name_of_bocage_is_taken(project: Project, name: str) -> None:
    with pytest.raises(ModelError, match="is a backbone of Bocage already"):
        homemade_folder(project, name)


def test_altered_weights_are_refused(made: Project) -> None:
    path = made.backbones_folder / "county" / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or was altered"):
        find_homemade(made, "county")


def test_missing_weights_are_named(made: Project) -> None:
    (made.backbones_folder / "county" / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=rf"{WEIGHTS} is missing"):
        find_homemade(made, "county")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "of format 2"),
        ({"name": "other"}, "note of 'other'"),
        ({"colour": "red"}, "is not the note of a backbone"),
        ({"backbone": "alexnet"}, "is not a backbone of Bocage"),
        ({"bands": ["red", "green", "blue"]}, "was pretrained on red, green, blue, and images have"),
        ({"bands": "red"}, "bands cannot be as it says"),
        ({"resolution": "1.2"}, "resolution cannot be as it says"),
        ({"resolution": 0}, "resolution cannot be as it says"),
        ({"stretch": "gamma"}, "stretch cannot be as it says"),
        ({"percentiles": [0.1]}, "percentiles cannot be as it says"),
        ({"percentiles": 0.1}, "percentiles cannot be as it says"),
        ({"scenes": ["a"], "licence": None}, "licence, scenes cannot be as it says"),
        ({"digest": "e3"}, "digest cannot be as it says"),
    ],
)
def test_a_note_that_is_wrong_is_refused(noted: Project, change: dict[str, object], says: str) -> None:
    path = noted.backbones_folder / "county" / NOTE
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(ModelError, match=says):
        find_homemade(noted, "county")


def test_the_list_tells_whether_the_weights_are_there(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "open", lambda _: made)
    monkeypatch.setenv("COLUMNS", "300")

    def line() -> str:
        listed = CliRunner().invoke(app, ["models", "list", "--project", str(made.folder)])
        return next(line for line in listed.stdout.splitlines() if "county" in line)

    assert "on disk" in line()
    (homemade_folder(made, "county") / WEIGHTS).unlink()
    assert "missing" in line()


def test_a_project_without_any_lists_none(project: Project) -> None:
    assert list_homemade(project) == []


def test_a_note_without_the_shares_of_the_stretch_is_read(noted: Project) -> None:
    path = noted.backbones_folder / "county" / NOTE
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["percentiles"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert find_homemade(noted, "county")[0].percentiles == ()


def test_a_run_of_another_stretch_is_warned_and_one_of_the_same_is_not(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    trunk = torch.nn.Conv2d(1, 1, 1)
    here = project.settings.scenes.percentiles
    same = dataclasses.replace(NOTE_OF, resolution=project.grid.resolution, stretch="percentile", percentiles=here)
    save_homemade(project, trunk, same)
    resolve_backbone(project, "county", pretrained=True)
    assert not caplog.text
    save_homemade(project, trunk, dataclasses.replace(same, percentiles=(0.1, 0.9)))
    resolve_backbone(project, "county", pretrained=True)
    assert "stretch percentile of 0.1 to 0.9; this project has" in caplog.text


def test_a_run_of_another_pixel_is_warned(made: Project, caplog: pytest.LogCaptureFixture) -> None:
    trunk = resolve_backbone(made, "county", pretrained=True)
    assert (trunk.backbone, trunk.weights) == ("efficientnet_lite0", find_homemade(made, "county")[1])
    assert "pretrained at 1.2 m with stretch none; this project has 2 m with stretch percentile of 0.005" in caplog.text
    assert resolve_backbone(made, "county", pretrained=False) == Trunk("efficientnet_lite0")
    assert resolve_backbone(made, "resnet50", pretrained=True) == Trunk("resnet50")


def test_a_file_in_place_of_the_published_one_is_known_by_its_digest(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "weights"))
    own = tmp_path / "weights" / "resnet50.safetensors"
    own.parent.mkdir()
    found = []
    for content in (b"one", b"two"):
        own.write_bytes(content)
        found.append(resolve_backbone(project, "resnet50", pretrained=True))
    assert found[0] != found[1]
    assert found[0].source.startswith("resnet50.safetensors, which stands in place of the published file, SHA-256 7692")
    assert found[0].licence.startswith("not known")
    assert resolve_backbone(project, "resnet50", pretrained=False) == Trunk("resnet50")
    # The published file is that whatever it is called; under its own name the registry knows its digest.
    published = dataclasses.replace(BACKBONES["resnet50"].weights, digest=found[1].source[-64:])
    known = dataclasses.replace(BACKBONES["resnet50"], weights=published)
    with monkeypatch.context() as patch:
        patch.setattr("bocage.models.homemade.BACKBONES", {"resnet50": known})
        assert resolve_backbone(project, "resnet50", pretrained=True) == Trunk("resnet50")
    own.replace(own.parent / BACKBONES["resnet50"].weights.file)
    assert resolve_backbone(project, "resnet50", pretrained=True) == Trunk("resnet50")
