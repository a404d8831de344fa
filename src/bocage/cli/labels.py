"""``bocage labels``: fuse reference layers and corrections."""

from __future__ import annotations

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, finish
from bocage.project import Project

app = typer.Typer(no_args_is_help=True)


@app.callback()
def labels() -> None:
    """Fuse reference layers and corrections to labels."""


@app.command()
def build(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Fuse the layers to 0 non-tree, 1 tree, 255 ignore, tile by tile."""
    finish([run_stage(Project.open(project), "labels")], as_json=as_json)
