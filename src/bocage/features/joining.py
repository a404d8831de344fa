"""The stage's second round: pieces of features at the borders of production cells become parts of wholes.

What a cell knows of its edge lies in ``.bocage/features/<cell>.npz``; the table of the cell is written again only where
the wholes say something else than it does.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bocage.errors import FeatureError
from bocage.features.borders import Border
from bocage.features.profiles import Profile
from bocage.features.wholes import wholes_of
from bocage.files import whole_file
from bocage.project import Project


def border_file(project: Project, cell: str) -> Path:
    """Return where is kept what a production cell knows of its edge."""
    return project.receipts_folder / "features" / f"{cell}.npz"


def write_border(path: Path, borders: Iterable[Border]) -> None:
    """Write what the regions of a production cell know of their edges, as one."""
    arrays = [border.arrays() for border in borders if len(border.rows)]
    with whole_file(path) as temporary:
        if not arrays:
            arrays = [Border.none().arrays()]
        shift = np.cumsum([0, *(len(part["rows"]) for part in arrays)])
        for part, before in zip(arrays, shift, strict=False):
            part["cells"] = part["cells"] + np.array([0, 0, 0, before])
            part["links"] = part["links"] + before
        together = {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}
        np.savez(temporary, allow_pickle=False, **together)


def read_border(path: Path) -> Border:
    """Read what :func:`write_border` wrote.

    Raises
    ------
    FeatureError
        If the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Border.of({name: stored[name] for name in stored.files})
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FeatureError(f"{path} is damaged", "remove it and run: bocage features") from error


def join_cells(project: Project, cells: Iterable[str], resolution: float, profile: Profile) -> list[str]:
    """Bring the tables of these production cells to what the wholes say; return the cells that changed."""
    borders = {cell: read_border(border_file(project, cell)) for cell in sorted(cells)}
    wholes = wholes_of(borders, resolution, profile)
    return [cell for cell in wholes if _bring(project.features_folder / f"{cell}.parquet", wholes[cell])]


def _bring(path: Path, rows: pd.DataFrame) -> bool:
    """Set columns of some rows of a stored table; return whether any was different."""
    if rows.empty:
        return False
    table = pq.read_table(path, columns=list(rows.columns))
    changed = {}
    for name in rows.columns:
        values = table[name].to_pandas()
        now = values.copy()
        now.iloc[rows.index] = rows[name].astype(values.dtype).to_numpy()
        if not now.equals(values):
            changed[name] = now
    if not changed:
        return False
    whole = pq.read_table(path)
    for name, now in changed.items():
        place = whole.schema.get_field_index(name)
        field = whole.schema.field(place)
        # What is unknown stays null, as where the table was written first: a NaN is no null to other programs.
        whole = whole.set_column(place, field, pa.array(now, field.type, from_pandas=True))
    with whole_file(path) as temporary:
        pq.write_table(whole, temporary)
    return True
