"""``bocage benchmark``: the learning curve of several models."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_refusals, read_numbers
from bocage.project import Project


def benchmark(
    budgets: Annotated[str | None, typer.Option(help="Numbers of annotations, such as 5,25,125,500.")] = None,
    orders: Annotated[int | None, typer.Option(min=1, help="How many times the annotations are ordered anew.")] = None,
    arms: Annotated[str | None, typer.Option(help="Arms of the settings, such as forest,lite0_imagenet.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="How many cells are trained at once.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the model package of every cell.")] = False,
    no_train: Annotated[bool, typer.Option("--no-train", help="Only read the cells that are there.")] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Compare models on few and many annotations: table, plot and what they can decide."""
    from bocage.training.curve import run_benchmark

    outcome = run_benchmark(
        Project.open(project),
        budgets=None if budgets is None else read_numbers(budgets, "--budgets"),
        orders=orders,
        arms=None if arms is None else _words(arms),
        workers=workers,
        keep=keep,
        train=not no_train,
    )
    if as_json:
        answer({**outcome.figures, "refused": [asdict(one) for one in outcome.refused]}, as_json=True)
    else:
        answer({name: value for name, value in outcome.figures.items() if name != "verdicts"}, as_json=False)
        answer(outcome.figures["verdicts"], as_json=False)
        answer_refusals(outcome.refused)
    if outcome.refused:
        raise typer.Exit(1)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
