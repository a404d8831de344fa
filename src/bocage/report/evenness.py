"""Whether the map is the same map everywhere: the report of homogeneity in the reader's words, with its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from bocage.errors import GridError
from bocage.grid import Bounds
from bocage.mapping import read_report
from bocage.project import Project
from bocage.report.album import Picture, coarse_mosaic
from bocage.report.colours import FAINT, INK, PAPER, VERMILION
from bocage.report.pictures import png, probability_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 12  # findings and seams that a page lists
_WIDTH = 9.0


@dataclass(frozen=True, slots=True)
class SensorRow:
    """How two sensors agree on the same ground."""

    sensors: str
    iou: float | None
    differing: float | None
    difference: float | None
    pixels: int


@dataclass(frozen=True, slots=True)
class Evenness:
    """What the page says of homogeneity.

    Attributes
    ----------
    observations
        Number of scenes that saw a pixel, in words, and the share of the seen pixels.
    sensors
        Agreement by pair of sensors, and over all pairs first.
    findings
        Tile, kind, reason and severity (0..1) of what stands out, the worst first; one line for all tiles of a scene.
    standing_out
        How many tiles those are.
    seams
        The figures of the borders.
    run
        The run beside its plan; empty where nothing was mapped yet by one.
    """

    tiles: int
    observations: tuple[tuple[str, float], ...]
    sensors: tuple[SensorRow, ...]
    findings: tuple[Mapping[str, Any], ...]
    standing_out: int
    seams: Mapping[str, Any]
    run: Mapping[str, Any]


def read_evenness(project: Project) -> Evenness | None:
    """Return what the last mapping run found, or None where there is no report of it."""
    report = read_report(project)
    if report is None or not report.get("tiles"):
        return None
    agreement = report["agreement"]
    rows = [SensorRow("all pairs", *(agreement[name] for name in ("iou", "differing", "difference", "pixels")))]
    rows += [
        SensorRow(name, own["iou"], own["differing"], own["difference"], own["pixels"])
        for name, own in agreement["sensors"].items()
    ]
    flagged = report["flagged"]
    shares = report["observations"]["share_of_seen"]
    return Evenness(
        report["tiles"],
        tuple((f"{number} scene{'s' if number != '1' else ''}", share) for number, share in shares.items() if share),
        tuple(rows) if agreement["pixels"] else (),
        tuple(_once_a_scene(flagged)[:_MOST]),
        len({entry["tile"] for entry in flagged}),
        report["seams"],
        report.get("run", {}),
    )


def _once_a_scene(flagged: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the findings with one line for all tiles of a scene that stands out: its worst, and how many more."""
    times = Counter(finding["scene"] for finding in flagged)
    kept: dict[str, Mapping[str, Any]] = {}
    for number, finding in enumerate(flagged):
        scene = finding["scene"]
        more = times[scene] - 1
        words = f" (and in {more} more tile{'s' if more > 1 else ''})" if scene and more else ""
        kept.setdefault(scene or str(number), {**finding, "reason": f"{finding['reason']}{words}"})
    return list(kept.values())


def picture_evenness(project: Project) -> Picture | None:
    """Draw the tiles over the mosaic, those that stand out framed and numbered as the table lists them."""
    evenness = read_evenness(project)
    found = None if evenness is None else coarse_mosaic(project)
    if evenness is None or found is None:
        return None
    worst: dict[str, float] = {}
    for finding in evenness.findings:
        worst.setdefault(finding["tile"], finding["severity"])
    frames = []
    for name in worst:
        try:
            frames.append((name, project.grid.bounds(project.tiling.tile(name).window)))
        except GridError:  # the tiles have changed since that run
            continue
    return Picture(
        draw_frames(*found, frames),
        f"The map with its {evenness.tiles} work tiles; {evenness.standing_out} stand out",
        "Tiles that stand out, numbered from the worst on: look at these first." if frames else "No tile stands out.",
    )


def draw_frames(probability: NDArray[np.float64], bounds: Bounds, frames: Sequence[tuple[str, Bounds]]) -> bytes:
    """Draw a probability mosaic, pale, with numbered frames."""
    ratio = min(max((bounds.top - bounds.bottom) / (bounds.right - bounds.left), 0.35), 1.0)
    figure = Figure(figsize=(_WIDTH, _WIDTH * ratio), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(
        np.ma.masked_invalid(probability),
        cmap=probability_colours(),
        vmin=0,
        vmax=1,
        extent=(bounds.left, bounds.right, bounds.bottom, bounds.top),
        interpolation="none",
        alpha=0.75,
    )
    for number, (name, frame) in enumerate(frames, start=1):
        _draw_frame(axes, frame, f"{number}  {name}")
    axes.set_xlim(bounds.left, bounds.right)
    axes.set_ylim(bounds.bottom, bounds.top)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    return png(figure)


def _draw_frame(axes: Axes, frame: Bounds, words: str) -> None:
    corner, size = (frame.left, frame.bottom), (frame.right - frame.left, frame.top - frame.bottom)
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=PAPER, linewidth=4))
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=VERMILION, linewidth=2))
    axes.annotate(
        words,
        (frame.left, frame.top),
        xytext=(4, -4),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=9,
        color=INK,
        bbox={"facecolor": PAPER, "edgecolor": VERMILION, "pad": 2},
        clip_on=True,
    )
