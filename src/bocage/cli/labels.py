"""``bocage labels``: fuse reference layers and corrections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_table, finish
from bocage.project import Project

app = typer.Typer(no_args_is_help=True)


@app.callback()
def labels() -> None:
    """Fuse reference layers and corrections to labels."""


@app.command()
def build(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Fuse the layers to 0 non-tree, 1 tree, 255 ignore, tile by tile."""
    finish([run_stage(Project.open(project), "labels")], as_json=as_json)


@app.command()
def corrections(
    name: Annotated[str, typer.Argument(help="The new GeoPackage, from the project folder.")] = "corrections.gpkg",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make an empty GeoPackage of corrections, to be edited in a GIS."""
    from bocage.reference.corrections import create_corrections

    opened = Project.open(project)
    file = opened.folder / Path(name)
    create_corrections(file, opened.grid)
    answer({"corrections": str(file), "setting": f'[reference] corrections = "{name}"'}, as_json=as_json)


@app.command()
def audit(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Say who corrected how many square metres of label from what to what."""
    from bocage.reference.audit import audit_corrections, write_audit

    opened = Project.open(project)
    found = audit_corrections(opened)
    file = write_audit(opened, found)
    if as_json:
        answer({"audit": str(file), **found.figures()}, as_json=True)
    else:
        answer_table(list(found.table.columns), found.table.to_numpy().tolist())
        answer({"audit": str(file), **found.figures()}, as_json=False)
