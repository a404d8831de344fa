"""``bocage samples``: draw stratified cells, cut chips, nest and rank the samples, show where they lie."""

from __future__ import annotations

from typing import Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_table, finish, read_numbers
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


@app.command()
def subsets(
    budgets: Annotated[
        str, typer.Option(help="How many training samples each subset holds, divided by commas.")
    ] = "5,50,500,5000,10000",
    orders: Annotated[int, typer.Option(min=1, max=1000, help="How many seeded orders.")] = 5,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Put the training samples in orders whose every beginning is stratified: nested subsets for learning curves."""
    from bocage.samples.nesting import write_subsets

    figures = write_subsets(Project.open(project), read_numbers(budgets, "--budgets"), orders)
    if as_json:
        answer(figures, as_json=True)
        return
    rows = figures.pop("subsets")
    answer_table(list(rows[0]), [list(row.values()) for row in rows])
    answer(figures, as_json=False)


@app.command("map")
def map_(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Draw the map and the page of where scenes and samples lie."""
    from bocage.samples import write_page
    from bocage.samples.picture import PICTURE

    page = write_page(Project.open(project))
    answer({"picture": str(page.with_name(PICTURE)), "page": str(page)}, as_json=as_json)


@app.command()
def rank(
    model: Annotated[str | None, typer.Option(help="The training run that looks at the labels.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many to print and to put into the GeoPackage.")] = 100,
    parts: Annotated[int, typer.Option(min=1, max=64, help="Order the N x N parts of each cell.")] = 1,
    validation: Annotated[
        bool, typer.Option("--validation", help="Rank cells of the validation too; those of the test never are.")
    ] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Order the cells by how much of their label a trained model holds to be wrong."""
    from bocage.mapping.area import check_model
    from bocage.models import load_model
    from bocage.samples.ranking import rank_samples

    opened = Project.open(project)
    name = model or opened.settings.mapping.model
    segmenter = load_model(opened.models_folder / name)
    check_model(segmenter, name, opened.grid.resolution, opened.settings.scenes)
    ranking = rank_samples(opened, segmenter, parts=parts, validation=validation)
    table, layer = ranking.write(opened, count)
    result = {"table": str(table), "layer": str(layer), "model": name, **ranking.figures(count)}
    columns = ["rank", "cell_id", "part", "gain_share", "gain_m2", "missing_m2", "false_m2", "largest_m2", "x", "y"]
    rows = ranking.table.head(count)[columns]
    if as_json:
        answer({**result, "cells": rows.astype(object).where(rows.notna(), None).to_dict("records")}, as_json=True)
    else:
        answer_table(columns, rows.to_numpy().tolist())
        answer(result, as_json=False)
