"""Damaged deliveries: an error of ours each time, no traceback of a library, no hang, no crash, no false acceptance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bocage.simulation.patch import simulate_deliveries
from tests.scenes.rasters import noise, write_raster


def fuzz(kind: str, folder: Path, count: int, *, seed: int = 0) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.scenes.fuzzing", kind, str(folder), str(seed), str(count)],
        capture_output=True, text=True, timeout=300, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert run.returncode == 0, f"the process ended with {run.returncode}:\n{run.stderr[-3000:]}"
    found: dict[str, Any] = json.loads(run.stdout)
    assert not found["breaches"], "\n".join(found["breaches"][:20])
    assert found["accepted"] + found["refused"] == count
    assert found["refused"] > count / 20
    return found


@pytest.mark.real
def test_metadata_of_real_products(data_folder: Path) -> None:
    fuzz("metadata", data_folder / "vhr-metadata", 1000)


def test_rasters(tmp_path: Path) -> None:
    pixels = noise(96, 80, low=100, high=2000, dtype="uint16")
    tiles: dict[str, Any] = {"tiled": True, "blockxsize": 32, "blockysize": 32}
    write_raster(tmp_path / "plain.tif", pixels)
    write_raster(tmp_path / "strips.tif", pixels, compress="lzw")
    write_raster(tmp_path / "tiles.tif", pixels, compress="deflate", predictor=2, **tiles)
    write_raster(tmp_path / "planes.tif", pixels, compress="zstd", interleave="band", **tiles)
    write_raster(tmp_path / "big.tif", pixels, compress="deflate", bigtiff="yes", **tiles)
    write_raster(tmp_path / "cloud.tif", noise(300, 300), driver="COG", compress="deflate", blocksize=128)
    write_raster(tmp_path / "wave.jp2", noise(96, 80), driver="JP2OpenJPEG", nodata=None, names=None)
    found = fuzz("rasters", tmp_path, 1000)
    assert found["accepted"] > 0


def test_metadata_of_simulated_deliveries(tmp_path: Path) -> None:
    simulate_deliveries(tmp_path, ("PHR", "WV2", "KS3", "SV1", "GEOSAT2", "VS1"), size=400.0, seed=1)
    fuzz("metadata", tmp_path, 400)
