"""What a killed training goes on from: a state, beside the digest of the inputs that it is of."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bocage.errors import TrainingError
from bocage.files import write_json

STATE, WORKING = "state.ckpt", "training"
_NOTE = "inputs.json"


def take_up(working: Path, digest: str, again: str, besides: Sequence[str] = ()) -> dict[str, Any] | None:
    """Return the state to go on from, or None after clearing what other inputs left behind.

    Parameters
    ----------
    working
        The folder that the state lies in.
    digest
        Of all inputs: a state that other inputs left is not taken up.
    again
        What a person does to begin anew, such as "train again".
    besides
        Names of files without which the state is of no use.

    Raises
    ------
    TrainingError
        If the state cannot be read.
    """
    note = working / _NOTE
    there = all((working / name).is_file() for name in (_NOTE, STATE, *besides))
    if there and json.loads(note.read_text(encoding="utf-8"))["digest"] == digest:
        return read_state(working, again)
    shutil.rmtree(working, ignore_errors=True)
    write_json(note, {"digest": digest})
    return None


def read_state(working: Path, again: str) -> dict[str, Any]:
    """Return the state in a folder; nothing is unpickled.

    Raises
    ------
    TrainingError
        If it cannot be read.
    """
    path = working / STATE
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise TrainingError(f"{path} cannot be read: {error}", f"remove {working} and {again}") from error
    return state
