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
def products(
    context: typer.Context,
    profile: Annotated[
        str | None,
        typer.Option(help="The release whose names, codes and layers are used: 2015, 2018, 2021, 2024 (provisional)."),
    ] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the layers in the names, codes and formats of the service."""
    if context.invoked_subcommand is None:
        finish([run_stage(Project.open(project), "products", profile=profile)], as_json=as_json)


@app.command()
def change(
    before: Annotated[Path, typer.Option(help="Folder with the 5 m layers of the earlier year.")],
    after: Annotated[
        Path | None, typer.Option(help="Folder with those of the later year; products/ of the project by default.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Cover this near in metres is the same cover.")] = 7.5,
    smallest: Annotated[float, typer.Option(min=25, help="Smallest piece of change, m2.")] = 100.0,
    without_forest: Annotated[
        bool, typer.Option("--without-forest", help="Do without forest masks and the codes 201 to 203.")
    ] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the change of small woody features between two years, at 100 m, into products/ of the project."""
    from bocage.products import Rules, write_change

    rules = Rules(tolerance=tolerance, smallest=smallest)
    files, figures = write_change(Project.open(project), before, after, rules=rules, without_forest=without_forest)
    answer({**figures, "files": [str(path) for path in files]}, as_json=as_json)


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
