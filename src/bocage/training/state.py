"""The state that a killed training goes on from: which inputs it is of, and reading it without unpickling."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from bocage.errors import TrainingError

NOTE = "inputs.json"


def noted_digest(working: Path) -> str:
    """Return the digest of the inputs that the state in a folder is of; empty where none is noted.

    Raises
    ------
    TrainingError
        If the note cannot be read.
    """
    note = working / NOTE
    if not note.is_file():
        return ""
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(note, error) from error


def read_state(path: Path) -> dict[str, Any]:
    """Return tensors and plain numbers that an earlier session left.

    Raises
    ------
    TrainingError
        If the file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise _unreadable(path, error) from error
    return state


def check_weights(path: Path) -> None:
    """Refuse weights that are not whole before more steps are spent on them.

    Raises
    ------
    TrainingError
        If the file is damaged.
    """
    try:
        with safe_open(path, "pt"):
            return
    except SafetensorError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> TrainingError:
    words = str(error).partition("\n")[0] or "it ends too early"
    return TrainingError(f"{path} cannot be read: {words}", f"remove {path.parent} and run the same command again")
