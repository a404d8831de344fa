"""The card of the data set: what the chips are, how many of which kind, from which sources and under which terms.

``chips/card.json`` is for programs, ``chips/README.md`` says the same to a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import bocage
from bocage.files import digest_file, digest_json, write_json, write_text
from bocage.project import Project
from bocage.reference.paths import layers_of_strata
from bocage.samples.licences import NOT_STATED, licence_of
from bocage.samples.samples import Samples
from bocage.samples.split import SPLITS
from bocage.scenes.scene import Scene

CARD, README = "card.json", "README.md"
CLASSES = {"0": "no tree", "1": "tree", "255": "doubt, cloud or nothing known; not to be learned"}

Counts = Mapping[str, Mapping[str, int]]


def write_card(
    project: Project,
    samples: Samples,
    counts: Counts,
    scenes: Iterable[Scene],
    *,
    chips_digest: str,
    labels_digest: str,
    left_out: Mapping[str, int],
) -> None:
    """Write ``chips/card.json`` and ``chips/README.md``.

    Parameters
    ----------
    counts
        Pixels that are "tree", "other" or "ignored", by sample; the samples that have chips.
    scenes
        The catalogue.
    chips_digest, labels_digest
        Of all chips, and of the inputs of the label tiles that they were cut from.
    left_out
        How many samples have no chips, by reason.
    """
    card = make_card(
        project, samples, counts, scenes,
        chips_digest=chips_digest, labels_digest=labels_digest, left_out=left_out,
    )  # fmt: skip
    write_json(project.chips_folder / CARD, card)
    write_text(project.chips_folder / README, render(card))


def make_card(
    project: Project,
    samples: Samples,
    counts: Counts,
    scenes: Iterable[Scene],
    *,
    chips_digest: str,
    labels_digest: str,
    left_out: Mapping[str, int],
) -> dict[str, Any]:
    """Return the card as JSON-like values; see :func:`write_card`."""
    table = samples.table[samples.table["sample_id"].isin(set(counts))]
    names, splits, strata = (list(table[column]) for column in ("sample_id", "split", "stratum"))
    used = set(table["scene_id"])
    known = sorted((scene for scene in scenes if scene.id in used), key=lambda scene: scene.id)
    dates = sorted(scene.acquired.date().isoformat() for scene in known if scene.acquired is not None)
    given = project.settings.samples
    return {
        "name": project.settings.project.name,
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "made_with": f"Bocage {bocage.__version__}",
        "pair": {
            "image": "images/<sample>.tif: uint8 red, green, blue, nir; 1 to 255, 0 where invalid",
            "label": "labels/<sample>.tif: uint8",
            "classes": CLASSES,
            "stretch": project.settings.scenes.stretch,
        },
        "grid": {"crs": project.grid.crs, "resolution_m": project.grid.resolution, "cell_m": given.cell_size},
        "whole": _summary(names, counts, project.grid.resolution),
        "per_split": {
            split: _summary([name for name, one in zip(names, splits, strict=True) if one == split], counts,
                            project.grid.resolution)
            for split in SPLITS
        },
        "per_stratum": {
            stratum: {
                **_summary([name for name, one in zip(names, strata, strict=True) if one == stratum], counts,
                           project.grid.resolution),
                "splits": dict(
                    sorted(Counter(one for one, its in zip(splits, strata, strict=True) if its == stratum).items())
                ),
            }
            for stratum in sorted(set(strata))
        },
        "left_out": dict(left_out),
        "drawing": {
            "seed": given.seed, "allocation": given.allocation, "split": given.split,
            "block_m": given.block_size, "drawn": len(samples),
        },
        "scenes": {
            "count": len(known),
            "per_sensor": dict(sorted(Counter(scene.sensor for scene in known).items())),
            "acquired": {"first": dates[0], "last": dates[-1]} if dates else None,
            "licence": NOT_STATED,
        },
        "sources": _sources(project),
        "digests": {
            "chips": chips_digest,
            "labels": labels_digest,
            "samples": digest_file(project.samples_file),
            "scenes": digest_json([(scene.id, scene.fingerprint) for scene in known]),
        },
    }  # fmt: skip


def render(card: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    whole, grid, drawing, scenes = card["whole"], card["grid"], card["drawing"], card["scenes"]
    acquired = scenes["acquired"]
    left_out = [f"{number} {reason}" for reason, number in card["left_out"].items() if number]
    files = [card["pair"][name].split(": ", 1) for name in ("image", "label")]
    opening = (
        f"{whole['chips']} pairs of image and label, cut on {card['made']} with {card['made_with']} from "
        f"{scenes['count']} scenes. Pixels are {grid['resolution_m']:g} m in {grid['crs']}, a cell is "
        f"{grid['cell_m']:g} m wide."
    )
    drawn = (
        f"Drawn with the seed {drawing['seed']}: {drawing['drawn']} samples, allocation {drawing['allocation']}, split "
        f"by {drawing['split']}."
    )
    sensors = ", ".join(f"{sensor} {number}" for sensor, number in scenes["per_sensor"].items())
    dates = f"{acquired['first']} to {acquired['last']}" if acquired else NOT_STATED
    lines = [
        f"# {card['name']}: chips to train with",
        "",
        opening,
        "",
        "| file | holds |",
        "|---|---|",
        *(f"| `{file}` | {_cell(what)} |" for file, what in files),
        *(f"| label {code} | {meaning} |" for code, meaning in card["pair"]["classes"].items()),
        "| `SHA256SUMS` | a checksum per file; check with `sha256sum --check SHA256SUMS` |",
        "",
        "Train with `train`, choose with `validation`, report on `test`: no ground lies in two of them.",
        "",
        "## What the labels hold",
        "",
        "| part | chips | km2 | tree | no tree | not decided |",
        "|---|---|---|---|---|---|",
        *(_row(name, part) for name, part in [("all", whole), *card["per_split"].items()]),
        "",
        "Shares of tree and no tree are of the decided pixels, that of the others of all pixels."
        + (f" Without chips: {', '.join(left_out)}." if left_out else ""),
        "",
        "## Strata",
        "",
        "| zone / sensor / place | " + " | ".join(SPLITS) + " | chips | tree |",
        "|---|" + "---|" * (len(SPLITS) + 2),
        *(
            f"| {_cell(name)} | "
            + " | ".join(str(part["splits"].get(split, 0)) for split in SPLITS)
            + f" | {part['chips']} | {_percent(part['tree_share'])} |"
            for name, part in card["per_stratum"].items()
        ),
        "",
        drawn,
        "",
        "## Sources and terms",
        "",
        "| source | year | terms | named as |",
        "|---|---|---|---|",
        f"| imagery: {_cell(sensors)} | {dates} | {scenes['licence']} | {NOT_STATED} |",
        *(
            f"| {_cell(source['kind'])}: {_cell(', '.join(source['paths']))} | {source['year'] or NOT_STATED} | "
            f"{_cell(source['licence'])} | {_cell(source['attribution'])} |"
            for source in card["sources"]
        ),
        "",
        "Where terms are not stated, ask the owner before you pass the chips on.",
        "",
        "## Digests",
        "",
        *(f"- {name}: `{digest}`" for name, digest in card["digests"].items()),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _summary(names: Sequence[str], counts: Counts, resolution: float) -> dict[str, Any]:
    total = Counter[str]()
    for name in names:
        total.update(counts[name])
    decided, pixels = total["tree"] + total["other"], sum(total.values())
    return {
        "chips": len(names),
        "km2": round(pixels * resolution**2 / 1e6, 3),
        "tree_share": round(total["tree"] / decided, 4) if decided else None,
        "other_share": round(total["other"] / decided, 4) if decided else None,
        "ignored_share": round(total["ignored"] / pixels, 4) if pixels else None,
    }


def _sources(project: Project) -> list[dict[str, Any]]:
    reference = project.settings.reference
    sources: list[dict[str, Any]] = []
    # Those of the strata may be named in [samples] only, and each is a source once.
    for layer in dict.fromkeys([*reference.layers, *layers_of_strata(project)]):
        licence = licence_of(layer)
        # A file's name says what it is; where it lay on somebody's machine is nobody's business.
        paths = [pattern.rpartition("/")[2] or pattern for pattern in layer.paths]
        sources.append(
            {
                "kind": layer.kind, "paths": paths, "year": layer.year, "licence": licence.terms,
                "attribution": licence.attribution,
            }
        )  # fmt: skip
    if reference.corrections is not None:
        files = [path for path in project.paths(reference.corrections) if path.is_file()]
        sources.append(
            {
                "kind": "corrections", "paths": [path.name for path in files], "year": None, "licence": NOT_STATED,
                "attribution": NOT_STATED, "digests": [digest_file(path) for path in files],
            }
        )  # fmt: skip
    return sources


def _row(name: str, part: Mapping[str, Any]) -> str:
    shares = " | ".join(_percent(part[share]) for share in ("tree_share", "other_share", "ignored_share"))
    return f"| {name} | {part['chips']} | {part['km2']:.2f} | {shares} |"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _cell(text: str) -> str:
    """Keep a name from ending its cell of the table."""
    return text.replace("|", "\\|").replace("\n", " ")
