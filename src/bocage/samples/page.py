"""The page of the samples: the map and the tables of their distribution in one file, without anything from outside."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from bocage.files import digest_file, write_text
from bocage.project import Project
from bocage.samples.card import CARD
from bocage.samples.picture import map_samples
from bocage.samples.samples import Samples
from bocage.samples.split import SPLITS
from bocage.scenes.catalogue import Catalogue

PAGE = "samples.html"


def write_page(project: Project) -> Path:
    """Draw ``samples.png`` and write ``samples.html`` with it and the tables; returns the page.

    Raises
    ------
    ProjectError
        If no samples were drawn.
    StorageError
        If the page cannot be written.
    """
    samples = Samples.read(project)
    page = project.folder / PAGE
    write_text(page, render(project, samples, map_samples(project).read_bytes()))
    return page


def render(project: Project, samples: Samples, picture: bytes) -> str:
    """Return the page as HTML; every text is escaped and the picture (PNG) is inside the page."""
    table, given, card = samples.table, project.settings.samples, _card(project)
    scenes = pd.Series([scene.sensor for scene in Catalogue.open(project.scenes_file, project.grid).scenes], dtype=str)
    strata = _rows(table, "stratum")
    for row in strata:
        share = None if card is None else card["per_stratum"].get(row["name"], {}).get("tree_share")
        row["tree"] = _percent(share)
    sensors = _rows(table, "sensor")
    numbers = scenes.value_counts().to_dict()
    for row in sensors:
        row["scenes"] = numbers.get(row["name"], 0)
    environment = Environment(
        loader=PackageLoader("bocage.samples"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("samples.html").render(
        name=project.settings.project.name,
        total=len(table),
        cells=table["cell_id"].nunique(),
        cell_size=given.cell_size,
        scene_count=table["scene_id"].nunique(),
        seed=given.seed,
        allocation=given.allocation,
        split=given.split,
        splits=SPLITS,
        strata=strata,
        sensors=sensors,
        sums=_per_split(table["split"]),
        most=max(row["count"] for row in strata),
        weight=float(table["weight"].sum()),
        tree="" if card is None else _percent(card["whole"]["tree_share"]),
        card=card,
        picture=base64.b64encode(picture).decode(),
    )


def _rows(table: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    """Return one row per value of a column: its samples by split, in all, and what they stand for."""
    return [
        {
            "name": str(name),
            "splits": _per_split(part["split"]),
            "count": len(part),
            "weight": float(part["weight"].sum()),
        }
        for name, part in table.groupby(column)
    ]


def _per_split(split: Sequence[str] | pd.Series) -> dict[str, int]:
    numbers = pd.Series(split).value_counts()
    return {one: int(numbers.get(one, 0)) for one in SPLITS}


def _card(project: Project) -> dict[str, Any] | None:
    """Return the card of the chips, or None where none were cut yet of these samples."""
    path = project.chips_folder / CARD
    if not path.is_file():
        return None
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return card if card["digests"]["samples"] == digest_file(project.samples_file) else None


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}\u00a0%"
