"""How fast a woody mask becomes classed and typed features beside the usual stack, and the memory of a cell of 100 km.

The ground is texture of woods, groves and strips with some 2500 parts per million cells of 5 m, a tenth of it woody.
Three ways are timed, each in a process of its own, whose peak memory is told:

- bocage: `features_of`: forest, six classes, measures, outlines that share their borders; two cores;
- typed: the same and the types of features, which the others have not;
- stack: the same classes, areas, widths, lengths and simplified outlines with SciPy, `rasterio.features.shapes` (GDAL)
  and geopandas; one core, since none of them uses more;
- outlines: `rasterio.features.shapes` of the mask into a GeoDataFrame with areas and nothing else.

    python benchmarks/features.py [--json] [--mpx 1,4,16,64] [--repeat N] [--cell]

The limit is the rate of bocage over that of the stack, at least 3 at every size. `--cell` runs bocage alone on a whole
production cell, 20 000 x 20 000, which must stay below 6 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

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


def stack_way(mask: Mask) -> tuple[int, float]:
    """Return the same of the usual stack: the same rules on whole arrays."""
    forest = _forest(mask)
    candidate = mask & ~forest
    wide = _opened(_filled(candidate), 15.0) & candidate
    thin, count = ndimage.label(candidate & ~wide, _EIGHT)
    width, length = _widths(thin, count)
    linear = _of(thin, (length >= 30) & (length >= 1.5 * width))
    rest, count = ndimage.label(candidate & ~linear, _EIGHT)
    beside = ndimage.binary_dilation(linear, _EIGHT)
    area = np.bincount(rest.ravel(), minlength=count + 1)[1:] * SIDE**2
    touched = np.zeros(count + 1, bool)
    touched[rest[beside]] = True
    linear |= _of(rest, (area < 200) & touched[1:])
    rest, count = ndimage.label(candidate & ~linear, _EIGHT)
    area = np.bincount(rest.ravel(), minlength=count + 1)[1:] * SIDE**2
    touched = np.zeros(count + 1, bool)
    touched[rest[ndimage.binary_dilation(linear, _EIGHT)]] = True
    kept = _of(rest, ((area >= 200) & (area <= 5000)) | touched[1:])
    lines, number = ndimage.label(linear, _EIGHT)
    patches, more = ndimage.label(kept, _EIGHT)
    width, length = (
        np.concatenate(parts) for parts in zip(_widths(lines, number), _widths(patches, more), strict=True)
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


def _forest(mask: Mask) -> Mask:
    stands, count = ndimage.label(_opened(_filled(mask), 15.0) & mask, _EIGHT)
    large = _of(stands, np.bincount(stands.ravel(), minlength=count + 1)[1:] * SIDE**2 >= 50_000)
    return _near(large, 10.0)


def _filled(mask: Mask) -> Mask:
    gaps, count = ndimage.label(~mask)
    return mask | _of(gaps, np.bincount(gaps.ravel(), minlength=count + 1)[1:] < 8)


def _opened(mask: Mask, radius: float) -> Mask:
    return _near(ndimage.distance_transform_edt(mask, sampling=SIDE) > radius, radius)


def _near(mask: Mask, radius: float) -> Mask:
    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=SIDE) <= radius + 1e-6)


def _of(labels: NDArray[np.integer], chosen: NDArray[np.bool_]) -> Mask:
    return np.concatenate([[False], chosen])[labels]


def _widths(labels: NDArray[np.integer], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    distance = ndimage.distance_transform_edt(labels > 0, sampling=SIDE) - SIDE / 2
    cells = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    total = np.bincount(labels.ravel(), weights=distance.ravel(), minlength=count + 1)[1:]
    area = cells * SIDE**2
    width = rectangle_widths(area, total / np.maximum(cells, 1))
    return width, area / width


WAYS: dict[str, Callable[[Mask], tuple[int, float]]] = {
    "bocage": bocage_way,
    "typed": typed_way,
    "stack": stack_way,
    "outlines": outlines_way,
}


def run_one(way: str, size: int) -> dict[str, Any]:
    """Time one way in this process."""
    mask = ground(size)
    WAYS[way](mask[:300, :300])
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
        seconds = row["bocage"]["seconds"]
        row["ratio"] = row["stack"]["seconds"] / seconds
        row["ratio_outlines"] = row["outlines"]["seconds"] / seconds
        rows.append(row)
        print(
            f"{row['mpx']:6.1f} Mpx  bocage {seconds:7.2f} s {row['bocage']['features']:8d} features"
            f" {row['bocage']['peak_bytes'] / 1e9:5.2f} GB  typed {row['typed']['seconds']:7.2f} s"
            f" {row['typed']['peak_bytes'] / 1e9:5.2f} GB  stack {row['stack']['seconds']:7.2f} s"
            f" {row['stack']['features']:8d} {row['stack']['peak_bytes'] / 1e9:5.2f} GB"
            f"  outlines {row['outlines']['seconds']:7.2f} s  ratio {row['ratio']:.2f}, {row['ratio_outlines']:.2f}",
            file=sys.stderr,
        )
    per_mpx = [row["bocage"]["seconds"] / row["mpx"] for row in rows]
    return {
        "rows": rows,
        "wanted": WANTED,
        "growth": per_mpx[-1] / per_mpx[0],
        "least": min(row["ratio"] for row in rows),
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mpx", default="1,4,16,64")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--cell", action="store_true", help="one production cell of 100 km, bocage alone")
    parser.add_argument("--one", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(run_one(given.one, given.size)))
        return 0
    if given.cell:
        result = measured("typed", CELL, 1)
        passed = result["peak_bytes"] < MOST_BYTES
        line = f"{CELL} x {CELL} cells: {result['features']} features in {result['seconds']:.0f} s"
        print(json.dumps(result) if given.json else f"{line}, peak {result['peak_bytes'] / 1e9:.2f} GB")
    else:
        result = compare([float(mpx) for mpx in given.mpx.split(",")], given.repeat)
        passed = result["least"] >= WANTED
        line = f"least ratio {result['least']:.2f} (wanted {WANTED}); seconds per Mpx grow by {result['growth']:.2f}"
        print(json.dumps(result) if given.json else line)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
