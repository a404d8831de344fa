"""``bocage map``: the probability mosaic, or the plan of it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, finish
from bocage.project import Project


def map_(
    model: Annotated[str | None, typer.Option(help="The training run to map with.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print tiles, scenes, bytes and hours; read no pixel.")] = False,
    engine: Annotated[Literal["local", "ray"] | None, typer.Option(help="Where the workers run.")] = None,
    bbox: Annotated[
        tuple[float, float, float, float] | None, typer.Option(help="Left bottom right top, in the units of the grid.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Worker processes; 0 chooses by the machine.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Map the probability of woody vegetation, tile by tile."""
    opened = Project.open(project)
    if plan:
        from bocage.mapping import plan as plan_map

        chosen = workers or opened.settings.mapping.workers or 1
        answer(plan_map(opened, model=model, bbox=bbox).as_dict(chosen), as_json=as_json)
        return
    receipt = run_stage(opened, "map", model=model, bbox=bbox, engine=engine, workers=workers)
    finish([receipt], as_json=as_json)
