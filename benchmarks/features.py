"""How fast a woody mask becomes classed and typed features beside the usual stacks, and the memory of a cell of 100 km.

The ground is texture of woods, groves and strips with some 2500 parts per million cells of 5 m, a tenth of it woody.
Each way runs in a process of its own, whose peak memory is told; it first works a million cells that are not counted:

- bocage: `features_of`: forest, six classes, measures, outlines that share their borders; two cores;
- typed: the same and the types of features, which the others have not;
- scipy: the same classes, areas, widths, lengths and simplified outlines with SciPy, `rasterio.features.shapes` (GDAL)
  and geopandas; one core, since none of them uses more. Distances are measured between the centres of cells;
- opencv: the same with the distances, openings and components of OpenCV, distances on cells cut in four as Bocage's;
- outlines: `rasterio.features.shapes` of the mask into a GeoDataFrame with areas and nothing else.

    python benchmarks/features.py [--json] [--mpx 1,4,16,64] [--repeat N]
    python benchmarks/features.py --cell [--without-types]
    python benchmarks/features.py --rules

The limit is the rate of bocage over that of scipy, at least 3 at every size. `--cell` runs bocage alone on a whole
production cell, 20 000 x 20 000, which must stay below 6 GB. `--rules` counts how often the two ways to measure a
distance tell rightly whether a bar of known width and length is linear. The whole stage: `features_stage.py`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import geopandas as gpd
import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from bocage.features import features_of
from bocage.features.morphology import rectangle_widths

WANTED = 3.0
MOST_BYTES = 6e9
CELL = 20_000
SIDE = 5.0
TRANSFORM = Affine(SIDE, 0, 4_300_000, 0, -SIDE, 3_000_000)
_BASE = 2048
_EIGHT = np.ones((3, 3), bool)
_ROUNDING = 1e-3

type Mask = NDArray[np.bool_]


def ground(size: int) -> Mask:
    """Return a woody mask of that many cells on a side, made of one texture and its mirror images."""
    random = np.random.default_rng(7)
    fine = ndimage.gaussian_filter(random.normal(size=(_BASE, _BASE)).astype(np.float32), 2.6)
    coarse = ndimage.gaussian_filter(random.normal(size=(_BASE, _BASE)).astype(np.float32), 25)
    texture = fine / fine.std() + 0.6 * coarse / coarse.std()
    base = texture > np.quantile(texture, 0.9)
    pair = np.hstack([base, base[:, ::-1]])
    four = np.vstack([pair, pair[::-1]])
    times = -(-size // len(four))
    return np.ascontiguousarray(np.tile(four, (times, times))[:size, :size])


def bocage_way(mask: Mask) -> tuple[int, float]:
    """Return how many features Bocage finds and their area in m2."""
    found = features_of(mask, TRANSFORM, "EPSG:3035", types=False)
    return len(found), float(found["area"].sum())


def typed_way(mask: Mask) -> tuple[int, float]:
    """Return the same with types."""
    found = features_of(mask, TRANSFORM, "EPSG:3035")
    return len(found), float(found["area"].sum())


def scipy_way(mask: Mask) -> tuple[int, float]:
    """Return the same of SciPy, GDAL and geopandas."""
    return _stack(mask, SCIPY)


def opencv_way(mask: Mask) -> tuple[int, float]:
    """Return the same of OpenCV, GDAL and geopandas."""
    return _stack(mask, OPENCV)


def _stack(mask: Mask, tools: Tools) -> tuple[int, float]:
    """Return what the usual tools make of a mask: the same rules on whole arrays."""
    forest = _forest(mask, tools)
    candidate = mask & ~forest
    wide = _opened(_filled(candidate, tools), 15.0, tools) & candidate
    thin, count = tools.label(candidate & ~wide, 8)
    width, length = _widths(thin, count, tools)
    linear = _of(thin, (length >= 30) & (length >= 1.5 * width))
    rest, count = tools.label(candidate & ~linear, 8)
    beside = tools.beside(linear)
    area = np.bincount(rest.ravel(), minlength=count + 1)[1:] * SIDE**2
    touched = np.zeros(count + 1, bool)
    touched[rest[beside]] = True
    linear |= _of(rest, (area < 200) & touched[1:])
    rest, count = tools.label(candidate & ~linear, 8)
    area = np.bincount(rest.ravel(), minlength=count + 1)[1:] * SIDE**2
    touched = np.zeros(count + 1, bool)
    touched[rest[tools.beside(linear)]] = True
    kept = _of(rest, ((area >= 200) & (area <= 5000)) | touched[1:])
    lines, number = tools.label(linear, 8)
    patches, more = tools.label(kept, 8)
    width, length = (
        np.concatenate(parts)
        for parts in zip(_widths(lines, number, tools), _widths(patches, more, tools), strict=True)
    )
    labels = np.where(kept, patches + number, lines).astype(np.int32)
    table = _table(labels, labels > 0)
    # A simplification of the whole coverage stops at parts that hang together by a corner; one by one, borders part.
    table["geometry"] = table.geometry.simplify(0.75 * SIDE)
    place = table["label"].to_numpy(int) - 1
    table["width_m"], table["length_m"], table["area"] = width[place], length[place], table.area
    table["slf_class"] = np.where(place < number, 1, 2)
    return len(table), float(table["area"].sum())


def outlines_way(mask: Mask) -> tuple[int, float]:
    """Return how many parts the mask has and their area: outlines alone."""
    table = _table(mask.astype(np.uint8), mask)
    return len(table), float(table.area.sum())


def _table(values: NDArray[np.integer], mask: Mask) -> gpd.GeoDataFrame:
    shapes = rasterio.features.shapes(values, mask=mask, connectivity=8, transform=TRANSFORM)
    rows = [{"geometry": geometry, "properties": {"label": value}} for geometry, value in shapes]
    return gpd.GeoDataFrame.from_features(rows, crs="EPSG:3035")


def _forest(mask: Mask, tools: Tools) -> Mask:
    stands, count = tools.label(_opened(_filled(mask, tools), 15.0, tools) & mask, 8)
    large = _of(stands, np.bincount(stands.ravel(), minlength=count + 1)[1:] * SIDE**2 >= 50_000)
    return _near(large, 10.0, tools)


def _filled(mask: Mask, tools: Tools) -> Mask:
    gaps, count = tools.label(~mask, 4)
    return mask | _of(gaps, np.bincount(gaps.ravel(), minlength=count + 1)[1:] < 8)


def _opened(mask: Mask, radius: float, tools: Tools) -> Mask:
    return _near(tools.distance(mask) > radius + _ROUNDING, radius, tools)


def _near(mask: Mask, radius: float, tools: Tools) -> Mask:
    if not mask.any():
        return mask
    return np.asarray(tools.distance(~mask) <= radius + _ROUNDING, bool)


def _of(labels: NDArray[np.integer], chosen: NDArray[np.bool_]) -> Mask:
    return np.asarray(np.concatenate([[False], chosen])[labels], bool)


def _widths(labels: NDArray[np.integer], count: int, tools: Tools) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    distance = np.asarray(tools.depth(labels > 0), np.float64)
    cells = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    total = np.bincount(labels.ravel(), weights=distance.ravel(), minlength=count + 1)[1:]
    area = cells.astype(np.float64) * SIDE**2
    width = rectangle_widths(area, total / np.maximum(cells, 1))
    return width, area / width


def _scipy_label(mask: Mask, neighbours: int) -> tuple[NDArray[np.int32], int]:
    labels, count = ndimage.label(mask, _EIGHT if neighbours == 8 else None)
    return np.asarray(labels, np.int32), int(count)


def _scipy_distance(mask: Mask) -> NDArray[np.floating]:
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=SIDE))


def _opencv_label(mask: Mask, neighbours: int) -> tuple[NDArray[np.int32], int]:
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=neighbours, ltype=cv2.CV_32S)
    return np.asarray(labels, np.int32), count - 1


def _opencv_distance(mask: Mask) -> NDArray[np.floating]:
    found = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(found * np.float32(SIDE))


def _opencv_depth(mask: Mask) -> NDArray[np.floating]:
    size = (2 * mask.shape[1], 2 * mask.shape[0])
    quarters = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    fine = cv2.distanceTransform(quarters, cv2.DIST_L2, cv2.DIST_MASK_5)
    # The mean over the four parts of a cell.
    return np.asarray((cv2.resize(fine, mask.shape[::-1], interpolation=cv2.INTER_AREA) - 0.5) * (SIDE / 2))


@dataclass(frozen=True, slots=True)
class Tools:
    """What the usual stack is made of.

    Attributes
    ----------
    label
        Components of a mask, by 4 or 8 neighbours, with their number.
    distance
        Distance in metres of each cell's centre to the nearest outside.
    depth
        Distance in metres of each cell to the outline.
    beside
        The mask and all cells that touch it.
    """

    label: Callable[[Mask, int], tuple[NDArray[np.int32], int]]
    distance: Callable[[Mask], NDArray[np.floating]]
    depth: Callable[[Mask], NDArray[np.floating]]
    beside: Callable[[Mask], Mask]


SCIPY = Tools(
    _scipy_label,
    _scipy_distance,
    lambda mask: _scipy_distance(mask) - SIDE / 2,
    lambda mask: np.asarray(ndimage.binary_dilation(mask, _EIGHT)),
)
OPENCV = Tools(
    _opencv_label,
    _opencv_distance,
    _opencv_depth,
    lambda mask: cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool),
)


def judged(number: int) -> dict[str, dict[str, float]]:
    """Return how often bars of known width and length, at all angles, are told rightly to be linear or not.

    Bars are 5 to 29 m wide and up to 90 m long; a cell is woody where the bar covers half of it. Linear is what is 30 m
    long and 1.5 times as long as wide.
    """
    random = np.random.default_rng(0)
    truth: list[bool] = []
    widths: list[float] = []
    told: dict[str, list[tuple[bool, float]]] = {"between centres": [], "cells cut in four": []}
    place = (np.mgrid[: 60 * 8, : 60 * 8] + 0.5) / 8 * SIDE
    while len(truth) < number:
        width, length, angle = random.uniform(5, 29), random.uniform(10, 90), random.uniform(0, np.pi)
        down, right = place - 150 - random.uniform(0, SIDE, (2, 1, 1))
        along = right * np.cos(angle) + down * np.sin(angle)
        across = down * np.cos(angle) - right * np.sin(angle)
        covered = (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
        mask = covered.reshape(60, 8, 60, 8).mean(axis=(1, 3)) >= 0.5
        labels, count = _opencv_label(mask, 8)
        if length < width or count != 1:
            continue
        truth.append(length >= 30 and length >= 1.5 * width)
        widths.append(width)
        for way, tools in (("between centres", SCIPY), ("cells cut in four", OPENCV)):
            ((found,), (long,)) = _widths(labels, 1, tools)
            told[way].append((long >= 30 and long >= 1.5 * found, found / width))
    linear, narrow = np.array(truth), np.array(widths) < 10
    result = {}
    for way, rows in told.items():
        said, ratio = np.array(rows).T
        result[way] = {
            "right": float((said == linear).mean()),
            "missed": float((linear & (said == 0)).sum() / linear.sum()),
            "false": float((~linear & (said == 1)).sum() / (~linear).sum()),
            "missed_below_10_m": float((narrow & linear & (said == 0)).sum() / (narrow & linear).sum()),
            "width_below_10_m": float(np.median(ratio[narrow])),
        }
    return result


WAYS: dict[str, Callable[[Mask], tuple[int, float]]] = {
    "bocage": bocage_way,
    "typed": typed_way,
    "scipy": scipy_way,
    "opencv": opencv_way,
    "outlines": outlines_way,
}


def run_one(way: str, size: int) -> dict[str, Any]:
    """Time one way in this process."""
    mask = ground(size)
    WAYS[way](np.ascontiguousarray(mask[:1000, :1000]))
    start, begun = time.perf_counter(), time.process_time()
    features, area = WAYS[way](mask)
    seconds = time.perf_counter() - start
    cpu = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "cpu_seconds": cpu, "features": features, "area_km2": area / 1e6, "peak_bytes": peak}


def measured(way: str, size: int, repeat: int) -> dict[str, Any]:
    """Return the best of several runs, each in a process of its own."""
    runs = []
    for _ in range(repeat):
        command = [sys.executable, __file__, "--one", way, "--size", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{way} failed at {size} x {size} cells:\n{done.stderr}")
        runs.append(json.loads(done.stdout))
    return min(runs, key=lambda run: run["seconds"])


def compare(sizes: list[float], repeat: int) -> dict[str, Any]:
    """Time all ways at all sizes."""
    rows = []
    for mpx in sizes:
        size = round((mpx * 1e6) ** 0.5)
        row: dict[str, Any] = {"mpx": size**2 / 1e6, **{way: measured(way, size, repeat) for way in WAYS}}
        for way in WAYS:
            row[way]["times_bocage"] = row[way]["seconds"] / row["bocage"]["seconds"]
        rows.append(row)
        told = (
            f"{way} {row[way]['seconds']:7.2f} s ({row[way]['times_bocage']:.2f}) {row[way]['features']:8d}"
            f" {row[way]['peak_bytes'] / 1e9:5.2f} GB"
            for way in WAYS
        )
        print(f"{row['mpx']:6.1f} Mpx  {'  '.join(told)}", file=sys.stderr)
    per_mpx = [row["bocage"]["seconds"] / row["mpx"] for row in rows]
    return {
        "rows": rows,
        "wanted": WANTED,
        "growth": per_mpx[-1] / per_mpx[0],
        "least": min(row["scipy"]["times_bocage"] for row in rows),
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mpx", default="1,4,16,64")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--cell", action="store_true", help="one production cell of 100 km, bocage alone")
    parser.add_argument("--without-types", action="store_true", help="with --cell: classes and measures alone")
    parser.add_argument("--rules", action="store_true", help="which way to measure a distance is right")
    parser.add_argument("--one", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(run_one(given.one, given.size)))
        return 0
    if given.rules:
        told = judged(1500)
        print(json.dumps(told) if given.json else "\n".join(f"{way}: {figures}" for way, figures in told.items()))
        passed = told["cells cut in four"]["right"] >= told["between centres"]["right"]
    elif given.cell:
        result = measured("bocage" if given.without_types else "typed", CELL, 1)
        result["share_of_limit"] = result["peak_bytes"] / MOST_BYTES
        passed = result["peak_bytes"] < MOST_BYTES
        line = (
            f"{CELL} x {CELL} cells: {result['features']} features in {result['seconds']:.0f} s"
            f" ({result['seconds'] / (CELL**2 / 1e6):.3f} s per Mpx), peak {result['peak_bytes'] / 1e9:.2f} GB,"
            f" {result['share_of_limit']:.2f} of the {MOST_BYTES / 1e9:.0f} GB allowed"
        )
        print(json.dumps(result) if given.json else line)
    else:
        result = compare([float(mpx) for mpx in given.mpx.split(",")], given.repeat)
        passed = result["least"] >= WANTED
        line = f"least ratio {result['least']:.2f} (wanted {WANTED}); seconds per Mpx grow by {result['growth']:.2f}"
        print(json.dumps(result) if given.json else line)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
