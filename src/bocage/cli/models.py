"""``bocage models`` and ``bocage train``: backbones, their weights, and fine-tuning."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_refusals, answer_table, finish
from bocage.project import Project

if TYPE_CHECKING:
    from bocage.models import Backbone

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(
    project: Annotated[
        Path | None, typer.Option("--project", help="List the backbones that were pretrained in this project, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the backbones: size, licence, bands, what they saw, and whether their weights are on this disk."""
    from bocage.models import BACKBONES
    from bocage.models.homemade import WEIGHTS, homemade_folder, list_homemade
    from bocage.models.weights import locate_weights

    entries = [(entry, locate_weights(entry)) for entry in BACKBONES.values()]
    opened = Project.open(project) if project is not None else None
    own = list_homemade(opened) if opened is not None else []
    if as_json:
        answer(
            {
                "backbones": [_entry(entry, where) for entry, where in entries],
                "homemade": [asdict(note) | {"scenes": len(note.scenes)} for note in own],
            },
            as_json=True,
        )
        return
    columns = ("name", "parameters", "bands", "pretrained on", "licence", "weights", "needs")
    rows = [
        (
            entry.name,
            f"{entry.parameters / 1e6:.1f} M",
            "".join(band[0].upper() for band in entry.contract.bands),
            entry.pretrained_on,
            entry.licence,
            "on disk" if where else "fetch" if entry.weights.url else "missing",
            entry.extra,
        )
        for entry, where in entries
    ]
    rows += [
        (
            note.name,
            f"{BACKBONES[note.backbone].parameters / 1e6:.1f} M",
            "".join(band[0].upper() for band in BACKBONES[note.backbone].contract.bands),
            f"{len(note.scenes)} scenes of this project, from {note.start.partition(' ')[0]} {note.backbone}",
            note.licence,
            "on disk" if opened and (homemade_folder(opened, note.name) / WEIGHTS).is_file() else "missing",
            BACKBONES[note.backbone].extra,
        )
        for note in own
    ]
    answer_table(columns, rows)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A backbone of the list.")],
    digest: Annotated[str, typer.Option(help="The SHA-256 that the file must have, where none is known.")] = "",
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Take what the server gives where no SHA-256 is known.")
    ] = False,
    url: Annotated[str, typer.Option(help="Fetch from this address instead of the published one.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put the weights of a backbone on this disk and check them; a download that broke goes on where it stopped."""
    from bocage.models import fetch_weights, find_backbone
    from bocage.progress import transfer

    with transfer(f"fetching {name}") as advance:
        fetched = fetch_weights(find_backbone(name), digest=digest, unverified=unverified, url=url, advance=advance)
    answer(
        {"backbone": name, "weights": str(fetched.path), "sha256": fetched.digest, "fetched": fetched.fetched},
        as_json=as_json,
    )


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A file of weights: .safetensors, .pth, .pt or .ckpt.")],
    backbone: Annotated[str | None, typer.Option(help="Ask whether it loads into this backbone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a file of weights is and whether it loads strictly; status 1 if it does not."""
    from bocage.models.identification import compare, identify

    identity, tensors = identify(file)
    fitting = compare(backbone, tensors) if backbone else None
    loads = bool(identity.backbones) if fitting is None else fitting.strict
    result = {
        "file": str(file),
        "kind": identity.kind,
        "sha256": identity.digest,
        "tensors": identity.tensors,
        "parameters": identity.parameters,
        "loads_into": list(identity.backbones),
        "known_as": list(identity.known),
        "loads": loads,
    }
    if fitting is not None:
        result |= {
            "backbone": backbone,
            "missing": len(fitting.missing),
            "unexpected": len(fitting.unexpected),
            "misshapen": len(fitting.misshapen),
            "unusable": len(fitting.unusable),
            "reason": fitting.reason,
        }
    answer(result, as_json=as_json)
    if not loads:
        raise typer.Exit(1)


def _entry(entry: Backbone, where: Path | None) -> dict[str, object]:
    contract, weights = entry.contract, entry.weights
    return {
        "name": entry.name,
        "title": entry.title,
        "parameters": entry.parameters,
        "licence": entry.licence,
        "bands": list(contract.bands),
        "mean": list(contract.mean),
        "std": list(contract.std),
        "multiple": contract.multiple,
        "resolution": contract.resolution,
        "pretrained_on": entry.pretrained_on,
        "source": entry.source,
        "url": weights.url,
        "sha256": weights.digest,
        "citation": entry.citation,
        "extra": entry.extra,
        "on_disk": str(where) if where else None,
    }


def train(
    backbone: Annotated[str | None, typer.Option(help="Train one run with this backbone.")] = None,
    name: Annotated[str | None, typer.Option(help="The name of that run; the folder in models/.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="The steps of that run.")] = None,
    recipe: Annotated[
        Literal["full", "frozen", "probe", "gradual"] | None, typer.Option(help="What learns of that run.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed of that run.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Fine-tune, resume, keep the best: all runs of the settings, or the one that the options describe."""
    from bocage.models.homemade import resolve_backbone

    opened = Project.open(project)
    if backbone is not None:
        # A name that is wrong is told at once: not after torch has been loaded, and the stage stays as it was.
        resolve_backbone(opened, backbone, pretrained=False)
    options = {"backbone": backbone, "name": name, "steps": steps, "recipe": recipe, "seed": seed}
    receipt = run_stage(opened, "train", **options)
    finish([receipt], as_json=as_json)


def pretrain(
    name: Annotated[str, typer.Option(help="What the new backbone is called; runs take it by this name.")],
    backbone: Annotated[
        str, typer.Option(help="The backbone to go on from: one of Bocage, or one pretrained here.")
    ] = "efficientnet_lite0",
    steps: Annotated[int | None, typer.Option(min=1, help="In place of pretraining.steps.")] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Begin with random weights instead of the published ones.")
    ] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Pretrain a backbone on the catalogued scenes, without labels; those of test and validation stay unseen."""
    from bocage import training

    outcome = training.pretrain(
        Project.open(project), backbone=backbone, name=name, steps=steps, from_scratch=from_scratch
    )
    made = {"name": name, "folder": str(outcome.outputs[0]), **outcome.figures}
    if as_json:
        answer({**made, "refused": [asdict(one) for one in outcome.refused]}, as_json=True)
    else:
        answer(made, as_json=False)
        answer_refusals(outcome.refused)
    if outcome.refused:
        raise typer.Exit(1)
