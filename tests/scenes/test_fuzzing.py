"""Damaged deliveries: an error of ours each time, no traceback of a library, no hang, no crash, no false acceptance."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from bocage.scenes.sensors import SENSORS
from bocage.simulation.patch import simulate_deliveries
from tests.scenes.rasters import noise, write_raster


def fuzz(kind: str, folder: Path, count: int, *, seed: int = 0, refused: float) -> dict[str, Any]:
    """Run the trials in a process of their own; ``refused`` is the least share of mutants that must be refused."""
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.scenes.fuzzing", kind, str(folder), str(seed), str(count)],
        capture_output=True, text=True, timeout=300, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert run.returncode == 0, f"the process ended with {run.returncode}:\n{run.stderr[-3000:]}"
    found: dict[str, Any] = json.loads(run.stdout)
    assert not found["breaches"], "\n".join(found["breaches"][:20])
    assert found["accepted"] + found["refused"] == count
    assert found["refused"] > refused * count
    return found


@pytest.mark.real
def test_metadata_of_real_products(data_folder: Path) -> None:
    fuzz("metadata", data_folder / "vhr-metadata", 1000, refused=0.4)


@pytest.fixture(scope="module")
def rasters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rasters")
    pixels = noise(96, 80, low=100, high=2000, dtype="uint16")
    tiles: dict[str, Any] = {"tiled": True, "blockxsize": 32, "blockysize": 32}
    write_raster(folder / "plain.tif", pixels)
    write_raster(folder / "strips.tif", pixels, compress="lzw")
    write_raster(folder / "tiles.tif", pixels, compress="deflate", predictor=2, **tiles)
    write_raster(folder / "planes.tif", pixels, compress="zstd", interleave="band", **tiles)
    write_raster(folder / "big.tif", pixels, compress="deflate", bigtiff="yes", **tiles)
    write_raster(folder / "cloud.tif", noise(300, 300), driver="COG", compress="deflate", blocksize=128)
    write_raster(folder / "wave.jp2", noise(96, 80), driver="JP2OpenJPEG", nodata=None, names=None)
    return folder


def test_rasters(rasters: Path) -> None:
    found = fuzz("rasters", rasters, 1400, refused=0.4)
    assert found["accepted"] > 0


def test_a_flipped_bit_of_the_pixels_is_found_by_the_decoder_or_not_at_all(rasters: Path) -> None:
    """What the how-to says of damage: no raster format here has checksums that are verified when it is read."""
    found = fuzz("flips", rasters, 350, refused=0.2)
    refused, altered, tried = found["refused_by_file"], found["altered"], found["tried"]
    assert altered["plain.tif"] == tried["plain.tif"]
    for name in ("tiles.tif", "big.tif", "cloud.tif"):
        assert refused[name] > tried[name] / 2


def test_companions_of_a_raster(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    # Long and thin: an overview is read of an image whose overview has more than 1024 pixels on its long side.
    shape = (64, 2200)
    made = tmp_path / "made"
    (tmp_path / "elsewhere").mkdir()
    made.mkdir()
    pixels = noise(*shape, low=100, high=2000, dtype="uint16")
    raster = write_raster(made / "a.tif", pixels, compress="deflate", tiled=True)
    shutil.copyfile(raster, tmp_path / "a.tif")
    with rasterio.Env(TIFF_USE_OVR=True, GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(raster, "r+") as file:
        file.write_mask(rng.random(file.shape) < 0.9)
        file.build_overviews([2], Resampling.average)
    for name in ("a.tif.ovr", "a.tif.msk"):
        shutil.copyfile(made / name, tmp_path / name)
    (tmp_path / "a.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:3035</SRS><GeoTransform>4000000, 2, 0, 3000000, 0, -2</GeoTransform><PAMRasterBand "
        'band="1"><NoDataValue>0</NoDataValue><Metadata><MDI key="STATISTICS_MAXIMUM">1999</MDI></Metadata>'
        "</PAMRasterBand></PAMDataset>"
    )
    (tmp_path / "a.tfw").write_text("2\n0\n0\n-2\n4000001\n2999999\n")
    foreign = noise(*shape, low=42_000, high=43_000, dtype="uint16")
    seen = rng.random(shape) < 0.37
    write_raster(tmp_path / "elsewhere" / "foreign.tif", foreign, mask=seen, nodata=None, compress="deflate")
    fuzz("companions", tmp_path, 300, refused=0.2)


def test_cloud_masks(tmp_path: Path) -> None:
    import geopandas
    from shapely.geometry import Point, box

    (made,) = simulate_deliveries(tmp_path / "made", ("PHR",), size=400.0, seed=1, cloudy=True)
    (mask,) = [path for path in made.path.rglob("*") if path.suffix.lower() == ".gml"]
    shutil.copyfile(mask, tmp_path / "clouds.gml")
    clouds = [Point(4_321_500, 3_019_500).buffer(60), Point(4_321_600, 3_019_400).buffer(40)]
    frame = geopandas.GeoDataFrame({"kind": ["cloud", "shadow"]}, geometry=clouds, crs="EPSG:3035")
    frame.to_file(tmp_path / "clouds.geojson", driver="GeoJSON")
    frame.to_file(tmp_path / "clouds.gpkg", driver="GPKG")
    (tmp_path / "elsewhere").mkdir()
    far = geopandas.GeoDataFrame(geometry=[box(9_000_000, 9_000_000, 9_000_100, 9_000_100)], crs="EPSG:3035")
    far.to_file(tmp_path / "elsewhere" / "other.geojson", driver="GeoJSON")
    fuzz("masks", tmp_path, 600, refused=0.3)


def test_metadata_of_all_simulated_families(tmp_path: Path) -> None:
    """With the report of the contributing missions beside each, and the images of those that are cut into tiles."""
    made = simulate_deliveries(tmp_path, tuple(SENSORS), size=400.0, seed=1, cloudy=True, tile_edge=64)
    simulate_deliveries(tmp_path / "reports", tuple(SENSORS), size=400.0, seed=1, packaging="contributing")
    for delivery in made:
        for report in (tmp_path / "reports").rglob("GSC_*.xml"):
            if delivery.take.id in {path.name.partition(".")[0] for path in report.parent.iterdir()}:
                shutil.copyfile(report, delivery.path / report.name)
    fuzz("metadata", tmp_path, 1500, refused=0.3)
