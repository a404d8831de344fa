"""The plot of the benchmark: the curves of all arms, and with how many annotations each equals the baseline."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from bocage.training.curve.comparison import Comparison, Contest
from bocage.training.curve.published import PUBLISHED
from bocage.training.curve.results import Floats, Results, measure

# Okabe and Ito (2008), Color Universal Design, with brown for their yellow, which is pale on white; the baseline is
# black, and what was published grey.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5c1e")
_BASELINE, _FAINT, _GRID = "#1b1f1c", "#8b948e", "#e4e7e2"
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_INK = "#1b1f1c"
# Labels at the end of curves keep this distance, as a share of the height of the axes.
_APART = 0.042
# By how much the axes reach beyond the budgets, as a factor.
_MARGIN, _REACH = 1.25, 1.4


def draw(comparison: Comparison, results: Results, unit: str) -> dict[str, bytes]:
    """Return the plot as PNG and SVG, by suffix.

    Parameters
    ----------
    unit
        What one annotation is, in words.
    """
    # Matplotlib takes a second to import, and only this function needs it.
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A fixed salt and no date: the same cells give the same file.
    style: Any = {"svg.hashsalt": "bocage", "font.size": 9.5, "axes.edgecolor": _FAINT, "text.color": _INK}
    with mpl.rc_context(style):
        figure = Figure(figsize=(12.4, 6.0), dpi=140, layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.55, 1))
        colours = _colours(comparison)
        _draw_curves(left, comparison, results, colours)
        _draw_matches(right, comparison, colours)
        left.set_xlabel(f"annotations to train with (one is {unit})")
        right.set_xlabel(f"annotations of {comparison.baseline}")
        files = {}
        for suffix, metadata in (("png", {"Software": "Bocage"}), ("svg", {"Date": None, "Creator": "Bocage"})):
            content = io.BytesIO()
            figure.savefig(content, format=suffix, metadata=metadata)
            files[suffix] = content.getvalue()
        return files


def _colours(comparison: Comparison) -> dict[str, str]:
    arms = list(dict.fromkeys(point.arm for point in comparison.points))
    others = [arm for arm in arms if arm != comparison.baseline]
    colours = {arm: _COLOURS[index % len(_COLOURS)] for index, arm in enumerate(others)}
    return {arm: colours.get(arm, _BASELINE) for arm in arms}


def _draw_curves(axes: Any, comparison: Comparison, results: Results, colours: dict[str, str]) -> None:
    budgets = np.array(comparison.budgets, np.float64)
    axes.set_xscale("log")
    ends: list[tuple[float, str, str]] = []
    edge = float(budgets[-1]) * _MARGIN
    own = measure(results.counts.sum(axis=3), "iou")
    low, high, overlaid = _heights(own[~np.isnan(own)], float(budgets[-1]))
    if overlaid:
        _draw_published(axes)
        for curve in PUBLISHED:
            height = float(np.interp(np.log(edge), np.log(curve.samples), curve.iou))
            ends.append((height, f"{curve.name}, published *", _FAINT))
    else:
        _draw_inset(axes)
    for index, (arm, colour) in enumerate(colours.items()):
        points = comparison.of_arm(arm)
        if not points:
            continue
        x = np.array([point.budget for point in points], np.float64)
        mean = np.array([point.mean["iou"] for point in points], np.float64)
        spread = np.array([point.spread["iou"] or 0.0 for point in points], np.float64)
        axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.14, linewidth=0, zorder=2)
        width = 2.4 if arm == comparison.baseline else 1.9
        axes.plot(
            x, mean, color=colour, marker=_MARKERS[index % len(_MARKERS)], markersize=5.5, linewidth=width, zorder=4
        )
        single = measure(results.of_arm(arm).sum(axis=2), "iou")
        shift = 1.0 + 0.025 * (index - (len(colours) - 1) / 2)
        for column, budget in enumerate(budgets):
            values = single[:, column]
            axes.plot(
                np.full(len(values), budget * shift), values, ".", color=colour, alpha=0.4, markersize=3.5, zorder=3
            )
        ends.append((float(mean[-1]), arm, colour))
    margin = 0.06 * max(high - low, 0.1)
    axes.set_ylim(max(low - margin, 0.0), min(high + 2 * margin, 1.0))
    axes.set_xlim(budgets[0] / _MARGIN, edge)
    _ticks(axes.xaxis, comparison.budgets)
    _label_ends(axes, ends)
    axes.set_ylabel("IoU of trees on test chips")
    counted = {point.orders for point in comparison.points if point.orders}
    orders = "no" if not counted else str(max(counted)) if len(counted) == 1 else f"{min(counted)} to {max(counted)}"
    noun = "order" if counted == {1} else "orders"
    other = " · * other data" if overlaid else ""
    axes.text(
        0,
        1.005,
        f"line: mean of {orders} {noun} · band: ± standard deviation of orders · dots: single trainings{other}",
        transform=axes.transAxes,
        fontsize=8,
        color=_FAINT,
        va="bottom",
    )
    axes.set_title("Learning curves", loc="left", fontweight="bold", pad=18)
    _tidy(axes)


def _heights(own: Floats, largest: float) -> tuple[float, float, bool]:
    """Return the lowest and highest score to show, and whether the published curves fit between the arms'.

    Where they lie so far apart that half of the axes would be empty, they go into an inset.
    """
    published = [one for curve in PUBLISHED for x, one in zip(curve.samples, curve.iou, strict=True) if x <= largest]
    if not own.size:
        return 0.0, 1.0, True
    low, high = float(own.min()), float(own.max())
    if not published:
        # They begin beyond the largest budget: their names would hang far above or below the axes.
        return low, high, False
    both = min([low, *published]), max([high, *published])
    overlaid = max(high - low, 0.1) >= 0.5 * (both[1] - both[0])
    return (*both, True) if overlaid else (low, high, False)


def _draw_published(axes: Any) -> None:
    for curve, dashes in zip(PUBLISHED, ((6, 2), (2, 2)), strict=True):
        axes.plot(curve.samples, curve.iou, color=_FAINT, linewidth=1.1, dashes=dashes, zorder=1)


def _draw_inset(axes: Any) -> None:
    """Draw the published curves apart, with scales of their own."""
    from matplotlib.ticker import NullLocator

    inset = axes.inset_axes((0.66, 0.1, 0.32, 0.27), zorder=5)
    inset.set_xscale("log")
    _draw_published(inset)
    first, last = PUBLISHED[0].samples[0], PUBLISHED[0].samples[-1]
    inset.set_xlim(first / 1.4, last * 1.4)
    inset.set_xticks([first, 50, 500, last], [f"{one}" for one in (first, 50, 500, last)])
    inset.xaxis.set_minor_locator(NullLocator())
    inset.set_title("published, on other data", fontsize=8, color=_FAINT, loc="left", pad=3)
    for curve, above in zip(PUBLISHED, (True, False), strict=True):
        inset.annotate(
            curve.name,
            (50, float(np.interp(np.log(50), np.log(curve.samples), curve.iou))),
            xytext=(0, 5 if above else -5),
            textcoords="offset points",
            ha="right" if above else "left",
            va="bottom" if above else "top",
            fontsize=7.5,
            color=_FAINT,
        )
    inset.tick_params(labelsize=7, colors=_FAINT, length=2)
    for side in ("top", "right"):
        inset.spines[side].set_visible(False)


def _label_ends(axes: Any, ends: Sequence[tuple[float, str, str]]) -> None:
    """Name every curve at its right end, pushed apart where they would overlap."""
    low, high = axes.get_ylim()
    apart = _APART * (high - low)
    places: list[float] = []
    ordered = sorted(ends)
    for height, _, _ in ordered:
        places.append(max(height, places[-1] + apart) if places else height)
    excess = max(places[-1] - (high - apart / 2), 0.0) if places else 0.0
    for place, (_, arm, colour) in zip(places, ordered, strict=True):
        axes.annotate(
            arm,
            (1.015, place - excess),
            xycoords=("axes fraction", "data"),
            color=colour,
            va="center",
            fontsize=9,
            annotation_clip=False,
        )


def _draw_matches(axes: Any, comparison: Comparison, colours: dict[str, str]) -> None:
    """Draw with how many annotations each arm equals the baseline, between lines of equal factor."""
    smallest, largest = comparison.budgets[0], comparison.budgets[-1]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(smallest / _REACH, largest * _REACH)
    axes.set_ylim(smallest / 1.7, largest * 1.7)
    lowest, highest = axes.get_ylim()
    line = np.array([smallest / 2, largest * 2], np.float64)
    for factor in sorted({1.0, comparison.factor, float(round(comparison.factor**0.5))}):
        tested = factor == comparison.factor
        axes.plot(line, line / factor, color=_FAINT if tested else _GRID, linewidth=1.6 if tested else 1.3, zorder=1)
        end = largest * _REACH / factor
        if not lowest <= end <= highest:
            # A line that leaves the axes below has its end, and would have its name, far outside of the picture.
            continue
        axes.annotate(
            "as many" if factor == 1 else f"{factor:g} times fewer",
            (1.015, end),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
            color=_INK if tested else _FAINT,
            annotation_clip=False,
        )
    drawn = [contest for contest in comparison.contests if contest.efficiency is not None]
    for index, contest in enumerate(drawn):
        _draw_match(axes, contest, colours[contest.arm], 1.0 + 0.05 * (index - (len(drawn) - 1) / 2), comparison)
    _ticks(axes.xaxis, comparison.budgets)
    _ticks(axes.yaxis, comparison.budgets)
    axes.set_ylabel("annotations with which an arm equals it")
    axes.set_title("Label efficiency", loc="left", fontweight="bold", pad=18)
    axes.text(
        0,
        1.005,
        "arrows: below the smallest or above the largest budget",
        transform=axes.transAxes,
        fontsize=8,
        color=_FAINT,
        va="bottom",
    )
    _tidy(axes)


def _draw_match(axes: Any, contest: Contest, colour: str, shift: float, comparison: Comparison) -> None:
    assert contest.efficiency is not None
    index = list(dict.fromkeys(point.arm for point in comparison.points)).index(contest.arm)
    inside = [match for match in contest.efficiency.matches if match.sign == "="]
    marker = _MARKERS[index % len(_MARKERS)]
    needed = [match.budget / match.factor for match in inside]
    axes.plot(
        [match.budget * shift for match in inside],
        needed,
        color=colour,
        marker=marker,
        markersize=6,
        linewidth=1.4,
        zorder=4,
    )
    for match in contest.efficiency.matches:
        if match.sign == "=":
            continue
        start = comparison.budgets[0] if match.sign == ">" else comparison.budgets[-1]
        end = start / 1.45 if match.sign == ">" else start * 1.45
        axes.annotate(
            "",
            (match.budget * shift, end),
            (match.budget * shift, start),
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0},
            zorder=4,
        )


def _ticks(axis: Any, budgets: Sequence[int]) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    axis.set_ticks(list(budgets), [f"{budget}" for budget in budgets])
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _tidy(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(visible=True, axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, length=3, labelsize=9)
