"""What is true at the sampled pixels: read from a complete reference, or from the table of an interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bocage.accuracy.population import Cell
from bocage.errors import AccuracyError
from bocage.grid import Window
from bocage.progress import track

if TYPE_CHECKING:
    import pandas as pd

UNDECIDED = 255
RESPONSE_FILES = ("responses.gpkg", "responses.csv", "plan.gpkg")

ReadLabel = Callable[[Window], NDArray[np.uint8]]


def responses_from_layer(
    read: ReadLabel, cells: Sequence[Cell], column: NDArray[np.int64], row: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return 0 no tree, 1 tree, 255 undecided at each pixel; each cell is read once, and only if it holds a pixel.

    Parameters
    ----------
    read
        Returns the reference of a window as 0 / 1 / 255.
    column, row
        Lattice index of the pixels.
    """
    result = np.full(len(column), UNDECIDED, dtype=np.uint8)
    for cell in track(cells, "reading the reference"):
        window = cell.window
        inside = (column >= window.column) & (column < window.right) & (row >= window.row) & (row < window.bottom)
        if inside.any():
            label = read(window)
            result[inside] = label[row[inside] - window.row, column[inside] - window.column]
    return result


def find_responses(folder: Path) -> Path | None:
    """Return the file that holds an interpreter's responses: responses.gpkg, responses.csv or a filled plan.gpkg."""
    for name in RESPONSE_FILES:
        path = folder / name
        if path.is_file() and (name != "plan.gpkg" or _table(path)["response"].notna().any()):
            return path
    return None


def responses_from_file(path: Path, points: Sequence[str]) -> NDArray[np.uint8]:
    """Read an interpreter's responses in the order of ``points``.

    The table has the columns ``point_id`` and ``response``: 1 tree, 0 no tree, empty or 255 undecided. A point that the
    table leaves out is undecided.

    Raises
    ------
    AccuracyError
        If a column is missing, a point is unknown or named twice, or a response is none of these values.
    """
    table = _table(path)
    index = {point: position for position, point in enumerate(points)}
    result = np.full(len(points), UNDECIDED, dtype=np.uint8)
    seen: set[str] = set()
    for name, response in zip(table["point_id"].astype(str), table["response"], strict=True):
        if name not in index:
            raise AccuracyError(
                f"{path}: point {name} is not in the plan of this project",
                "interpret the points of accuracy/plan.gpkg, or put the plan files back that the points are from",
            )
        if name in seen:
            raise AccuracyError(f"{path}: point {name} is there twice", "keep one row per point")
        seen.add(name)
        result[index[name]] = _code(path, name, response)
    return result


def _code(path: Path, name: str, response: object) -> int:
    if response is None or response == "" or response != response:  # noqa: PLR0124 - NaN is an empty cell
        return UNDECIDED
    try:
        code = float(str(response))
    except ValueError:
        code = -1.0
    if code not in (0, 1, UNDECIDED):
        raise AccuracyError(
            f"{path}: the response of point {name} is {response!r}", "write 1 tree, 0 no tree, or leave it empty"
        )
    return int(code)


def _table(path: Path) -> pd.DataFrame:
    import geopandas as gpd
    import pandas as pd

    try:
        table = pd.read_csv(path) if path.suffix == ".csv" else gpd.read_file(path, ignore_geometry=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise AccuracyError(f"{path} cannot be read: {error}", "save it again as GeoPackage or CSV") from error
    for column in ("point_id", "response"):
        if column not in table.columns:
            raise AccuracyError(
                f"{path} has no column {column!r}", "keep the columns point_id and response of accuracy/plan.gpkg"
            )
    return table
