"""``bocage pretrain`` and ``bocage train`` as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from tests.cli.conftest import Bocage
from torch import nn

from bocage import training
from bocage.cli import models
from bocage.errors import TrainingError
from bocage.models.homemade import HomemadeBackbone, save_homemade
from bocage.outcome import Outcome, Refusal
from bocage.project import Project
from bocage.scenes.bands import BANDS
from bocage.settings import RunSettings, Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose pretraining leaves a scene out."""
    (tmp_path / "bocage.toml").touch()
    left_out = Refusal("scene_b", "it holds no near infrared", "deliver all four bands")
    done = Outcome((tmp_path / "backbones" / "county",), {"held_out": 0.06}, (left_out,))
    monkeypatch.setattr(training, "pretrain", lambda *_, **__: done)
    return tmp_path


def test_a_scene_that_was_left_out_is_told_with_its_mend(bocage: Bocage, folder: Path) -> None:
    status, out, _ = bocage("pretrain", "--name", "county", "--project", folder)
    assert status == 1
    assert "held_out: 0.06" in out
    assert "refused scene_b: it holds no near infrared\n  mend: deliver all four bands" in out


def test_as_json_it_is_one_object(bocage: Bocage, folder: Path) -> None:
    status, out, _ = bocage("pretrain", "--name", "county", "--project", folder, "--json")
    assert status == 1
    assert json.loads(out) == {
        "name": "county",
        "folder": str(folder / "backbones" / "county"),
        "held_out": 0.06,
        "refused": [{"subject": "scene_b", "reason": "it holds no near infrared", "mend": "deliver all four bands"}],
    }


def _pretrained(folder: Path, name: str) -> None:
    """Leave a backbone in a project as ``bocage pretrain`` does."""
    scenes = Settings().scenes
    note = HomemadeBackbone(
        name=name,
        backbone="efficientnet_lite0",
        start="random",
        licence="that of the scenes",
        bands=BANDS,
        resolution=2.0,
        stretch=scenes.stretch,
        scenes={},
        left_out=(),
        figures={},
        settings={},
        inputs="0" * 64,
        created="2026-11-26T00:00:00Z",
    )
    save_homemade(Project.open(folder), nn.Linear(1, 1), note)


# Runs the program, then says whether it loaded torch. Receipts are written only where a stage began.
_ASKED = "import sys\nfrom bocage.cli import main\ntry:\n    main()\nfinally:\n    print('torch' in sys.modules)"


@pytest.mark.parametrize(
    ("option", "word", "status", "told"),
    [
        ("--backbone", "resnet51", 1, "'resnet51' is neither a backbone of Bocage nor one pretrained in"),
        ("--recipe", "thawed", 2, "'gradual'"),
    ],
)
def test_a_wrong_word_for_a_training_is_told_without_torch(
    tmp_path: Path, option: str, word: str, status: int, told: str
) -> None:
    (tmp_path / "bocage.toml").touch()
    asked = [sys.executable, "-c", _ASKED, "train", option, word, "--project", str(tmp_path)]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert ended.returncode == status
    assert told in " ".join(ended.stderr.split())
    assert ended.stdout.split() == ["False"]
    assert [path.name for path in tmp_path.iterdir()] == ["bocage.toml"]


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "forest", "county"])
def test_every_kind_of_backbone_reaches_the_training(
    bocage: Bocage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: str
) -> None:
    def look(_project: Project, stage: str, **options: Any) -> None:
        assert (stage, options["backbone"]) == ("train", backbone)
        raise TrainingError("it was reached")

    (tmp_path / "bocage.toml").touch()
    monkeypatch.setattr(models, "run_stage", look)
    if backbone == "county":
        status, _, err = bocage("train", "--backbone", backbone, "--project", tmp_path)
        assert (status, "--name county" in err) == (1, True)
        _pretrained(tmp_path, backbone)
    status, _, err = bocage("train", "--backbone", backbone, "--project", tmp_path)
    assert (status, "it was reached" in err) == (1, True)


def test_the_recipes_of_the_option_are_those_of_the_settings() -> None:
    option = get_type_hints(models.train)["recipe"]
    assert get_args(get_args(option)[0]) == get_args(RunSettings.model_fields["recipe"].annotation)
