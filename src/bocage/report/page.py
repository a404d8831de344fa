"""The page itself: facts and pictures in a template, written whole, without anything from outside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bocage.features.profiles import profile_of
from bocage.files import write_text
from bocage.mapping import mosaic_tiles
from bocage.outcome import Outcome
from bocage.project import Project
from bocage.report.album import Picture, collect, read_features, read_samples
from bocage.report.evenness import picture_evenness, read_evenness
from bocage.report.facts import (
    intervals,
    provenance,
    read_accuracy,
    read_receipts,
    read_verdicts,
    refusals,
    scores,
    stage_rows,
)


def write_report(project: Project) -> Outcome:
    """Write ``report/index.html`` from whatever has been done so far.

    Raises
    ------
    StorageError
        If a receipt is damaged or the page cannot be written.
    """
    pictures = collect(project)
    if (evenness := picture_evenness(project)) is not None:
        pictures["evenness"] = evenness
    facts = gather(project)
    target = project.report_folder / "index.html"
    page = render(facts, pictures)
    write_text(target, page)
    return Outcome((target,), {"pictures": len(pictures), "bytes": len(page.encode())})


def render(facts: Mapping[str, Any], pictures: Mapping[str, Picture]) -> str:
    """Return the page as HTML; every text is escaped and every picture is inside the page."""
    environment = Environment(
        loader=PackageLoader("bocage.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(
        percent=_percent, number=_number, duration=duration, data_uri=lambda picture: _data_uri(picture.content)
    )
    return environment.get_template("index.html").render(**facts, pictures=pictures)


def gather(project: Project) -> dict[str, Any]:
    """Return everything that the template names, also for a project in which nothing has run."""
    receipts = read_receipts(project)
    accuracy = read_accuracy(project)
    features, samples = read_features(project), read_samples(project)
    versions, digests = provenance(project, receipts)
    rows = stage_rows(receipts)
    # A border of production cells cuts polygons; what is counted is whole.
    wholes = None if features is None else features.drop_duplicates("whole_id")
    types = {} if wholes is None else wholes["slf_type"].astype(str).value_counts().to_dict()
    areas = {} if features is None else features.groupby(features["slf_type"].astype(str))["area"].sum().to_dict()
    return {
        "name": project.settings.project.name,
        "generated": datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        "stages": rows,
        "total_seconds": sum(row.seconds or 0 for row in rows),
        "peak_memory_mb": max((row.peak_memory_mb or 0 for row in rows), default=0),
        "refused": refusals(receipts),
        "scene_count": scene_count(project),
        "sample_count": None if samples is None else len(samples),
        "splits": {} if samples is None else samples["split"].value_counts().to_dict(),
        "tile_count": len(mosaic_tiles(project)),
        "feature_count": None if wholes is None else len(wholes),
        "feature_types": [(name, count, areas[name] / 10_000) for name, count in types.items()],
        "evenness": read_evenness(project),
        "accuracy": accuracy,
        "intervals": [] if accuracy is None else intervals(accuracy),
        "scores": scores(receipts["train"].figures) if "train" in receipts else [],
        "verdicts": read_verdicts(project),
        "versions": versions,
        "digests": digests,
        "grid": project.settings.grid,
        "threshold": project.settings.features.threshold,
        "profile": profile_of(project.settings.features.profile),
    }


def scene_count(project: Project) -> int | None:
    """Return the number of catalogued scenes, or None where there is no catalogue."""
    if not project.scenes_file.is_file():
        return None
    import pyarrow.parquet as pq

    rows: int = pq.read_metadata(project.scenes_file).num_rows
    return rows


def duration(seconds: float) -> str:
    """Return a duration as a person says it."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def _percent(value: float | None, digits: int = 1) -> str:
    return "\u2013" if value is None else f"{100 * value:.{digits}f}\u00a0%"


def _number(value: float, digits: int = 0) -> Markup:
    # A thin space between thousands reads the same in every language.
    return Markup(f"{value:,.{digits}f}".replace(",", "&#8239;"))  # noqa: S704 - digits and separators only


def _data_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
