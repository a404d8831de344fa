"""The command tree: the commands of the whole chain here, those of each stage in their own module."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

import bocage
from bocage.chain import run_chain, status
from bocage.cli import accuracy, benchmark, labels, mapping, models, products, samples, scenes
from bocage.cli.advice import advise
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_refusals, answer_table, finish
from bocage.processes import keep_memory
from bocage.progress import console
from bocage.project import Project, create_project
from bocage.receipts import Receipt
from bocage.stages import STAGES

# Refusals of a stage that are printed for a person.
_FEW = 20

app = typer.Typer(
    name="bocage",
    help="Map small landscape features (hedges, tree lines, groves, scrub) from very-high-resolution scenes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(scenes.app, name="scenes", help="Recognise, check and catalogue deliveries.")
app.add_typer(labels.app, name="labels", help="Fuse reference layers and corrections to labels.")
app.add_typer(samples.app, name="samples", help="Draw stratified cells and cut chips.")
app.add_typer(models.app, name="models", help="Backbones, their licences and weights.")
app.command("pretrain")(models.pretrain)
app.command("train")(models.train)
app.command("benchmark")(benchmark.benchmark)
app.command("map")(mapping.map_)
app.command("features")(products.features)
app.add_typer(products.app, name="products", help="The layers as they are delivered, and the conformance checks.")
app.add_typer(accuracy.app, name="assess", help="Accuracy with confidence intervals.")


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Print the version where it is asked for."""
    if show:
        answer(bocage.__version__, as_json=False)
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.Exit(2)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The new project folder.")],
    template: Annotated[
        Literal["europe", "local"], typer.Option(help="EEA grid at 2 m, or a grid of your own.")
    ] = "europe",
) -> None:
    """Make a new project with a commented settings file."""
    file = create_project(folder, template)
    answer(f"wrote {file}; edit it, then run: bocage run --project {shlex.quote(str(folder))}", as_json=False)


@app.command()
def run(
    project: ProjectFolder = HERE,
    until: Annotated[str | None, typer.Option(help="Stop after this stage.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run every stage whose inputs changed."""
    if until is not None and until not in {stage.name for stage in STAGES}:
        raise typer.BadParameter(f"{until!r} is not a stage; they are {', '.join(stage.name for stage in STAGES)}")
    keep_memory()
    finish(run_chain(Project.open(project), until=until), as_json=as_json)


@app.command("status")
def status_(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Show what is done, stale, interrupted or missing, and what was refused."""
    states = status(Project.open(project))
    rows = [
        {
            "stage": entry.stage.name,
            "state": entry.state,
            "seconds": None if entry.receipt is None else round(entry.receipt.seconds, 1),
            "refused": 0 if entry.receipt is None else len(entry.receipt.refused),
            "reason": (entry.reason or _worst(entry.receipt)).replace("\n", " "),
        }
        for entry in states
    ]
    refused = {entry.stage.name: entry.receipt.refused for entry in states if entry.receipt and entry.receipt.refused}
    if as_json:
        answer(
            {"stages": rows, "refused": {name: [asdict(one) for one in of] for name, of in refused.items()}},
            as_json=True,
        )
        return
    answer_table(("stage", "state", "seconds", "refused", "reason"), [tuple(row.values()) for row in rows])
    for name, refusals in refused.items():
        answer(f"\n{name}", as_json=False)
        answer_refusals(refusals[:_FEW])
        if len(refusals) > _FEW:
            answer(advise(f"and {len(refusals) - _FEW} more; for all run: bocage status --json"), as_json=False)


def _worst(receipt: Receipt | None) -> str:
    """Return which tile of the map stands out most, in words; empty where none does."""
    return "" if receipt is None else str(receipt.figures.get("worst_tile", ""))


@app.command()
def report(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Write the report of what has been done so far."""
    from bocage.chain import run_stage

    finish([run_stage(Project.open(project), "report")], as_json=as_json)


@app.command()
def view(
    project: ProjectFolder = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8090,
    host: Annotated[
        str, typer.Option(help="The address to listen on; the default is this machine only.")
    ] = "127.0.0.1",
) -> None:
    """Show the map in a browser, until interrupted."""
    from bocage.web import serve

    serve(Project.open(project), port=port, host=host)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="The project folder to make.")] = Path("demo"),
    size: Annotated[float, typer.Option(min=1000, help="Edge of the landscape in metres.")] = 6000.0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another landscape.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Run the whole chain on an embedded landscape, in minutes, on a CPU."""
    from bocage.simulation import simulate

    keep_memory()
    simulate(folder, seed=seed, size=size)
    receipts = run_chain(Project.open(folder))
    console.print(f"report: {folder / 'report' / 'index.html'}", markup=False, highlight=False, soft_wrap=True)
    finish(receipts, as_json=as_json)
