"""The map of where scenes and samples lie, for a person and for the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas

from bocage.errors import StorageError
from bocage.files import whole_file
from bocage.project import Project
from bocage.samples.samples import Samples
from bocage.samples.split import SPLITS, Split
from bocage.scenes.catalogue import Catalogue

PICTURE = "samples.png"
# A share of the map's edge that is some three pixels wide.
_SPECK = 0.004
COLOURS: dict[Split, str] = {"train": "#1b7f4d", "validation": "#d98e04", "test": "#b3261e"}


def map_samples(project: Project) -> Path:
    """Draw the footprints of the scenes by sensor and the drawn cells by split; returns ``samples.png``.

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
    figure = Figure(figsize=(9, 8), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    left, bottom, right, top = footprints.total_bounds
    extent = max(right - left, top - bottom)
    handles = [*_draw_footprints(axes, footprints, extent), *_draw_cells(axes, samples, extent)]
    axes.set_aspect("equal")
    axes.set_xlabel(f"east, m ({project.grid.crs})")
    axes.set_ylabel("north, m")
    axes.ticklabel_format(useOffset=False, style="plain")
    axes.tick_params(labelsize=8)
    axes.set_title(f"{project.settings.project.name}: {len(samples)} samples of {len(scenes)} scenes", loc="left")
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    path = project.folder / PICTURE
    try:
        with whole_file(path) as temporary:
            figure.savefig(temporary)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error}", "free some space or mend the folder") from error
    return path


def _draw_footprints(axes: Any, footprints: geopandas.GeoDataFrame, extent: float) -> list[Any]:
    import matplotlib as mpl
    from matplotlib.patches import Patch

    palette = mpl.colormaps["tab10"]
    # Thousands of outlines would hide what they surround.
    typical = float(footprints.area.median()) ** 0.5
    width = 1.2 if typical / extent > 10 * _SPECK else 0.2
    handles = []
    for index, (sensor, group) in enumerate(footprints.groupby("sensor")):
        colour = palette(index % 10)
        group.plot(ax=axes, facecolor=(*colour[:3], 0.08), edgecolor=colour, linewidth=width)
        handles.append(Patch(facecolor=(*colour[:3], 0.08), edgecolor=colour, label=f"{sensor}: {len(group)} scenes"))
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
            axes.scatter(centres.x, centres.y, s=5, color=COLOURS[split], alpha=0.8, linewidths=0, zorder=3)
        else:
            distinct.plot(ax=axes, facecolor=COLOURS[split], edgecolor="white", alpha=0.6, lw=0.4)
        handles.append(Patch(facecolor=COLOURS[split], alpha=0.6, label=f"{split}: {len(cells)} samples"))
    return handles
