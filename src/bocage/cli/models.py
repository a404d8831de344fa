"""``bocage models`` and ``bocage train``: backbones, their weights, and fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_table, finish
from bocage.project import Project

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(
    project: Annotated[
        Path | None, typer.Option("--project", help="List the backbones that were pretrained in this project, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the backbones, with the licence and source of their weights."""
    from bocage.models import BACKBONES
    from bocage.models.homemade import list_homemade

    columns = ("name", "weights", "licence", "source")
    rows = [(entry.name, entry.weights, entry.licence, entry.source) for entry in BACKBONES.values()]
    if project is not None:
        rows += [
            (note.name, f"{len(note.scenes)} scenes", note.licence, f"{note.backbone}, {note.start}")
            for note in list_homemade(Project.open(project))
        ]
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
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Fine-tune, resume, keep the best: all runs of the settings, or the one that the options describe."""
    receipt = run_stage(Project.open(project), "train", backbone=backbone, name=name, steps=steps)
    finish([receipt], as_json=as_json)


def pretrain(
    name: Annotated[str, typer.Option(help="What the new backbone is called; runs take it by this name.")],
    backbone: Annotated[
        str, typer.Option(help="The backbone to go on from: one of Bocage, or one pretrained here.")
    ] = "efficientnet_lite0",
    steps: Annotated[int | None, typer.Option(min=1, help="In place of pretraining.steps.")] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Begin with random weights instead of the published ones.")
    ] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Pretrain a backbone on the catalogued scenes, without labels; those of test and validation stay unseen."""
    from bocage import training

    outcome = training.pretrain(
        Project.open(project), backbone=backbone, name=name, steps=steps, from_scratch=from_scratch
    )
    refused = [{"subject": one.subject, "reason": one.reason, "mend": one.mend} for one in outcome.refused]
    answer({"name": name, "folder": str(outcome.outputs[0]), **outcome.figures, "refused": refused}, as_json=as_json)
    if refused:
        raise typer.Exit(1)
