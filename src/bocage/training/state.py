"""What a killed training goes on from: a state, beside the digest of the inputs that it is of."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from bocage.errors import TrainingError
from bocage.files import write_json

STATE, WORKING = "state.ckpt", "training"
_NOTE = "inputs.json"


def take_up(working: Path, digest: str, weights: str | None = None) -> dict[str, Any] | None:
    """Return the state to go on from, or None after clearing what other inputs left behind.

    Parameters
    ----------
    working
        The folder that the state lies in.
    digest
        Of all inputs: a state that other inputs left is not taken up.
    weights
        Name of a safetensors file without which the state is of no use.

    Raises
    ------
    TrainingError
        If the state, its note or the weights are damaged: before more steps are spent on them.
    """
    needed = (_NOTE, STATE, *([] if weights is None else [weights]))
    if all((working / name).is_file() for name in needed) and _noted_digest(working / _NOTE) == digest:
        state = read_state(working)
        if weights is not None:
            _check_weights(working / weights)
        return state
    shutil.rmtree(working, ignore_errors=True)
    write_json(working / _NOTE, {"digest": digest})
    return None


def read_state(working: Path) -> dict[str, Any]:
    """Return the tensors and plain numbers that an earlier session left in a folder; nothing is unpickled.

    Raises
    ------
    TrainingError
        If the file is damaged.
    """
    path = working / STATE
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise _unreadable(path, error) from error
    return state


def _noted_digest(note: Path) -> str:
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(note, error) from error


def _check_weights(path: Path) -> None:
    try:
        with safe_open(path, "pt"):
            return
    except SafetensorError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> TrainingError:
    words = str(error).partition("\n")[0] or "it ends too early"
    return TrainingError(f"{path} cannot be read: {words}", f"remove {path.parent} and run the same command again")
