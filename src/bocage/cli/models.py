"""``bocage models`` and ``bocage train``: backbones, their weights, and fine-tuning."""

from __future__ import annotations

from typing import Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_table, finish
from bocage.project import Project

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the backbones, with the licence and source of their weights."""
    from bocage.models import BACKBONES

    columns = ("name", "weights", "licence", "source")
    rows = [(entry.name, entry.weights, entry.licence, entry.source) for entry in BACKBONES.values()]
    if as_json:
        answer({"backbones": [dict(zip(columns, row, strict=True)) for row in rows]}, as_json=True)
    else:
        answer_table(columns, rows)


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="A backbone of the list.")], as_json: AsJson = False) -> None:
    """Find the weights of a backbone, check their digest and say where they lie."""
    from bocage.models import fetch_weights

    answer({"backbone": name, "weights": str(fetch_weights(name))}, as_json=as_json)


def train(
    backbone: Annotated[str | None, typer.Option(help="Train one run with this backbone.")] = None,
    name: Annotated[str | None, typer.Option(help="The name of that run; the folder in models/.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="The steps of that run.")] = None,
    recipe: Annotated[str | None, typer.Option(help="What learns: full, frozen, probe or gradual.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed of that run.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Fine-tune, resume, keep the best: all runs of the settings, or the one that the options describe."""
    options = {"backbone": backbone, "name": name, "steps": steps, "recipe": recipe, "seed": seed}
    receipt = run_stage(Project.open(project), "train", **options)
    finish([receipt], as_json=as_json)
