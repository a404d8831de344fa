"""``bocage benchmark``: the learning curve of several models."""

from __future__ import annotations

from typing import Annotated

import typer

from bocage.cli.options import HERE, AsJson, ProjectFolder, answer
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
        budgets=None if budgets is None else _numbers(budgets),
        orders=orders,
        arms=None if arms is None else _words(arms),
        workers=workers,
        keep=keep,
        train=not no_train,
    )
    refused = [{"subject": one.subject, "reason": one.reason, "mend": one.mend} for one in outcome.refused]
    if as_json:
        answer({**outcome.figures, "refused": refused}, as_json=True)
    else:
        answer({name: value for name, value in outcome.figures.items() if name != "verdicts"}, as_json=False)
        answer(outcome.figures["verdicts"], as_json=False)
        for one in outcome.refused:
            answer(f"refused {one.subject}: {one.reason}\n  mend: {one.mend}", as_json=False)
    if refused:
        raise typer.Exit(1)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in _words(text)]
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not a list of whole numbers such as 5,25,125", param_hint="--budgets"
        ) from error
