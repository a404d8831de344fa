"""How well features are measured and typed: against exact truth, and against real layers made by others.

    python benchmarks/feature_types.py [--json] [--parts planted,landscapes,australia,ohio] [--lines N] [--seeds N]
        [--size M] [--ohio PROJECT]

``planted``: errors of width and length of hedges and tree lines of 3 to 30 m. ``landscapes``: types and recall on
simulated landscapes that the points of the decision table were not fitted to. ``australia``: agreement with the
category rasters in ``BOCAGE_DATA``. ``ohio``: features of the labels by hand against those of a map; ``--ohio`` names
a project that was mapped with examples/ohio, else the example is run in a temporary folder (minutes).

The file is not called types.py: Python would import it for its own module of that name.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from australia_types import australia_figures
from landscapes import typing_figures
from ohio_features import ohio_figures
from planted import planted_figures

PARTS = ("planted", "landscapes", "australia", "ohio")
# Seeds 1 to 3 gave the points of the table.
FIRST_SEED = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--lines", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--size", type=float, default=4000.0)
    parser.add_argument("--ohio", type=Path)
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    if unknown := sorted(set(parts) - set(PARTS)):
        parser.error(f"{', '.join(unknown)} is no part; choose from {', '.join(PARTS)}")
    figures: dict[str, Any] = {}
    if "planted" in parts:
        figures["planted"] = planted_figures(arguments.lines)
    if "landscapes" in parts:
        figures["landscapes"] = typing_figures([FIRST_SEED + n for n in range(arguments.seeds)], arguments.size)
    if "australia" in parts:
        figures["australia"] = australia_figures()
    if "ohio" in parts:
        figures["ohio"] = ohio_figures(arguments.ohio)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, part in figures.items():
        print(f"\n== {name}")
        _show(part)


def _show(part: Any, indent: str = "") -> None:
    """Print figures: a list of rows as a table, the rest by name."""
    if isinstance(part, list) and part and isinstance(part[0], dict):
        names = list(part[0])
        rows = [names, *([_word(row.get(name)) for name in names] for row in part)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
        for row in rows:
            print(indent + "  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True)))
    elif isinstance(part, dict):
        for name, value in part.items():
            if isinstance(value, dict | list):
                print(f"{indent}{name}")
                _show(value, f"{indent}  ")
            else:
                print(f"{indent}{name}: {_word(value)}")
    elif isinstance(part, list):
        for row in part:
            print(indent + (" ".join(f"{_word(value):>7}" for value in row) if isinstance(row, list) else _word(row)))


def _word(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
