"""The standard deviation of the tree share within each stratum, for the allocation of Neyman.

It comes from a table that the settings name, or from a pilot: a few cells of each stratum, read from the label tiles.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bocage.errors import SampleError
from bocage.grid import Bounds
from bocage.progress import bar
from bocage.project import Project
from bocage.reference.labels import read_labels
from bocage.samples.drawing import draw_equal
from bocage.samples.frame import Frame
from bocage.samples.strata import Strata

TREE, IGNORE = 1, 255
# Cells of a stratum that the pilot reads: a standard deviation of 50 values is known to about 10 %.
PILOT = 50


def read_deviations(path: Path) -> dict[str, float]:
    """Read a table with the columns stratum and deviation (CSV).

    Raises
    ------
    SampleError
        If the file is missing, is no such table, or names a stratum twice.
    """
    if not path.is_file():
        raise SampleError(f"{path} is not there", "mend samples.deviations in bocage.toml")
    try:
        table = pd.read_csv(path, dtype={"stratum": str})
        values = table["deviation"].astype(float)
        names = table["stratum"].astype(str)
    except (ValueError, KeyError, OSError) as error:
        raise SampleError(
            f"{path} is no table of deviations: {error}", "write a CSV with the columns stratum and deviation"
        ) from error
    twice = sorted(set(names[names.duplicated()]))
    if twice:
        raise SampleError(f"{path} names strata twice: {', '.join(twice)}", "keep one line for each stratum")
    return dict(zip(names, values, strict=True))


def pilot_deviations(project: Project, frame: Frame, strata: Strata, rng: np.random.Generator) -> dict[str, float]:
    """Return the standard deviation of the tree share (0 to 1) between cells of each stratum, from a pilot.

    Up to ``PILOT`` pairs of each stratum are drawn and their labels read. A stratum of which fewer than two cells have
    a decided label takes the mean of the others.

    Raises
    ------
    ProjectError
        If no labels were built.
    SampleError
        If no stratum has two cells with a decided label.
    """
    found: dict[str, float] = {}
    with bar("tree shares by stratum", len(strata.names)) as advance:
        for index, name in enumerate(strata.names):
            members = np.flatnonzero(strata.stratum == index)
            chosen = members[draw_equal(frame.places[members], min(PILOT, len(members)), rng)]
            shares = _tree_shares(project, frame, chosen)
            if len(shares) > 1:
                found[name] = statistics.stdev(shares)
            advance(1)
    if not found:
        raise SampleError(
            "no stratum has two cells with a decided label, so their spread is unknown",
            'build the labels of the area, or set samples.allocation = "proportional"',
        )
    mean = statistics.fmean(found.values())
    return {name: found.get(name, mean) for name in strata.names}


def _tree_shares(project: Project, frame: Frame, pairs: NDArray[np.intp]) -> list[float]:
    grid, size = project.grid, frame.cells.size
    shares = []
    for east, north in sorted(set(map(tuple, frame.places[pairs].tolist()))):
        window = grid.window(Bounds(east * size, north * size, (east + 1) * size, (north + 1) * size))
        label = read_labels(project, window)
        decided = int((label != IGNORE).sum())
        if decided:
            shares.append(int((label == TREE).sum()) / decided)
    return shares
