"""``bocage models`` and ``bocage train``: backbones, their weights, and fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_table, finish
from bocage.project import Project

if TYPE_CHECKING:
    from bocage.models import Backbone

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the backbones: size, licence, bands, what they saw, and whether their weights are on this disk."""
    from bocage.models import BACKBONES
    from bocage.models.weights import locate_weights

    entries = [(entry, locate_weights(entry)) for entry in BACKBONES.values()]
    if as_json:
        answer({"backbones": [_entry(entry, where) for entry, where in entries]}, as_json=True)
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
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Fine-tune, resume, keep the best: all runs of the settings, or the one that the options describe."""
    receipt = run_stage(Project.open(project), "train", backbone=backbone, name=name, steps=steps)
    finish([receipt], as_json=as_json)
