"""``bocage pretrain`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Bocage

from bocage import training
from bocage.outcome import Outcome, Refusal


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
