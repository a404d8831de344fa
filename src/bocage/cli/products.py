"""``bocage features`` and ``bocage products``: polygons, the delivered layers and their conformance."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_table, finish
from bocage.project import Project

app = typer.Typer(invoke_without_command=True)


def features(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Extract polygons with geometry, class and confidence."""
    finish([run_stage(Project.open(project), "features")], as_json=as_json)


@app.callback()
def products(context: typer.Context, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Write the layers in the names, codes and formats of the service."""
    if context.invoked_subcommand is None:
        finish([run_stage(Project.open(project), "products")], as_json=as_json)


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="A folder of products; that of the project by default.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Check products against the public rules of the service; exit 1 if a rule is broken."""
    from bocage.products import check_products

    verdicts = check_products(Project.open(project).products_folder if folder is None else folder)
    if as_json:
        answer({"verdicts": [asdict(verdict) for verdict in verdicts]}, as_json=True)
    else:
        answer_table(
            ("file", "rule", "verdict", "detail"),
            [
                (verdict.file, verdict.rule, "pass" if verdict.passed else "FAIL", verdict.detail)
                for verdict in verdicts
            ],
        )
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)
