"""Trials of damaged rasters and of damaged files beside a raster.

An accepted raster must hold what rasterio itself reads from the same file. Whether that is what the file held before it
was damaged is counted, not demanded: a format without checksums cannot tell.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from bocage.grid import Grid
from bocage.scenes.deliveries.assembly import open_image
from bocage.scenes.reader import open_scene
from bocage.scenes.recognition import Rules, recognise
from bocage.scenes.scene import Scene
from bocage.scenes.stretch import apply_stretch
from tests.scenes.mutants import flip_bit, mutants
from tests.scenes.trials import Trial, Verdict

GRID = Grid("EPSG:3035", 2.0)
BANDS = ("red", "green", "blue", "nir")
# The values of a raster that no companion may lead to; those of the tests are smaller.
FOREIGN = (42_000, 43_000)
# The share of valid pixels in its mask.
FOREIGN_SHARE = 0.37
# Pixels of the lattice that are read: a damaged position can make a small image as large as the earth.
MOST = 10_000_000


def raster_trials(folder: Path, random: Random) -> Callable[[int], Trial]:
    """Rasters damaged anywhere."""
    return _trials(folder, lambda path, content: mutants(content, random, text=False))


def flip_trials(folder: Path, random: Random) -> Callable[[int], Trial]:
    """Rasters of which one bit of the pixels is flipped, and no other."""

    def flips(path: Path, content: bytes) -> Any:
        places = _blocks(path, len(content))
        while True:
            yield flip_bit(content, *random.choice(places), random)

    return _trials(folder, flips)


def _blocks(path: Path, size: int) -> list[tuple[int, int]]:
    """Return where the pixels of a file lie: from which byte up to which."""
    if path.suffix == ".jp2":
        return [(size // 4, size)]
    with rasterio.open(path) as file:
        rows, columns = (math.ceil(edge / block) for edge, block in zip(file.shape, file.block_shapes[0], strict=True))
        found = []
        for column in range(columns):
            for row in range(rows):
                offset, length = (
                    int(file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=1))
                    for what in ("OFFSET", "SIZE")
                )
                found.append((offset, offset + length))
    return found


def _trials(folder: Path, stream: Callable[[Path, bytes], Any]) -> Callable[[int], Trial]:
    seeds = sorted(path for path in folder.iterdir() if path.suffix in {".tif", ".jp2"})
    contents = {path: path.read_bytes() for path in seeds}
    streams = {path: stream(path, contents[path]) for path in seeds}
    originals = {path: _pixels(path) for path in seeds}
    tried = folder / "tried"
    tried.mkdir(exist_ok=True)

    def trial(number: int) -> Trial:
        path = seeds[number % len(seeds)]
        mutant = next(streams[path])
        target = tried / f"{number}{path.suffix}"
        target.write_bytes(mutant)

        def attempt() -> Verdict:
            scene = recognise(target, GRID, bands=BANDS, rules=Rules(decode=True))
            own, fault = _as_read_by_others(scene, target)
            altered = not np.array_equal(own, originals[path])
            if altered and contents[path].startswith(mutant):
                # What was cut off may have been padding only: then not one pixel differs.
                fault = f"only {len(mutant)} of {len(contents[path])} bytes"
            return Verdict(fault or _impossible(scene), altered)

        return Trial(path.name, attempt, target.name, lambda: target.unlink(missing_ok=True))

    return trial


def _pixels(path: Path) -> NDArray[np.generic]:
    with rasterio.open(path) as file:
        pixels: NDArray[np.generic] = file.read()
    return pixels


def _as_read_by_others(scene: Scene, target: Path) -> tuple[NDArray[np.generic], str]:
    """Return the pixels of an accepted file as rasterio reads them, and in what the scene differs from them."""
    with rasterio.open(target) as file:
        pixels: NDArray[np.generic] = file.read()
        same = (file.shape, file.transform, file.nodata) == (
            scene.shape, scene.transform, scene.image.nodata if file.nodata is not None else None
        )  # fmt: skip
    if not same:
        return pixels, "another grid or nodata than the file's"
    with open_image(scene.image) as image:
        if not np.array_equal(image.read()[: len(pixels)], pixels, equal_nan=True):
            return pixels, "other pixels than the file's"
    with open_scene(scene, GRID) as reader:
        if reader.window.width * reader.window.height > MOST:
            return pixels, ""
        patch = reader.read(reader.window)
    on_lattice = scene.image.crs == GRID.crs and scene.transform.a == 2.0 and scene.transform.e == -2.0
    whole = scene.transform.c % 2 == 0 and scene.transform.f % 2 == 0 and not (scene.transform.b or scene.transform.d)
    if on_lattice and whole and patch.valid.shape == scene.shape:
        order = [scene.bands.index(name) for name in BANDS]
        if not np.array_equal(apply_stretch(pixels[order], patch.valid, scene.stretch), patch.image):
            return pixels, "a patch that is not the stretched pixels"
    return pixels, ""


def _impossible(scene: Scene) -> str:
    finite = math.isfinite(scene.gsd) and all(math.isfinite(value) for value in scene.footprint.bounds)
    if not finite or scene.footprint.is_empty:
        return "no place"
    if any(not low < high for low, high in scene.stretch):
        return f"stretch {scene.stretch}"
    return "" if len(scene.bands) == len(BANDS) else "other bands"


def companion_trials(folder: Path, random: Random) -> Callable[[int], Trial]:
    """A whole raster beside which a companion is damaged, renamed, or replaced by a file that leads to another.

    ``folder`` holds ``a.tif`` with its companions, and ``elsewhere/foreign.tif`` with a mask and values of its own.
    """
    raster = folder / "a.tif"
    companions = sorted(path for path in folder.iterdir() if path.is_file() and path != raster)
    contents = {path: path.read_bytes() for path in companions}
    streams = {path: mutants(contents[path], random, text=path.suffix in {".xml", ".tfw"}) for path in companions}
    lures = _lures(folder / "elsewhere" / "foreign.tif")
    pixels = _pixels(raster)
    tried = folder / "tried"

    def trial(number: int) -> Trial:
        shutil.rmtree(tried, ignore_errors=True)
        tried.mkdir()
        target = tried / raster.name
        shutil.copyfile(raster, target)
        for path in companions:
            if random.random() < 0.3:
                (tried / path.name).write_bytes(contents[path])
        if number % 3:
            path = companions[number % len(companions)]
            name = path.name
            (tried / name).write_bytes(next(streams[path]))
        else:
            name, content = lures[number // 3 % len(lures)]
            (tried / name).unlink(missing_ok=True)
            if isinstance(content, Path):
                (tried / name).symlink_to(content)
            else:
                (tried / name).write_bytes(content)

        def attempt() -> str:
            scene = recognise(target, GRID, bands=BANDS, rules=Rules(decode=True))
            if any(FOREIGN[0] <= band.mean < FOREIGN[1] for band in scene.statistics):
                return "the statistics of another file"
            with open_image(scene.image) as image:
                if not np.array_equal(image.read([1, 2, 3, 4]), pixels):
                    return "other pixels than the raster's"
            with open_scene(scene, GRID) as reader:
                if reader.window.width * reader.window.height > MOST:
                    return _impossible(scene)
                share = reader.read(reader.window).valid.mean()
            return "the mask of another file" if abs(share - FOREIGN_SHARE) < 0.01 else _impossible(scene)

        return Trial(name, attempt)

    return trial


def _lures(foreign: Path) -> list[tuple[str, bytes | Path]]:
    """Return names and contents of files that GDAL would follow to another raster."""
    with rasterio.open(foreign) as file:
        rows, columns = file.shape
    bands = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{band}"><SimpleSource><SourceFilename>{foreign}</SourceFilename>'
        f'<SourceBand>{band}</SourceBand><SrcRect xOff="0" yOff="0" xSize="{columns}" ySize="{rows}"/>'
        f'<DstRect xOff="0" yOff="0" xSize="{columns // 2}" ySize="{rows // 2}"/></SimpleSource></VRTRasterBand>'
        for band in (1, 2, 3, 4)
    )
    mask = (
        f'<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>{foreign}</SourceFilename>'
        "<SourceBand>mask,1</SourceBand></SimpleSource></VRTRasterBand>"
    )
    head = f'<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}">'
    half = f'<VRTDataset rasterXSize="{columns // 2}" rasterYSize="{rows // 2}">'
    overview, hidden = (
        f"{half}{bands}</VRTDataset>".encode(),
        (f'{head}<Metadata><MDI key="INTERNAL_MASK_FLAGS_1">2</MDI></Metadata>{mask}</VRTDataset>').encode(),
    )
    named = (
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{foreign}</MDI></Metadata></PAMDataset>'
    ).encode()
    found: list[tuple[str, bytes | Path]] = [
        (f"a.tif{end}", overview) for end in (".ovr", ".OVR", ".Ovr", ".ovr.msk", ".msk.ovr")
    ]
    found += [(f"a.tif{end}", hidden) for end in (".msk", ".MSK", ".Msk")]
    found += [(name, named) for name in ("a.tif.aux.xml", "a.aux.xml", "a.tif.AUX.XML", "a.tif.ovr.aux.xml")]
    lure = foreign.with_name("lure.vrt")
    lure.write_bytes(overview)
    return [*found, ("a.tif.ovr", lure), ("a.tif.OVR", lure), ("a.tif.ovr", foreign)]
