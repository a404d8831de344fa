"""``bocage assess``: the sample for interpreters, and the estimates."""

from __future__ import annotations

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, finish
from bocage.project import Project

app = typer.Typer(invoke_without_command=True)


@app.callback()
def assess(context: typer.Context, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Estimate accuracy with confidence intervals."""
    if context.invoked_subcommand is None:
        finish([run_stage(Project.open(project), "assess")], as_json=as_json)


@app.command()
def plan(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Draw the sample that interpreters label."""
    from bocage.accuracy import plan_assessment

    answer(plan_assessment(Project.open(project)).figures, as_json=as_json)
