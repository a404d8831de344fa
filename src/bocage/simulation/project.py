"""Writing a simulated project: scenes, reference layers, truth and settings, ready for ``bocage run``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bocage
from bocage.errors import GridError, ProjectError
from bocage.files import digest_file, write_json, write_text
from bocage.progress import bar
from bocage.project import SETTINGS_FILE
from bocage.receipts import sizes
from bocage.simulation.context import write_context
from bocage.simulation.extent import Raster
from bocage.simulation.landscape import Landscape
from bocage.simulation.layers import write_layers
from bocage.simulation.reflectance import reflect, texture
from bocage.simulation.scenes import Capture
from bocage.simulation.takes import plan_takes
from bocage.simulation.template import settings_text
from bocage.simulation.truth import Truth

# A small square is bocage with a stream; one of 3 km or more reaches into four 10 km tiles of the EEA reference grid.
_MIDDLE = (4_321_500.0, 3_019_500.0)
_PIECE = 1000.0
_HALO = 56.0
_STEP = 40.0
_SMALLEST = 400.0
# What was simulated here. It is written before anything else: only a folder that has it is ever simulated again.
_MARKER = Path(".bocage") / "simulation.json"
_PARTS = ("scenes", "layers", "truth")


def simulate(
    folder: Path | str,
    *,
    seed: int = 0,
    size: float = 6000.0,
    families: Sequence[str] = ("PHR", "SPOT", "WV2", "GEOSAT2"),
) -> Path:
    """Write a ready project over a square of a procedural European landscape.

    Where the same simulation is in place already, nothing is touched; one that was interrupted is made again. Settings
    that a person has edited stay in both cases.

    Parameters
    ----------
    folder
        Where to write: ``scenes/`` with a delivery per take, ``layers/``, ``truth/`` and ``bocage.toml``.
    seed
        Every pixel follows from it.
    size
        Edge of the square in metres, a multiple of 40 m and at least 400 m.
    families
        Codes of the sensor families that take turns in flying the takes: six, or one each where there are more.

    Returns
    -------
    Path
        The project folder.

    Raises
    ------
    ProjectError
        If the folder holds anything else, or a simulation of another seed, size or other families.
    GridError
        If ``size`` is not a multiple of 40 m, or too small.
    SettingsError
        If a family is not known.
    """
    if size < _SMALLEST or size % _STEP:
        raise GridError(f"size {size} m of the landscape", f"use a multiple of {_STEP:.0f} m, {_SMALLEST:.0f} or more")
    folder = Path(folder)
    left, bottom = (middle - size / 2 for middle in _MIDDLE)
    takes = plan_takes(left, bottom, size, families)
    asked = {"seed": seed, "size": size, "families": list(families)}
    text = settings_text(left, bottom, size)
    marker = _marker(folder, asked)
    if _in_place(folder, marker):
        _write_settings(folder, text, marker)
        return folder
    # The digest of the settings stays from the run that wrote them, so that an edited file is known as such.
    marker = asked | {"version": bocage.__version__, "finished": False, "settings": marker.get("settings", "")}
    write_json(folder / _MARKER, marker)
    captures = [Capture(take, seed) for take in takes]
    landscape, truth = Landscape.over(seed, left, bottom, size), Truth(left, bottom, size)
    pieces = list(Raster(left, bottom + size, round(size), round(size)).pieces(_PIECE))
    with bar("simulating", len(pieces) + len(captures) + 2) as advance:
        for core in pieces:
            scenery = landscape.render(core.pad(_HALO))
            truth.add(scenery, core)
            patterns = texture(seed, scenery)
            for capture in captures:
                if capture.wants(core):
                    image = reflect(scenery, patterns, capture.take.day, capture.take.sun)
                    capture.add(image, scenery.raster, core)
            advance(1)
        for capture in captures:
            capture.write(folder / "scenes")
            advance(1)
        write_layers(folder / "layers", truth, seed)
        write_context(folder / "layers", landscape, truth.raster)
        advance(1)
        truth.write(folder / "truth", landscape)
        _write_settings(folder, text, marker)
        files = sizes([folder / part for part in _PARTS], folder)
        write_json(folder / _MARKER, marker | {"finished": True, "settings": _digest(text), "files": files})
        advance(1)
    return folder


def _marker(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what an earlier simulation noted, nothing for a new folder, and refuse every other folder."""
    path = folder / _MARKER
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
        found = {name: marker[name] for name in asked}
    except (FileNotFoundError, NotADirectoryError) as error:
        # A hidden file may be the part of a marker that a killed run left.
        if any(file.is_file() and not file.name.startswith(".") for file in folder.rglob("*")):
            raise ProjectError(
                f"{folder} holds files that no simulation wrote", "choose a folder that is new or empty"
            ) from error
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"{path} does not say what was simulated: {error}", "choose a new folder, or remove this one first"
        ) from error
    if found != asked:
        words = [", ".join(f"{name} {values[name]}" for name in asked) for values in (found, asked)]
        raise ProjectError(
            f"{folder} holds a simulation of {words[0]}, not of {words[1]}",
            "choose a new folder, or remove this one first",
        )
    return dict(marker)


def _in_place(folder: Path, marker: dict[str, Any]) -> bool:
    """Say whether this version finished a simulation and all that it wrote is there."""
    if not marker.get("finished") or marker.get("version") != bocage.__version__:
        return False
    files = marker.get("files", {})
    return bool(files) and sizes([folder / name for name in files], folder) == files


def _write_settings(folder: Path, text: str, marker: dict[str, Any]) -> None:
    """Write the settings where there are none, or those of an earlier version that nobody edited."""
    path = folder / SETTINGS_FILE
    there = digest_file(path) if path.is_file() else None
    if there is None or (there == marker.get("settings") and there != _digest(text)):
        write_text(path, text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
