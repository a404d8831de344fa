"""The page of the documentation that shows the decision table: ``python -m bocage.features.types_page`` prints it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from bocage.features.decision_table import SOURCES, START, TABLE, TYPES, Row

_HEAD = """# Types of features

`slf_type` says what a feature is: {types}. The Copernicus product itself does not tell them apart; its `code` stays 1
for all. `type_confidence` is the share of the odds that the type has, and `type_rules` names the rows of the table
below that spoke.

The table gives points: 2.5 points multiply the odds of a type by e (2.7), -2.5 divide them. A row speaks
fully from the second number of its condition on, is silent up to the first, and speaks in part between the two; of
several conditions all must hold. A row whose measure is unknown (no canopy height, no layer of streams) is silent.
Types start with {start}.

Streams, roads, fields and built-up areas are vector layers of lines or polygons, named in `[features.context]` of
`bocage.toml`; each is optional. Beyond the bounding box of a layer its theme is unknown, unless `complete` names it.

The measures are columns of the features or explained in `src/bocage/features/measures.py`. The choice and its figures:
[decision 26](../decisions/0026-types.md).

This page is made from `src/bocage/features/decision_table.py`.

| row | when | points | why | sources |
|---|---|---|---|---|
"""


def types_page() -> str:
    """Return the page as Markdown."""
    head = _HEAD.format(types=", ".join(TYPES), start=_points(START))
    rows = "".join(
        f"| {row.name} | {_condition(row)} | {_points(row.points)} | {row.reason} | {', '.join(row.sources)} |\n"
        for row in TABLE
    )
    sources = "".join(f"- **{key}**: {text}.\n" for key, text in SOURCES.items())
    return f"{head}{rows}\n## Sources\n\n{sources}"


def _points(points: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:+g}" for name, value in points.items())


def _condition(row: Row) -> str:
    parts = (f"`{name}` from {silent:g} to {full:g}" for name, (silent, full) in row.when.items())
    return " and ".join(parts)


if __name__ == "__main__":
    sys.stdout.write(types_page())
