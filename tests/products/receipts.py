"""Mosaics whose receipts say what a test wants them to say."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from bocage.files import write_json
from bocage.grid import Window
from bocage.project import Project
from tests.features.landscape import make_project, rectangle, write_mosaic


def square(folder: Path, window: Window, more: str = "") -> Project:
    """Return a project with a mosaic over a window: a hedge from west to east, and open ground."""
    project = make_project(folder, more=more or "[products]\nweb_tiles = false\n")
    hedge = rectangle(window.shape, 60, 20, 5, window.width - 40)
    write_mosaic(project, window, np.where(hedge, 250, 4).astype(np.uint8))
    return project


def describe(project: Project, said: dict[str, dict[str, Any]]) -> None:
    """Let the receipts of tiles name a model, scenes (id to digest) or a grid."""
    for tile, what in said.items():
        path = project.map_folder / f"{tile}.json"
        item = json.loads(path.read_bytes())
        properties: dict[str, Any] = item["properties"]
        if "model" in what:
            properties["bocage:model"] = {"name": "slf", "digest": what["model"]}
        if "scenes" in what:
            properties["bocage:scenes"] = [{"id": name, "digest": digest} for name, digest in what["scenes"].items()]
        if "grid" in what:
            properties["bocage:grid"] |= {"crs": what["grid"].crs, "resolution": what["grid"].resolution}
        write_json(path, item)
