"""Mutants of rasters and metadata, tried one after the other in a process of their own.

Run as a program: ``python -m tests.scenes.fuzzing KIND FOLDER SEED COUNT``. A crash or a hang of a library then ends
that process and not the tests. It prints one JSON object: how many mutants were accepted and refused, and every breach.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
import rasterio

from bocage.errors import BocageError
from bocage.grid import Grid
from bocage.scenes.dialects.registry import read_metadata
from bocage.scenes.metadata import ProductMetadata
from bocage.scenes.reader import open_scene
from bocage.scenes.recognition import Rules, recognise
from bocage.scenes.scene import Scene
from bocage.scenes.sensors import GENERIC, SENSORS
from tests.scenes.dialects.files import MemoryFiles

GRID = Grid("EPSG:3035", 2.0)
# No mutant of a small file may keep a program busy for longer.
LONGEST = 20.0


def mutants(content: bytes, random: Random, *, text: bool) -> Iterator[bytes]:
    """Yield damaged copies without end: cut, flipped, overwritten, doubled and, for text, with other values."""
    kinds: list[Callable[[bytes, Random], bytes]] = [_cut, _flip, _flip, _overwrite, _remove, _double]
    if text:
        kinds += [_digits, _digits, _digits, _word]
    while True:
        mutant = random.choice(kinds)(content, random)
        yield mutant if random.random() < 0.8 else random.choice(kinds)(mutant, random)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(max(1, len(content)))]


def _flip(content: bytes, random: Random) -> bytes:
    mutant = bytearray(content or b"x")
    for _ in range(random.choice((1, 1, 4, 32))):
        mutant[random.randrange(len(mutant))] ^= 1 << random.randrange(8)
    return bytes(mutant)


def _overwrite(content: bytes, random: Random) -> bytes:
    at = random.randrange(max(1, len(content)))
    return content[:at] + random.choice((b"\0" * 16, b"\xff" * 8, random.randbytes(12))) + content[at + 12 :]


def _remove(content: bytes, random: Random) -> bytes:
    at = random.randrange(max(1, len(content)))
    return content[:at] + content[at + random.choice((1, 10, 200)) :]


def _double(content: bytes, random: Random) -> bytes:
    at, length = random.randrange(max(1, len(content))), random.choice((5, 60, 600))
    return content[: at + length] + content[at:]


def _digits(content: bytes, random: Random) -> bytes:
    places = [index for index, byte in enumerate(content) if chr(byte).isdigit()]
    if not places:
        return content
    at = random.choice(places)
    value = random.choice((b"-1", b"0", b"999999999", b"1e400", b"NaN", b"inf", b"x", b"", b"-999", b"7"))
    return content[:at] + value + content[at + 1 :]


def _word(content: bytes, random: Random) -> bytes:
    words = (
        b"red",
        b"RED",
        b"B0",
        b"B3",
        b"BAND_R",
        b"../../x.tif",
        b"/etc/hostname",
        b"http://example.org/x.tif",
        b"&x;",
    )
    found = [index for index in range(len(content) - 4) if content[index : index + 1].isupper()]
    at = random.choice(found) if found else 0
    return content[:at] + random.choice(words) + content[at + random.choice((2, 4, 8)) :]


def breach(metadata: ProductMetadata) -> str:
    """Say what is impossible in accepted metadata; nothing for what is possible."""
    angles = {
        "sun elevation": (metadata.sun_elevation, -90, 90),
        "sun azimuth": (metadata.sun_azimuth, -180, 360),
        "off-nadir": (metadata.off_nadir, -90, 90),
        "view azimuth": (metadata.view_azimuth, -180, 360),
        "cloud cover": (metadata.cloud_cover, 0, 100),
    }
    faults = [
        f"{name} {value}"
        for name, (value, low, high) in angles.items()
        if value is not None and not (math.isfinite(value) and low <= value <= high)
    ]
    if metadata.acquired is not None and metadata.acquired < datetime(1999, 1, 1, tzinfo=UTC):
        faults.append(f"time {metadata.acquired}")
    if metadata.sensor not in SENSORS and metadata.sensor != GENERIC:
        faults.append(f"sensor {metadata.sensor}")
    names = [band.name for band in metadata.bands if band.name != "other"]
    if len(set(names)) != len(names):
        faults.append(f"bands {names}")
    for band in metadata.bands:
        faults += [
            f"coefficient {value} of {band.label}"
            for value in (band.gain, band.solar_irradiance)
            if value is not None and not (math.isfinite(value) and value > 0)
        ]
        if band.offset is not None and not math.isfinite(band.offset):
            faults.append(f"offset {band.offset} of {band.label}")
    faults += [
        f"file {part}"
        for part in (*(part.name for part in metadata.parts), *metadata.cloud_masks)
        if part.startswith("/") or ".." in part.split("/") or "://" in part
    ]
    return ", ".join(faults)


def fuzz_metadata(folder: Path, random: Random, count: int) -> dict[str, object]:
    """Try ``count`` mutants of the metadata files in a folder."""
    seeds = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 60_000)
    accepted = refused = 0
    breaches: list[str] = []
    streams = {path: mutants(path.read_bytes(), random, text=True) for path in seeds}
    for number in range(count):
        path = seeds[number % len(seeds)]
        siblings = {other.name: other.read_bytes() for other in path.parent.iterdir() if other in streams}
        mutant = next(streams[path])
        start = time.monotonic()
        try:
            found = read_metadata(path.name, MemoryFiles(siblings | {path.name: mutant}))
        except BocageError as error:
            refused += 1
            if not error.problem or not error.mend:
                breaches.append(f"{path.name} {number}: an error without words: {error!r}")
        except Exception as error:  # noqa: BLE001 - that no other error comes through is what is tested
            breaches.append(f"{path.name} {number}: {type(error).__name__}: {error}")
        else:
            accepted += 1
            fault = breach(found) if found is not None else ""
            if fault:
                breaches.append(f"{path.name} {number}: accepted with {fault}")
        if time.monotonic() - start > LONGEST:
            breaches.append(f"{path.name} {number}: took too long")
    return {"accepted": accepted, "refused": refused, "breaches": breaches}


def fuzz_rasters(folder: Path, random: Random, count: int) -> dict[str, object]:
    """Try ``count`` mutants of the rasters in a folder."""
    seeds = sorted(path for path in folder.iterdir() if path.suffix in {".tif", ".jp2"})
    accepted = refused = 0
    breaches: list[str] = []
    originals = {path: recognise(path, GRID, bands=("red", "green", "blue", "nir")) for path in seeds}
    contents = {path: path.read_bytes() for path in seeds}
    streams = {path: mutants(contents[path], random, text=False) for path in seeds}
    tried = folder / "tried"
    tried.mkdir(exist_ok=True)
    for number in range(count):
        path = seeds[number % len(seeds)]
        mutant = next(streams[path])
        target = tried / f"{number}{path.suffix}"
        target.write_bytes(mutant)
        start = time.monotonic()
        try:
            scene = recognise(target, GRID, bands=("red", "green", "blue", "nir"), rules=Rules(decode=True))
            with open_scene(scene, GRID) as reader:
                reader.read(reader.window)
        except BocageError as error:
            refused += 1
            if target.name not in error.problem or not error.mend:
                breaches.append(f"{path.name} {number}: an error without words: {error!r}")
        except Exception as error:  # noqa: BLE001 - that no other error comes through is what is tested
            breaches.append(f"{path.name} {number}: {type(error).__name__}: {error}")
        else:
            accepted += 1
            fault = _false_acceptance(scene, target, mutant, contents[path], originals[path])
            if fault:
                breaches.append(f"{path.name} {number}: accepted with {fault}")
        if time.monotonic() - start > LONGEST:
            breaches.append(f"{path.name} {number}: took too long")
        target.unlink()
    return {"accepted": accepted, "refused": refused, "breaches": breaches}


def _false_acceptance(scene: Scene, target: Path, mutant: bytes, content: bytes, original: Scene) -> str | None:
    """Say what is wrong with an accepted mutant: what is lost, or not what the file itself now says."""
    if content.startswith(mutant) and len(mutant) < len(content):
        # What was cut off may have been padding only: then not one pixel differs.
        with rasterio.open(target) as file, rasterio.MemoryFile(content) as memory, memory.open() as whole:
            if not np.array_equal(file.read(), whole.read()):
                return f"only {len(mutant)} of {len(content)} bytes"
    with rasterio.open(target) as file:
        if (file.height, file.width) != scene.shape or file.transform != scene.transform:
            return "another grid than the file's"
    if (
        not math.isfinite(scene.gsd)
        or scene.footprint.is_empty
        or not all(math.isfinite(v) for v in scene.footprint.bounds)
    ):
        return "no place"
    if any(not low < high for low, high in scene.stretch):
        return f"stretch {scene.stretch}"
    return None if len(scene.bands) == len(original.bands) else "other bands"


if __name__ == "__main__":
    kind, where, seed, many = sys.argv[1:]
    fuzz = {"metadata": fuzz_metadata, "rasters": fuzz_rasters}[kind]
    print(json.dumps(fuzz(Path(where), Random(int(seed)), int(many))))  # noqa: T201
