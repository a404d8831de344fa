"""The stage "features" on mosaics up to a whole production cell of 100 km: what `bocage features` takes.

A project is written whose probability tiles of 10 km, at 2 m, hold the texture of `features.py`; then the command runs
as a user runs it, in a process of its own. What is beyond the mapped squares is not mapped.

    python benchmarks/features_stage.py [--json] [--km 10,25,50,100] [--resolution 2]

The limit is 6 GB for the cell of 100 km. If that is not among the sizes, a line through the two largest tells it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bocage.files import digest_file, write_json
from bocage.grid import Tile, Window
from bocage.project import Project
from bocage.rasters import write_cog
from features import MOST_BYTES, SIDE, ground

EDGE = 10_000
# The north-western corner of production cell E43N30.
WEST, NORTH = 4_300_000, 3_100_000


def make_mosaic(folder: Path, km: float, resolution: float) -> Project:
    """Write a project with a square mosaic of that many kilometres in the corner of a production cell."""
    (folder / "bocage.toml").write_text(
        f'[grid]\ncrs = "EPSG:3035"\nresolution = {resolution}\ntile_size = {EDGE}\ncell_size = 100000\n'
        f"[features]\nresolution = {SIDE}\n",
        encoding="utf-8",
    )
    project = Project.open(folder)
    edge = round(km * 1000)
    woody = ground(round(edge / SIDE))
    area = Window(round(WEST / resolution), -round(NORTH / resolution), *[round(edge / resolution)] * 2)
    random = np.random.default_rng(1)
    for tile in project.tiling.tiles(area):
        inside = tile.window.intersection(area)
        assert inside is not None
        rows = ((np.arange(inside.height) + inside.row - area.row) * resolution / SIDE).astype(int)
        columns = ((np.arange(inside.width) + inside.column - area.column) * resolution / SIDE).astype(int)
        mask = woody[rows[:, None], columns]
        noise = random.integers(0, 60, (inside.height // 8 + 1, inside.width // 8 + 1), np.uint8)
        noise = noise.repeat(8, axis=0).repeat(8, axis=1)[: inside.height, : inside.width]
        bands = np.full((2, *tile.window.shape), 255, np.uint8)
        bands[1] = 0
        place = inside.slices(tile.window)
        bands[0][place], bands[1][place] = np.where(mask, 190 + noise, 10 + noise), 1
        path = project.map_folder / f"{tile.id}.tif"
        write_cog(path, bands, grid=project.grid, window=tile.window)
        write_json(path.with_suffix(".json"), _receipt(project, tile, path))
    return project


def _receipt(project: Project, tile: Tile, path: Path) -> dict[str, Any]:
    """Return what the stage reads of a tile's receipt."""
    properties = {
        "bocage:key": "key",
        "bocage:model": {"name": "texture", "digest": "texture"},
        "bocage:grid": {"crs": project.grid.crs, "resolution": project.grid.resolution, "window": asdict(tile.window)},
        "bocage:pixels": 1,
        "bocage:valid_pixels": 1,
        "bocage:chips": 1,
        "bocage:timings": {"total": 0.0},
        "bocage:scenes": [],
        "bocage:quarantined": [],
    }
    return {"id": tile.id, "properties": properties, "assets": {"data": {"bocage:sha256": digest_file(path)}}}


def run_stage(project: Project) -> dict[str, Any]:
    """Run `bocage features` and return its seconds, its peak memory and what it says."""
    command = [sys.executable, "-m", "bocage", "features", "--project", str(project.folder), "--json"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bocage features failed: {said}")
    features = sum(
        json.loads(path.read_text())["figures"]["features"] for path in project.features_folder.glob("*.json")
    )
    return {"seconds": time.perf_counter() - start, "peak_bytes": usage.ru_maxrss * 1024, "features": features}


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--km", default="10,25,50,100")
    parser.add_argument("--resolution", type=float, default=2.0, help="metres per pixel of the mosaic")
    parser.add_argument("--folder", help="where the mosaics are written for the while, by default the system's")
    given = parser.parse_args()
    if given.km.count(",") == 0 and float(given.km) < 100:
        parser.error("--km takes 100, or two sizes from which a line can be drawn")
    rows: list[dict[str, Any]] = []
    for km in (float(size) for size in given.km.split(",")):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            project = make_mosaic(Path(folder), km, given.resolution)
            row = {"km": km, "mpx": (km * 1000 / SIDE) ** 2 / 1e6, **run_stage(project)}
        rows.append(row)
        print(
            f"{km:5.0f} km {row['mpx']:6.1f} Mpx {row['features']:8d} features {row['seconds']:7.1f} s"
            f" ({row['seconds'] / row['mpx']:.3f} s per Mpx)  peak {row['peak_bytes'] / 1e9:.2f} GB",
            file=sys.stderr,
            flush=True,
        )
    sizes, peaks = np.array([[row["mpx"], row["peak_bytes"]] for row in rows]).T
    whole = (100_000 / SIDE) ** 2 / 1e6
    peak = peaks[-1] if len(rows) < 2 or sizes[-1] >= whole else np.poly1d(np.polyfit(sizes[-2:], peaks[-2:], 1))(whole)
    result = {"rows": rows, "peak_of_a_cell": float(peak), "measured": bool(sizes[-1] >= whole), "limit": MOST_BYTES}
    how = "measured" if result["measured"] else "by a line through the largest two"
    share = f"{peak / MOST_BYTES:.2f} of the {MOST_BYTES / 1e9:.0f} GB allowed"
    print(json.dumps(result) if given.json else f"a cell of 100 km: {peak / 1e9:.2f} GB, {how}: {share}")
    return 0 if peak < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
