"""Maps for the report, drawn to PNG without a display: scenes and samples, the mosaic, features over the imagery."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch as Swatch
from numpy.typing import NDArray

from bocage.grid import Bounds
from bocage.report.colours import (
    FAINT,
    FEATURE_COLOURS,
    INK,
    PAPER,
    PROBABILITY_COLOURS,
    SENSOR_COLOURS,
    SPLIT_COLOURS,
    UNKNOWN,
)

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

DPI = 130
_WIDTH = 9.0
_SENSOR_WORDS = {"GENERIC": "sensor not named"}


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor=PAPER, bbox_inches="tight", pad_inches=0.08)
    return buffer.getvalue()


def probability_colours() -> Colormap:
    """Return the colour map of probability, 0 to 1; missing values are grey."""
    return LinearSegmentedColormap.from_list("woody", PROBABILITY_COLOURS).with_extremes(bad=UNKNOWN)


def scenes_and_samples(
    scenes: Sequence[tuple[str, BaseGeometry]], samples: gpd.GeoDataFrame | None, mapped: Sequence[Bounds]
) -> bytes:
    """Draw the footprints of scenes by sensor, the sampled cells by split, and the extent of the map.

    Parameters
    ----------
    scenes
        Sensor and footprint, in the coordinates of the grid.
    samples
        Sampled cells with a column ``split``, in the same coordinates.
    mapped
        Extents of the mapped tiles.
    """
    figure = Figure(figsize=(_WIDTH, _WIDTH * 0.72), layout="constrained")
    axes = figure.add_subplot()
    sensors = sorted({sensor for sensor, _ in scenes})
    keys: list[Any] = []
    for index, sensor in enumerate(sensors):
        colour = SENSOR_COLOURS[index % len(SENSOR_COLOURS)]
        shapes = [shape for name, shape in scenes if name == sensor]
        for shape in shapes:
            _draw_shape(axes, shape, edge=colour, fill=colour, alpha=0.10, width=1.6)
        keys.append(
            Swatch(
                facecolor=f"{colour}30", edgecolor=colour, label=f"{_SENSOR_WORDS.get(sensor, sensor)} ({len(shapes)})"
            )
        )
    for bounds in mapped:
        _draw_shape(axes, bounds.polygon(), edge=FAINT, fill="none", alpha=1, width=0.6, style=(0, (3, 3)))
    if mapped:
        keys.append(Line2D([], [], color=FAINT, linewidth=0.8, linestyle=(0, (3, 3)), label="work tiles"))
    if samples is not None and len(samples):
        for split, colour in SPLIT_COLOURS.items():
            own = samples[samples["split"] == split]
            for shape in own.geometry.drop_duplicates():
                _draw_shape(axes, shape, edge=colour, fill=colour, alpha=0.55, width=0.8)
            if len(own):
                keys.append(Swatch(facecolor=f"{colour}99", edgecolor=colour, label=f"{split} cells ({len(own)})"))
    axes.autoscale_view()
    axes.set_aspect("equal")
    _tidy(axes)
    _scale_bar(axes)
    axes.legend(handles=keys, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9, labelcolor=INK)
    return png(figure)


def mosaic(probability: NDArray[np.float64], bounds: Bounds, label: str = "probability of woody vegetation") -> bytes:
    """Draw the probability mosaic; NaN is ground that no scene saw."""
    figure = Figure(figsize=(_WIDTH, _WIDTH * _ratio(bounds)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(
        np.ma.masked_invalid(probability),
        cmap=probability_colours(),
        vmin=0,
        vmax=1,
        extent=(bounds.left, bounds.right, bounds.bottom, bounds.top),
        interpolation="none",
    )
    _tidy(axes)
    _scale_bar(axes)
    bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=24, pad=0.015)
    bar.set_label(label, color=INK, fontsize=9)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, colors=INK)
    if np.isnan(probability).any():
        axes.legend(
            handles=[Swatch(facecolor=UNKNOWN, label="not seen by any scene")],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.01),
            frameon=False,
            fontsize=9,
        )
    return png(figure)


def features_over_imagery(image: NDArray[np.uint8], bounds: Bounds, features: gpd.GeoDataFrame) -> bytes:
    """Draw the outlines of features over an image (rows, columns, 3), coloured by ``slf_type``."""
    figure = Figure(figsize=(_WIDTH, _WIDTH * _ratio(bounds)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(image, extent=(bounds.left, bounds.right, bounds.bottom, bounds.top), interpolation="bilinear")
    keys = []
    types = sorted(features["slf_type"].astype(str).unique()) if len(features) else []
    for index, name in enumerate(types):
        own = features[features["slf_type"].astype(str) == name]
        colour = FEATURE_COLOURS.get(name, SENSOR_COLOURS[(index + 1) % len(SENSOR_COLOURS)])
        for shape in own.geometry:
            _draw_shape(axes, shape, edge=INK, fill="none", alpha=1, width=2.6)
            _draw_shape(axes, shape, edge=colour, fill=colour, alpha=0.18, width=1.4)
        keys.append(Swatch(facecolor=f"{colour}60", edgecolor=colour, label=f"{name} ({len(own)})"))
    axes.set_xlim(bounds.left, bounds.right)
    axes.set_ylim(bounds.bottom, bounds.top)
    _tidy(axes)
    _scale_bar(axes, colour=PAPER)
    if keys:
        axes.legend(
            handles=keys,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.01),
            ncols=4,
            frameon=False,
            fontsize=9,
            labelcolor=INK,
        )
    return png(figure)


def learning_curves(runs: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> bytes:
    """Draw training loss and validation score of each run over the training steps.

    Parameters
    ----------
    runs
        Run to curve ("loss", "IoU", ...) to (step, value) pairs.
    """
    curves = sorted({curve for run in runs.values() for curve in run}, key=lambda name: (name != "loss", name))
    figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
    for place, curve in enumerate(curves[:2]):
        axes = figure.add_subplot(1, min(len(curves), 2), place + 1)
        for index, (run, own) in enumerate(sorted(runs.items())):
            if curve in own:
                points = np.asarray(own[curve], dtype=float)
                style = "-" if index % 2 == 0 else (0, (4, 2))
                axes.plot(
                    points[:, 0],
                    points[:, 1],
                    color=SENSOR_COLOURS[index % len(SENSOR_COLOURS)],
                    linestyle=style,
                    linewidth=1.8,
                    marker="o" if len(points) < 40 else None,
                    markersize=3.5,
                    label=run,
                )
        axes.set_xlabel("training steps", fontsize=9, color=INK)
        axes.set_title(curve, fontsize=10, color=INK, loc="left", fontweight="bold")
        axes.grid(visible=True, color=UNKNOWN, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=INK)
        axes.legend(frameon=False, fontsize=8)
    return png(figure)


def _ratio(bounds: Bounds) -> float:
    """Height of a picture per width, kept between a strip and a square."""
    return min(max((bounds.top - bounds.bottom) / (bounds.right - bounds.left), 0.35), 1.0)


def _draw_shape(
    axes: Axes, shape: BaseGeometry, *, edge: str, fill: str, alpha: float, width: float, style: Any = "-"
) -> None:
    for part in getattr(shape, "geoms", [shape]):
        if not hasattr(part, "exterior"):
            continue
        column, row = part.exterior.xy
        if fill != "none":
            axes.fill(column, row, facecolor=fill, alpha=alpha, linewidth=0)
        for ring in (part.exterior, *part.interiors):
            axes.plot(*ring.xy, color=edge, linewidth=width, linestyle=style, solid_joinstyle="round")


def _tidy(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(UNKNOWN)


def _scale_bar(axes: Axes, colour: str = INK) -> None:
    """Draw a bar of 1, 2 or 5 times a power of ten metres in the lower left corner."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    length = nice_length((right - left) / 4)
    x, y = left + (right - left) * 0.03, bottom + (top - bottom) * 0.04
    back = INK if colour == PAPER else PAPER
    axes.plot([x, x + length], [y, y], color=back, linewidth=5.5, solid_capstyle="butt", zorder=9)
    axes.plot([x, x + length], [y, y], color=colour, linewidth=3, solid_capstyle="butt", zorder=10)
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    text = axes.annotate(
        words, (x + length / 2, y), xytext=(0, 5), textcoords="offset points", ha="center", color=colour, fontsize=9
    )
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=2.5, foreground=back)])
    text.set_zorder(10)


def nice_length(most: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is at most ``most``."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= most * (1 + 1e-9))
