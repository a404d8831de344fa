"""The samples stage: draw cells from the frame, stratum by stratum, and say which of them train, validate and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow.lib
from numpy.typing import NDArray

from bocage.errors import ProjectError, SampleError
from bocage.files import whole_file
from bocage.grid import Tiling, Window
from bocage.outcome import Outcome
from bocage.project import Project
from bocage.samples.allocation import allocate
from bocage.samples.drawing import draw, equal
from bocage.samples.frame import block_of, build_frame, cell_tiling
from bocage.samples.split import SPLITS, Split, keep_apart, split_blocks, split_scenes
from bocage.samples.strata import add_strata
from bocage.scenes.catalogue import Catalogue
from bocage.settings import SamplesSettings

COLUMNS = (
    "sample_id",
    "cell_id",
    "scene_id",
    "sensor",
    "zone",
    "urban",
    "stratum",
    "split",
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

    ``weight`` is the number of pairs of cell and scene in the frame that a sample stands for.
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

    Parameters
    ----------
    count
        How many to draw, in place of ``samples.count``; the frame may hold fewer.

    Raises
    ------
    ProjectError
        If no scenes are catalogued.
    SampleError
        If the frame is empty, a split cannot be filled, or a named scene does not exist.
    """
    given = project.settings.samples
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    cells = cell_tiling(project.grid, given.cell_size)
    frame = build_frame(scenes, cells, minimum_valid=given.minimum_valid, bounds=project.bounds)
    frame = add_strata(
        frame, project.grid, zones=_one_path(project, given.zones), urban=_one_path(project, given.urban)
    )
    samples = Samples(_split_and_draw(frame, cells, given, count or given.count))
    samples.write(project.samples_file)
    return Outcome((project.samples_file,), _figures(samples, frame))


def _split_and_draw(
    frame: geopandas.GeoDataFrame, cells: Tiling, given: SamplesSettings, count: int
) -> geopandas.GeoDataFrame:
    """Draw and split a frame; the same settings and seed give the same samples, whatever the order of the frame."""
    rng = np.random.default_rng(given.seed)
    frame = frame.sort_values(["scene_id", "cell_id"], ignore_index=True)
    if given.split == "scenes":
        by_scene = split_scenes(set(frame["scene_id"]), given.test_scenes, given.validation_scenes)
        splits = [by_scene[scene] for scene in frame["scene_id"]]
        frame = frame.assign(split=splits)[keep_apart(list(frame["cell_id"]), splits)].reset_index(drop=True)
        # Drawing within each split keeps a small test scene from being missed by chance.
        drawn = _draw(frame, frame["stratum"] + "/" + frame["split"], given, count, rng)
    else:
        drawn = _draw(frame, frame["stratum"], given, count, rng)
        blocks = [
            block_of(cells, given.block_size, column, row)
            for column, row in zip(drawn["column"], drawn["row"], strict=True)
        ]
        by_block = split_blocks(Counter(blocks), given.test_share, given.validation_share, rng)
        drawn = drawn.assign(split=[by_block[block] for block in blocks])
    _check_splits(drawn)
    names = [f"{cell}_{scene}" for cell, scene in zip(drawn["cell_id"], drawn["scene_id"], strict=True)]
    return drawn.assign(sample_id=names)[list(COLUMNS)]


def _draw(
    frame: geopandas.GeoDataFrame, strata: pd.Series, given: SamplesSettings, count: int, rng: np.random.Generator
) -> geopandas.GeoDataFrame:
    sizes = dict(sorted(Counter(strata).items()))
    shares = allocate(sizes, count, given.minimum_per_stratum)
    points: NDArray[np.float64] = frame[["column", "row"]].to_numpy(np.float64)
    chosen: list[NDArray[np.intp]] = []
    weight = np.zeros(len(frame))
    for name, size in sizes.items():
        if shares[name] == 0:
            continue
        members = np.flatnonzero(strata.to_numpy() == name)
        weight[members] = size / shares[name]
        chosen.append(members[draw(points[members], equal(size, shares[name]), rng)])
    places = np.sort(np.concatenate(chosen))
    return frame.assign(weight=weight).iloc[places].reset_index(drop=True)


def _check_splits(drawn: geopandas.GeoDataFrame) -> None:
    found = set(drawn["split"])
    for split in SPLITS:
        if split not in found:
            raise SampleError(
                f"no sample was drawn for the {split} split ({len(drawn)} samples in all)",
                "raise samples.count or samples.minimum_per_stratum, or name other scenes",
            )


def _one_path(project: Project, pattern: str | None) -> Path | None:
    if pattern is None:
        return None
    paths: Sequence[Path] = project.paths(pattern)
    if len(paths) != 1:
        raise SampleError(
            f"{pattern!r} names {len(paths)} files, one is needed", "mend samples.zones or samples.urban in bocage.toml"
        )
    return paths[0]


def _figures(samples: Samples, frame: geopandas.GeoDataFrame) -> dict[str, Any]:
    table = samples.table
    return {
        "samples": len(table),
        "frame": len(frame),
        "cells": int(table["cell_id"].nunique()),
        "scenes": int(table["scene_id"].nunique()),
        "per_split": {split: int((table["split"] == split).sum()) for split in SPLITS},
        "per_stratum": {str(name): int(number) for name, number in sorted(Counter(table["stratum"]).items())},
        "frame_per_stratum": {str(name): int(number) for name, number in sorted(Counter(frame["stratum"]).items())},
    }
