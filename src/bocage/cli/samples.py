"""``bocage samples``: draw stratified cells, cut chips, show where they lie."""

from __future__ import annotations

from typing import Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, finish
from bocage.project import Project

app = typer.Typer(no_args_is_help=True)


@app.command()
def draw(
    count: Annotated[int | None, typer.Option(min=1, help="Number of cells; that of the settings by default.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Draw cells, stratified by zone, sensor and urban or rural, and split them."""
    finish([run_stage(Project.open(project), "samples", count=count)], as_json=as_json)


@app.command()
def cut(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Cut an image and a label chip per drawn cell."""
    finish([run_stage(Project.open(project), "chips")], as_json=as_json)


@app.command("map")
def map_(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Draw the map of where scenes and samples lie."""
    from bocage.samples import map_samples

    answer({"picture": str(map_samples(Project.open(project)))}, as_json=as_json)
