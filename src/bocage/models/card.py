"""The card of a model: what a person reads before using it, as Markdown beside the weights."""

from __future__ import annotations

from collections.abc import Mapping

from bocage.models.backbones import BACKBONES
from bocage.models.item import ModelDescription

CARD = "README.md"


def card_of(description: ModelDescription, digest: str, parameters: int) -> str:
    """Return the card, given the SHA-256 of the weights and their number."""
    known = BACKBONES.get(description.backbone)
    lines = [
        f"# {description.name}",
        "",
        "Probability of woody vegetation per pixel, from red, green, blue and near infrared.",
        "Open it with `bocage.load_model`, or map with it: `bocage map`.",
        "",
        *_table(
            {
                "architecture": description.architecture,
                "backbone": description.backbone + (f": {known.title}" if known else ""),
                "parameters": f"{parameters:,}",
                "input": f"{', '.join(description.bands)} as bytes at {description.resolution:g} m, "
                f"stretched by {description.stretch}",
                "SHA-256 of the weights": digest,
                "trained until": description.created,
            }
        ),
        "",
        "## Where its weights come from, and under which licence",
        "",
    ]
    if description.pretrained:
        if known and description.source == known.pretrained_on:
            lines.append(f"It began with weights that had seen {description.source}: {known.source}, {known.citation}.")
        else:
            # What the project pretrained itself is not the file that the backbone's entry tells of.
            lines.append(f"It began with the weights of {description.source}.")
        if description.licence:
            lines.append(f"Their licence, **{description.licence}**, binds whoever passes this model on.")
    else:
        lines.append("It began with random weights: no licence but that of the training data binds it.")
    lines += ["", "## What it was trained on", ""]
    lines += _table({"chips and settings (SHA-256)": description.training_digest or "not stated", **description.data})
    if description.bbox is not None:
        lines += ["", "Ground: {:.4f} {:.4f} to {:.4f} {:.4f} degrees.".format(*description.bbox)]
    lines += ["", "## How well it does on the test chips", ""]
    lines += _table({name: _number(value) for name, value in description.metrics.items()}) or ["Not measured."]
    lines += [
        "",
        "Another region, season or sensor can be worse: measure before relying on it (`bocage assess`).",
        "",
        "## Settings of the run",
        "",
        *_table({name: _number(value) for name, value in description.hyperparameters.items()}),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: Mapping[str, str]) -> list[str]:
    if not rows:
        return []
    return ["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows.items())]


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) and abs(value) >= 1e-3 else str(value)
