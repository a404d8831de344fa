"""The samples stage: draw cells from the frame, stratum by stratum, and say which of them train, validate and test."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.lib
from numpy.typing import NDArray

from bocage.errors import ProjectError, SampleError
from bocage.files import whole_file
from bocage.grid import Window
from bocage.outcome import Outcome
from bocage.project import Project
from bocage.samples.balance import imbalance, simple_random
from bocage.samples.design import Drawn, draw_by_blocks, draw_by_scenes
from bocage.samples.deviations import pilot_deviations, read_deviations
from bocage.samples.frame import Frame, build_frame, cell_tiling
from bocage.samples.spacing import gaps
from bocage.samples.split import SPLITS, Split, split_scenes
from bocage.samples.strata import OUTSIDE, Strata, stratify
from bocage.samples.zones import stratum_layers
from bocage.scenes.catalogue import Catalogue
from bocage.settings import SamplesSettings

_log = logging.getLogger("bocage")
COLUMNS = (
    "sample_id",
    "cell_id",
    "scene_id",
    "sensor",
    "zone",
    "urban",
    "stratum",
    "split",
    "probability",
    "weight",
    "column",
    "row",
    "width",
    "height",
    "valid_share",
    "geometry",
)


@dataclass(frozen=True)
class Samples:
    """The drawn cells as a table, one row per cell and scene, with the columns ``COLUMNS`` in the grid's CRS.

    ``probability`` is the chance with which the pair of cell and scene was drawn, for the sample as a whole;
    ``weight`` is its inverse, the number of pairs in the frame that the sample stands for.
    """

    table: geopandas.GeoDataFrame

    @classmethod
    def read(cls, project: Project) -> Samples:
        """Read ``samples.parquet``.

        Raises
        ------
        ProjectError
            If no samples were drawn.
        SampleError
            If the file is damaged or lacks a column.
        """
        path = project.samples_file
        if not path.is_file():
            raise ProjectError(f"{project.folder} holds no samples", "run: bocage samples draw")
        try:
            table = geopandas.read_parquet(path)
        except (pyarrow.lib.ArrowException, ValueError, OSError) as error:
            raise SampleError(f"{path} cannot be read: {error}", "run: bocage samples draw") from error
        missing = [name for name in COLUMNS if name not in table.columns]
        if missing:
            raise SampleError(f"{path} lacks the columns {', '.join(missing)}", "run: bocage samples draw")
        return cls(table)

    def write(self, path: Path) -> None:
        """Write the table as GeoParquet, whole or not at all."""
        with whole_file(path) as temporary:
            self.table[list(COLUMNS)].to_parquet(temporary, index=False)

    def of(self, split: Split) -> Samples:
        """Return the samples of one split."""
        return Samples(self.table[self.table["split"] == split].reset_index(drop=True))

    def cut(self, project: Project) -> Samples:
        """Return the samples whose chips are in place."""
        there = [
            all(path.is_file() for path in chip_paths(project, sample_id)) for sample_id in self.table["sample_id"]
        ]
        return Samples(self.table[np.array(there, np.bool_)].reset_index(drop=True))

    def windows(self) -> list[Window]:
        """Return the lattice window of each sample."""
        columns = (self.table[name] for name in ("column", "row", "width", "height"))
        return [Window(*map(int, numbers)) for numbers in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return len(self.table)


def chip_paths(project: Project, sample_id: str) -> tuple[Path, Path]:
    """Return where the image and the label of a sample lie."""
    folder = project.chips_folder
    return folder / "images" / f"{sample_id}.tif", folder / "labels" / f"{sample_id}.tif"


def draw_samples(project: Project, count: int | None = None) -> Outcome:
    """Draw stratified, spatially balanced samples and split them: ``samples.parquet``, the "samples" stage.

    The same settings, scenes and layers give the same samples, whatever the machine and the order of the catalogue. No
    stratum is empty: a stratum is what has a cell. One with fewer cells than the minimum gives all of them, and the
    figures count such strata.

    Parameters
    ----------
    count
        How many to draw, in place of ``samples.count``. Where the frame holds fewer, or a distance leaves no room for
        more, fewer are drawn and a warning says why.

    Raises
    ------
    ProjectError
        If no scenes are catalogued, or the allocation needs labels and there are none.
    LayerError
        If a layer of zones or towns cannot be used.
    SampleError
        If the frame is empty, such a layer says nothing about it, there are more strata than samples, a split cannot be
        filled, or a named scene does not exist.
    """
    given = project.settings.samples
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    cells = cell_tiling(project.grid, given.cell_size)
    frame = build_frame(scenes, cells, minimum_valid=given.minimum_valid, bounds=project.bounds)
    strata = stratify(
        frame,
        zones=stratum_layers(project, "environmental_zones", given.zones, given.cell_size),
        urban=stratum_layers(project, "urban", given.urban, given.cell_size),
    )
    rng = np.random.default_rng(given.seed)
    deviations = None
    if given.allocation == "neyman":
        table = _one_path(project, given.deviations)
        deviations = pilot_deviations(project, frame, strata, rng) if table is None else read_deviations(table)
    wanted = count or given.count
    drawn = draw_frame(frame, strata, given, wanted, rng, deviations)
    samples = Samples(table_of(frame, strata, drawn))
    samples.write(project.samples_file)
    if len(samples) < wanted:
        # To take all that there is may be what was meant.
        level = logging.INFO if len(samples) == len(frame) else logging.WARNING
        _log.log(level, "%s", _shortfall(frame, given, len(samples), wanted))
    return Outcome((project.samples_file,), {"wanted": wanted, **figures_of(frame, strata, drawn, given)})


def _shortfall(frame: Frame, given: SamplesSettings, found: int, wanted: int) -> str:
    """Return why fewer samples were drawn than were wanted."""
    reasons = []
    if len(frame) < wanted:
        reasons.append(f"the scenes show {len(frame)} pairs of cell and scene in all")
    if found < len(frame):
        if given.minimum_distance:
            reasons.append(f"no further cell keeps samples.minimum_distance = {given.minimum_distance:g} m")
        if given.buffer != 0 or given.split == "scenes":
            reasons.append("ground beside the test, or of another split, is left out")
    return (
        f"{found} of {wanted} samples were drawn: {'; '.join(reasons) or 'the rest of the ground is of another split'}"
    )


def draw_frame(
    frame: Frame,
    strata: Strata,
    given: SamplesSettings,
    count: int,
    rng: np.random.Generator,
    deviations: Mapping[str, float] | None = None,
) -> Drawn:
    """Draw and split a frame as the settings say.

    Raises
    ------
    SampleError
        If a split or a stratum stays empty, or a named scene does not exist.
    """
    if given.split == "scenes":
        by_scene = split_scenes(frame.scene_ids, given.test_scenes, given.validation_scenes)
        drawn = draw_by_scenes(frame, strata, by_scene, given, count, rng, deviations)
    else:
        drawn = draw_by_blocks(frame, strata, given, count, rng, deviations)
    numbers = np.bincount(drawn.split, minlength=len(SPLITS))
    for split, number in zip(SPLITS, numbers, strict=True):
        if not number:
            raise SampleError(
                f"no sample was drawn for the {split} split ({len(drawn.pairs)} in all)",
                "raise samples.count, set a smaller samples.minimum_distance, samples.buffer or samples.block_size, or "
                "name other scenes",
            )
    return drawn


def table_of(frame: Frame, strata: Strata, drawn: Drawn) -> geopandas.GeoDataFrame:
    """Return the drawn pairs as a table with the columns ``COLUMNS``, ordered by scene and cell."""
    pairs = drawn.pairs
    table = frame.table(pairs).assign(
        zone=[strata.zones[index] for index in strata.zone[pairs]],
        urban=strata.urban[pairs],
        stratum=[strata.names[index] for index in strata.stratum[pairs]],
        split=[SPLITS[index] for index in drawn.split],
        probability=drawn.probability,
        weight=1 / drawn.probability,
    )
    names = [f"{cell}_{scene}" for cell, scene in zip(table["cell_id"], table["scene_id"], strict=True)]
    return table.assign(sample_id=names).sort_values(["scene_id", "cell_id"], ignore_index=True)[list(COLUMNS)]


def figures_of(frame: Frame, strata: Strata, drawn: Drawn, given: SamplesSettings) -> dict[str, Any]:
    """Return the figures of a draw: counts, distances in metres, and the spread beside a random draw without place.

    ``imbalance`` is the measure of Stevens and Olsen (:mod:`bocage.samples.balance`): smaller is better.
    """
    pairs, size = drawn.pairs, frame.cells.size
    tests = drawn.split == SPLITS.index("test")
    numbers = np.bincount(drawn.split, minlength=len(SPLITS)).tolist()
    outside = [index for index, zone in enumerate(strata.zones) if zone == OUTSIDE]
    return {
        "samples": len(pairs),
        "frame": len(frame),
        "cells": len(np.unique(frame.ground[pairs])),
        "frame_cells": int(frame.ground.max()) + 1,
        "frame_outside_zones": int(np.isin(strata.zone, outside).sum()),
        "scenes": len(np.unique(frame.scene[pairs])),
        "per_split": dict(zip(SPLITS, numbers, strict=True)),
        "per_stratum": _per_stratum(strata, pairs),
        "per_stratum_and_split": {
            split: _per_stratum(strata, pairs[drawn.split == code]) for code, split in enumerate(SPLITS)
        },
        "frame_per_stratum": strata.sizes,
        "strata_below_minimum": sum(
            number < given.minimum_per_stratum for number in _per_stratum(strata, pairs).values()
        ),
        "nearest_to_test": round(
            float(gaps(frame.places[pairs[~tests]], frame.places[pairs[tests]]).min(initial=np.inf)) * size, 3
        ),
        "imbalance": {
            "all": _imbalance(frame, strata, pairs, given.seed),
            "test": _imbalance(frame, strata, pairs[tests], given.seed),
        },
    }


def _imbalance(frame: Frame, strata: Strata, pairs: NDArray[np.intp], seed: int) -> dict[str, float]:
    is_drawn = np.zeros(len(frame), np.bool_)
    is_drawn[pairs] = True
    # A generator of its own: reporting must not change what is drawn.
    rival = simple_random(strata.stratum, is_drawn, np.random.default_rng(seed))
    return {
        "drawn": round(imbalance(frame, strata.stratum, is_drawn), 4),
        "simple_random": round(imbalance(frame, strata.stratum, rival), 4),
    }


def _per_stratum(strata: Strata, pairs: NDArray[np.intp]) -> dict[str, int]:
    numbers = np.bincount(strata.stratum[pairs], minlength=len(strata.names)).tolist()
    return {name: number for name, number in zip(strata.names, numbers, strict=True) if number}


def _one_path(project: Project, pattern: str | None) -> Path | None:
    if pattern is None:
        return None
    paths: Sequence[Path] = project.paths(pattern)
    if len(paths) != 1:
        raise SampleError(
            f"{pattern!r} names {len(paths)} files, one is needed",
            "mend samples.deviations in bocage.toml",
        )
    return paths[0]
