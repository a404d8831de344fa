"""Mutants of deliveries, tried one after the other in a process of their own.

Run as a program: ``python -m tests.scenes.fuzzing KIND FOLDER SEED COUNT``. A crash or a hang of a library then ends
that process and not the tests. It prints one JSON object: how many mutants were accepted and refused, how many accepted
ones hold other values than the file before it was damaged (by file), and every breach.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from shapely.geometry import box

from bocage.errors import BocageError
from bocage.scenes.clouds import read_clouds
from bocage.scenes.deliveries.grouping import group
from bocage.scenes.dialects.registry import SUFFIXES, read_metadata
from bocage.scenes.metadata import ProductMetadata
from bocage.scenes.sensors import GENERIC, SENSORS
from tests.scenes.dialects.files import MemoryFiles
from tests.scenes.fuzzing_rasters import companion_trials, flip_trials, raster_trials
from tests.scenes.mutants import mutants
from tests.scenes.trials import Trial

# No mutant of a small file may keep a program busy for longer.
LONGEST = 20.0
# A place where no cloud of the tests is: the polygon of a file that no mask may lead to.
ELSEWHERE = box(9_000_000, 9_000_000, 9_000_100, 9_000_100)


@dataclass
class Tally:
    """What came of the mutants."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    altered: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)

    def run(self, trials: Callable[[int], Trial], count: int) -> None:
        """Make ``count`` trials and hold every outcome against what is allowed."""
        for number in range(count):
            trial = trials(number)
            subject = f"{trial.name} {number}"
            self.tried[trial.name] += 1
            start = time.monotonic()
            try:
                verdict = trial.attempt()
            except BocageError as error:
                self.refused[trial.name] += 1
                if not error.mend or trial.word not in error.problem:
                    self.breaches.append(f"{subject}: an error without words: {error!r}")
            except Exception as error:  # noqa: BLE001 - that no other error comes through is what is tested
                self.breaches.append(f"{subject}: {type(error).__name__}: {error}")
            else:
                self.accepted += 1
                self.altered[trial.name] += verdict.altered
                if verdict.fault:
                    self.breaches.append(f"{subject}: accepted with {verdict.fault}")
            if time.monotonic() - start > LONGEST:
                self.breaches.append(f"{subject}: took too long")
            trial.clean()

    def report(self) -> dict[str, object]:
        return {
            "accepted": self.accepted,
            "refused": self.refused.total(),
            "refused_by_file": dict(self.refused),
            "altered": dict(self.altered),
            "tried": dict(self.tried),
            "breaches": self.breaches,
        }


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


def metadata_trials(folder: Path, random: Random) -> Callable[[int], Trial]:
    """One file damaged, and then what lies in its folder read and put together as a delivery is.

    The companions of a metadata file (the index of tiles, the report beside it) are thereby damaged in their turn.
    """
    seeds = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES)
    assert seeds
    contents = {path: path.read_bytes() for path in seeds}
    streams = {path: mutants(contents[path], random, text=True) for path in seeds}
    # What a raster holds is not looked at here, so that its name will do.
    beside = {
        path: {
            other.name: contents.get(other, b"II*\0")
            for other in path.parent.iterdir()
            if other in contents or other.suffix.lower() in {".tif", ".tiff", ".jp2"}
        }
        for path in seeds
    }

    def trial(number: int) -> Trial:
        path = seeds[number % len(seeds)]
        files = MemoryFiles(beside[path] | {path.name: next(streams[path])})

        def attempt() -> str:
            found = read_metadata(path.name, files)
            faults = [breach(found)] if found is not None else []
            grouped = group(files, files.names, read_metadata)
            faults += [breach(made.metadata) for made in grouped.deliveries if made.metadata is not None]
            # Not refusals of this trial: without words they are breaches nevertheless.
            faults += ["a problem without words" for problem in grouped.problems if not problem.error.problem]
            return ", ".join(fault for fault in faults if fault)

        return Trial(path.name, attempt)

    return trial


def mask_trials(folder: Path, random: Random) -> Callable[[int], Trial]:
    """Cloud masks in all their formats, damaged, or replaced by text that leads to another file."""
    seeds = sorted(path for path in folder.iterdir() if path.suffix in {".gml", ".geojson", ".gpkg"})
    contents = {path: path.read_bytes() for path in seeds}
    streams = {path: mutants(contents[path], random, text=path.suffix != ".gpkg") for path in seeds}
    other = folder / "elsewhere" / "other.geojson"
    foreign = (
        f'<OGRVRTDataSource><OGRVRTLayer name="other"><SrcDataSource>{other}</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>".encode()
    )
    whole = {path: read_clouds(MemoryFiles({path.name: contents[path]}), [path.name], "EPSG:3035") for path in seeds}

    def trial(number: int) -> Trial:
        path = seeds[number % len(seeds)]
        mutant = foreign if number % 20 < len(seeds) else next(streams[path])

        def attempt() -> str:
            outline = read_clouds(MemoryFiles({path.name: mutant}), [path.name], "EPSG:3035")
            if contents[path].startswith(mutant) and outline != whole[path]:
                return f"only {len(mutant)} of {len(contents[path])} bytes"
            if outline is None or outline.is_empty:
                return ""
            if not (outline.is_valid and all(math.isfinite(value) for value in outline.bounds)):
                return f"the outline {outline.wkt[:80]}"
            return "the polygon of another file" if outline.intersects(ELSEWHERE) else ""

        return Trial(path.name, attempt)

    return trial


if __name__ == "__main__":
    kind, where, seed, many = sys.argv[1:]
    kinds = {
        "metadata": metadata_trials,
        "masks": mask_trials,
        "rasters": raster_trials,
        "flips": flip_trials,
        "companions": companion_trials,
    }
    tally = Tally()
    tally.run(kinds[kind](Path(where), Random(int(seed))), int(many))
    print(json.dumps(tally.report()))  # noqa: T201
