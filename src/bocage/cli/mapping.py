"""``bocage map``: the probability mosaic, or the plan of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, finish
from bocage.processes import keep_memory
from bocage.progress import duration
from bocage.project import Project
from bocage.settings import MachineSettings


def map_(
    model: Annotated[str | None, typer.Option(help="The training run to map with.")] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print tiles, bytes, chips, hours and cost; read no pixel.")
    ] = False,
    engine: Annotated[Literal["local", "ray"] | None, typer.Option(help="Where the workers run.")] = None,
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(metavar="LEFT BOTTOM RIGHT TOP", help="Only this ground, in the units of the grid."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Worker processes; 0 chooses by the machine.")] = None,
    machine: Annotated[
        list[str] | None,
        typer.Option(help="With --plan: NAME=COUNT, so many of a machine of the settings; repeat for several."),
    ] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Map the probability of woody vegetation, tile by tile."""
    opened = Project.open(project)
    keep_memory()  # for a plan, too: its tiles on trial are to take what those of the run will take
    if plan:
        chosen = _chosen(opened, machine)
        from bocage.mapping import plan as plan_map
        from bocage.mapping.account import forecast

        found = plan_map(opened, model=model, bbox=bbox)
        figures = forecast(opened, found, chosen, workers=workers, engine=engine)
        answer(figures if as_json else in_words(figures), as_json=as_json)
        return
    if machine:
        raise typer.BadParameter("it changes a plan, not a run; give --plan, too", param_hint="--machine")
    receipt = run_stage(opened, "map", model=model, bbox=bbox, engine=engine, workers=workers)
    finish([receipt], as_json=as_json)


def in_words(figures: dict[str, Any]) -> dict[str, str]:
    """Return a plan for a person."""
    words = {
        "tiles": f"{figures['tiles_to_map']} to map, {figures['tiles_done']} in place",
        "scenes": f"{figures['scenes']}, in {figures['observations']} pairs of a tile and a scene on it",
        "to read": f"{_size(figures['bytes'])}, blocks that tiles share more than once; "
        f"the scenes have {_size(figures['bytes_of_scenes'])}",
        "chips": f"{figures['chips']}",
    }
    rates = figures["rates"]
    if rates is None:
        return {**words, "time": "nothing to map" if not figures["tiles_to_map"] else "not known"}
    read = rates["read_mb_per_second"]
    words["measured"] = (
        f"{rates['chips_per_second']:.3g} chips/s a worker"
        + (f", {read:.3g} MB/s" if read is not None else "")
        + f", efficiency {rates['efficiency']:.2f}, {rates['tile_seconds']:.2g} s a tile, "
        + f"{rates['scene_seconds']:.2g} s a scene of it, by {rates['source']}"
    )
    for machine in figures["machines"]:
        pace = f"{machine['workers']} workers, {machine['chips_per_second']:.4g} chips/s"
        words[f"{machine['count']} x {machine['name']}"] = f"{pace}, held up by {machine['bottleneck']}"
    costs = ", ".join(f"{cost:.2f} {currency}" for currency, cost in figures["costs"].items())
    words["time"] = duration(3600 * figures["hours"]) + (f", {costs}" if costs else "")
    words["bottleneck"] = figures["bottleneck"]
    return words


def _size(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    for size, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1000:.3g} kB"


def _chosen(project: Project, given: list[str] | None) -> list[MachineSettings]:
    """Return the machines to plan for: all of the settings, or those that were asked for, as many as asked for."""
    known = {machine.name: machine for machine in project.settings.mapping.machines}
    if not given:
        return list(known.values())
    chosen = []
    for text in given:
        name, sign, number = text.rpartition("=")
        if not sign or not number.isdecimal() or int(number) < 1:
            raise typer.BadParameter(f"{text!r} is not NAME=COUNT, such as gpu=8", param_hint="--machine")
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise typer.BadParameter(
                f"{name!r} is no machine of the settings, which are: {names}; add a [[mapping.machines]]",
                param_hint="--machine",
            )
        chosen.append(known[name].model_copy(update={"count": int(number)}))
    return chosen
