"""The map of where scenes and samples lie, for a person and for the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np

from bocage.errors import StorageError
from bocage.files import whole_file
from bocage.project import Project
from bocage.samples.samples import Samples
from bocage.samples.split import SPLITS, Split
from bocage.scenes.catalogue import Catalogue

PICTURE = "samples.png"
# A share of the map's edge that is some three pixels wide.
_SPECK = 0.004
# Outlines of more small footprints would hide what they surround.
_CROWD = 300
COLOURS: dict[Split, str] = {"train": "#1b7f4d", "validation": "#d98e04", "test": "#b3261e"}
# Of the sensors: cool and grey, so that no footprint looks like a split.
_COOL = ("#2f6db5", "#7d4fa3", "#59656f", "#2aa5c4", "#b08ccf", "#1f3f77", "#a9b4be", "#8a2f6b", "#7fb2e5", "#3a3f45")
_GROUND = "#d3d8de"
# Inches: the longest edges of the map, and the room for its numbers and its key.
_WIDEST, _HIGHEST, _KEY, _NUMBERS = 6.4, 8.0, 2.4, 0.9


def map_samples(project: Project) -> Path:
    """Draw the footprints of the scenes by sensor and the drawn cells by split; returns ``samples.png``.

    Where footprints are many specks, as on a continent, they become one grey ground, and cells become points.

    Raises
    ------
    ProjectError
        If no samples were drawn.
    StorageError
        If the picture cannot be written.
    """
    # Matplotlib takes a second to import, and only this function needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    samples = Samples.read(project)
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    footprints = geopandas.GeoDataFrame(
        {"sensor": [scene.sensor for scene in scenes]},
        geometry=[scene.footprint for scene in scenes],
        crs=project.grid.crs,
    )
    both = np.array([footprints.total_bounds, samples.table.total_bounds])
    (left, bottom), (right, top) = both[:, :2].min(axis=0), both[:, 2:].max(axis=0)
    scale = min(_WIDEST / (right - left), _HIGHEST / (top - bottom))
    size = (max(scale * (right - left), 2.5) + _NUMBERS + _KEY, max(scale * (top - bottom), 2.5) + _NUMBERS)
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    extent = max(right - left, top - bottom)
    handles = [*_draw_footprints(axes, footprints, extent), *_draw_cells(axes, samples, extent)]
    axes.set_aspect("equal")
    axes.set_xlabel(f"east, km ({project.grid.crs})")
    axes.set_ylabel("north, km")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda metres, _: f"{metres / 1000:.10g}")
    axes.locator_params(nbins=6)
    axes.tick_params(labelsize=8)
    title = f"{project.settings.project.name}: {_number(len(samples))} samples, {_number(len(scenes))} scenes"
    figure.suptitle(title.replace("$", r"\$"), fontsize=11)
    figure.legend(handles=handles, loc="outside right center", frameon=False, fontsize=9)
    path = project.folder / PICTURE
    try:
        with whole_file(path) as temporary:
            figure.savefig(temporary)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error}", "free some space or mend the folder") from error
    return path


def _draw_footprints(axes: Any, footprints: geopandas.GeoDataFrame, extent: float) -> list[Any]:
    from matplotlib.patches import Patch

    small = float(footprints.area.median()) ** 0.5 / extent <= 10 * _SPECK
    if small and len(footprints) > _CROWD:
        footprints.plot(ax=axes, facecolor=_GROUND, edgecolor=_GROUND, linewidth=0.3, zorder=1)
        sensors = footprints["sensor"].nunique()
        label = f"{_number(len(footprints))} scenes of {sensors} sensor{'s' if sensors > 1 else ''}"
        return [Patch(facecolor=_GROUND, label=label)]
    handles = []
    for index, (sensor, group) in enumerate(footprints.groupby("sensor")):
        colour = _COOL[index % len(_COOL)]
        group.plot(ax=axes, facecolor=colour, alpha=0.08, zorder=1)
        # Above the cells: a scene may be smaller than one.
        group.boundary.plot(ax=axes, color=colour, linewidth=0.7 if small else 1.2, zorder=4)
        handles.append(
            Patch(facecolor=f"{colour}14", edgecolor=colour, label=f"{sensor}: {_number(len(group))} scenes")
        )
    return handles


def _draw_cells(axes: Any, samples: Samples, extent: float) -> list[Any]:
    """Draw the cells by split: as squares, or as points where a square would be a speck."""
    from matplotlib.patches import Patch

    handles = []
    west, _, east, _ = samples.table.geometry.iloc[0].bounds
    as_points = (east - west) / extent < _SPECK
    for split in SPLITS:
        cells = samples.of(split).table
        if cells.empty:
            continue
        # A cell that several scenes show is drawn once.
        distinct = cells.drop_duplicates("cell_id")
        if as_points:
            centres = distinct.geometry.centroid
            # Few of a split stand out among many of another; the later ones lie above.
            size = 3 if len(distinct) > 2000 else 7
            axes.scatter(centres.x, centres.y, s=size, color=COLOURS[split], linewidths=0, zorder=3)
        else:
            distinct.plot(ax=axes, facecolor=COLOURS[split], edgecolor="white", alpha=0.6, lw=0.4, zorder=3)
        alpha = 1.0 if as_points else 0.6
        handles.append(Patch(facecolor=COLOURS[split], alpha=alpha, label=f"{split}: {_number(len(cells))} samples"))
    return handles


def _number(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")
