"""The audit of the corrections: who changed how many square metres of label from what to what, and why.

What a label was before is fused again from the layers, so the audit needs no memory of earlier runs and is the same
whenever it is made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bocage.errors import LayerError
from bocage.files import write_text
from bocage.progress import track
from bocage.project import Project
from bocage.reference.corrections import NUMBER
from bocage.reference.evidence import Sources
from bocage.reference.labels import tiles_of_scenes

FILE = "corrections_audit.csv"
COLUMNS = ("correction", "author", "date", "reason", "before", "after", "area_m2")
# Edge of the squares in which labels are compared: memory depends on them, not on the area.
_BLOCK = 1024


@dataclass(frozen=True)
class Audit:
    """What the corrections did.

    Attributes
    ----------
    table
        One row per correction and class before, with the columns ``COLUMNS``: ``correction`` is its row in the file
        from 1, ``before`` and ``after`` are 0, 1 or 255, equal where the correction only confirms the label.
    without_effect
        Rows of corrections that hold the centre of no pixel in the area.
    """

    table: pd.DataFrame
    without_effect: tuple[int, ...]

    def figures(self) -> dict[str, Any]:
        """Return the sums in square metres, in all, by kind of change and by author."""
        changed = self.table[self.table["before"] != self.table["after"]]
        kinds = [f"{before} to {after}" for before, after in zip(changed["before"], changed["after"], strict=True)]
        return {
            "corrections": int(self.table["correction"].nunique()) + len(self.without_effect),
            "without_effect": list(self.without_effect),
            "corrected_m2": _sum(self.table["area_m2"]),
            "changed_m2": _sum(changed["area_m2"]),
            "changes_m2": {
                str(kind): _sum(part)
                for kind, part in changed["area_m2"].groupby(pd.Series(kinds, changed.index, dtype=str))
            },
            "per_author": {
                str(author): {
                    "corrections": int(part["correction"].nunique()),
                    "corrected_m2": _sum(part["area_m2"]),
                    "changed_m2": _sum(part["area_m2"][part["before"] != part["after"]]),
                }
                for author, part in self.table.groupby("author")
            },
        }


def audit_corrections(project: Project) -> Audit:
    """Compare the labels with and without the corrections, where there are corrections.

    Only ground that catalogued scenes touch counts: no label is made elsewhere. Where corrections of one class overlap,
    the later row has the area.

    Raises
    ------
    ProjectError
        If no scenes are catalogued.
    LayerError
        If the settings name no corrections, or a layer or the corrections cannot be used.
    """
    sources = Sources.open(project)
    corrections = sources.corrections
    if corrections is None:
        raise LayerError(
            "bocage.toml names no corrections",
            'run: bocage labels corrections; then set corrections = "corrections.gpkg" under [reference]',
        )
    tiles, grid = tiles_of_scenes(project), project.grid
    bare = replace(sources.learned(project.labels_folder, tiles), corrections=None)
    pixels: Counter[tuple[int, int]] = Counter()
    for tile in track([tile for tile in tiles if len(corrections.within(grid, tile.window))], "tiles audited"):
        for block in tile.window.blocks(_BLOCK):
            owners = corrections.owners(grid, block)
            mine = owners > 0
            if mine.any():
                pairs = np.column_stack([owners[mine], bare.label(block)[0][mine]])
                found, numbers = np.unique(pairs, axis=0, return_counts=True)
                pixels.update({(int(one), int(code)): int(n) for (one, code), n in zip(found, numbers, strict=True)})
    by_number: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (one, before), count in sorted(pixels.items()):
        by_number[one].append((before, count))
    rows = [
        (row[NUMBER], row["author"], row["date"], row["reason"], before, int(row["class"]), count * grid.resolution**2)
        for row in corrections.table.to_dict("records")
        for before, count in by_number[row[NUMBER]]
    ]
    idle = tuple(int(one) for one in corrections.table[NUMBER] if not by_number[one])
    return Audit(pd.DataFrame(rows, columns=list(COLUMNS)), idle)


def write_audit(project: Project, audit: Audit) -> Path:
    """Write the table as ``corrections_audit.csv`` into the project folder and return its path."""
    path = project.folder / FILE
    write_text(path, audit.table.round({"area_m2": 3}).to_csv(index=False, lineterminator="\n"))
    return path


def _sum(areas: pd.Series) -> float:
    return round(float(areas.sum()), 3)
