"""The page of the benchmark for a person: plot, table and verdict, with nothing from outside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from bocage.outcome import Refusal
from bocage.training.curve.comparison import Comparison
from bocage.training.curve.results import MEASURES
from bocage.training.curve.verdict import missing_words, verdicts


def render(
    name: str,
    comparison: Comparison,
    picture: bytes,
    unit: str,
    refused: Sequence[Refusal],
    again: Mapping[str, int] | None = None,
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    picture
        The plot as PNG.
    unit
        What one annotation is, in words.
    again
        How often each arm trained once more on what it had labelled itself; arms that did not need not be named.
    """
    environment = Environment(
        loader=PackageLoader("bocage.training.curve"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("benchmark.html").render(
        name=name,
        comparison=comparison,
        picture=f"data:image/png;base64,{base64.b64encode(picture).decode()}",
        unit=unit,
        again={arm: rounds for arm, rounds in (again or {}).items() if rounds},
        verdicts=verdicts(comparison),
        missing=missing_words(comparison),
        refused=refused,
        measures=MEASURES,
    )
