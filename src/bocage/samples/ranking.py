"""Which cells an analyst should correct first: those where a trained model says most of the label is wrong.

The rule of the test: its cells are never ranked. If labels of the test were mended where this model disagrees with
them, they would come nearer to the model and its score would flatter it. Cells of the validation choose between
models for the same reason, so they are ranked only where that is asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import geopandas
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from bocage.errors import SampleError
from bocage.files import whole_file
from bocage.grid import Grid, Window
from bocage.progress import bar
from bocage.project import Project
from bocage.rasters import read_window
from bocage.reference.corrections import Corrections, read_corrections
from bocage.samples.disagreement import Disagreement, compare
from bocage.samples.samples import Samples, chip_paths

TABLE, LAYER = "samples_rank.parquet", "samples_rank.gpkg"
COLUMNS = (
    "rank", "cell_id", "part", "split", "stratum", "scenes", "gain_share", "gain_m2", "missing_m2", "false_m2",
    "places", "largest_m2", "x", "y", "difference", "decided_share", "seen_share", "geometry",
)  # fmt: skip
# Opening a cell costs an analyst about as much as looking over this share of a whole one.
_OPENING = 0.1
# Pixels that go through the model at once, as many as four chips of the map: memory depends on them.
_PIXELS = 4 * 512 * 512
# Chips that wait for the model, read by other threads.
_AHEAD = 4


class Model(Protocol):
    """What ranking asks of a trained model; every segmenter has it."""

    @property
    def multiple(self) -> int:
        """Edges of the images must be multiples of this."""

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return probabilities 0..1, (n, rows, columns), of images (n, 4, rows, columns)."""


@dataclass(frozen=True)
class Ranking:
    """The cells, or parts of them, in the order in which correcting them is worth most.

    Attributes
    ----------
    table
        One row per cell or part, with the columns ``COLUMNS`` in the grid's CRS. ``gain_m2`` is the area of label that
        is likely to be wrong (:mod:`bocage.samples.disagreement`), the mean over the scenes that show the cell.
        ``gain_share`` gives the order: it sets that area against the effort, the decided ground to look over and a
        tenth of a whole cell for opening it. Ground in doubt counts for no effort: looking at it decides it, which is
        worth as much. ``missing_m2`` and ``false_m2`` are the areas where only the model or only
        the label says tree; ``x`` and ``y`` lie in the largest place of disagreement, NaN where there is none;
        ``seen_share`` is the part of the cell that the scene shows.
    """

    table: geopandas.GeoDataFrame

    def write(self, project: Project, count: int | None = None) -> tuple[Path, Path]:
        """Write ``samples_rank.parquet`` with all rows and ``samples_rank.gpkg`` with the first ``count``.

        Raises
        ------
        StorageError
            If the disk is full or the folder cannot be written.
        """
        table, layer = project.folder / TABLE, project.folder / LAYER
        with whole_file(table) as temporary:
            self.table.to_parquet(temporary, index=False)
        with whole_file(layer) as temporary:
            self.table.head(len(self.table) if count is None else count).to_file(
                temporary, driver="GPKG", layer="cells", engine="pyogrio"
            )
        return table, layer

    def figures(self, count: int) -> dict[str, Any]:
        """Return how many were ranked, what is to be gained, and how much of it in the first ``count``."""
        gains = self.table["gain_m2"].to_numpy(float)
        return {
            "ranked": len(self.table),
            "gain_m2": round(float(gains.sum()), 1),
            "first": min(count, len(self.table)),
            "gain_in_first": round(float(gains[:count].sum() / gains.sum()), 4) if gains.sum() else 0.0,
        }


@dataclass(frozen=True, slots=True)
class _Look:
    """What one scene says about a cell or a part of it."""

    disagreement: Disagreement
    window: Window
    row: int
    seen: int


@dataclass(frozen=True, slots=True)
class _Ground:
    """One sample as it is compared."""

    row: int
    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    corrected: NDArray[np.bool_]


def rank_samples(project: Project, model: Model, *, parts: int = 1, validation: bool = False) -> Ranking:
    """Order the cells by how much of their label is likely to be wrong, as the model sees it.

    Samples without chips are left out, as are the cells of the test (see above). What a person has corrected already
    counts for nothing.

    Parameters
    ----------
    parts
        Divide each cell into ``parts`` x ``parts`` pieces and order those; one that no scene shows is left out.
    validation
        Rank the cells of the validation as well.

    Raises
    ------
    ProjectError
        If no samples were drawn.
    SampleError
        If no sample has chips, or a chip cannot be read.
    LayerError
        If the corrections cannot be used.
    """
    cut = Samples.read(project).cut(project)
    wanted = cut.table["split"].isin(("train", "validation") if validation else ("train",)).to_numpy()
    samples = Samples(cut.table[wanted].reset_index(drop=True))
    if not len(samples):
        raise SampleError(f"no sample to train with has chips in {project.chips_folder}", "run: bocage samples cut")
    corrections = _corrections(project)
    found: dict[tuple[str, str], list[_Look]] = {}
    windows = samples.windows()
    names = samples.table["cell_id"].tolist()
    with bar("samples ranked", len(samples)) as advance:
        for ground, probability in _predictions(_read_ahead(project, samples, corrections), model):
            for part, window in _parts(windows[ground.row], parts):
                inside = window.slices(windows[ground.row])
                seen = int(np.count_nonzero(ground.image[:, *inside].any(axis=0)))
                if seen:
                    one = compare(
                        ground.label[inside], ground.confidence[inside], probability[inside], ground.corrected[inside]
                    )
                    found.setdefault((names[ground.row], part), []).append(_Look(one, window, ground.row, seen))
            advance(1)
    rows = [_row(project.grid, samples, key, looks) for key, looks in sorted(found.items())]
    table = geopandas.GeoDataFrame(rows, geometry="geometry", crs=project.grid.crs)
    # Equal gains keep the order of their names, so the ranking is the same on every machine.
    table = table.sort_values(["gain_share", "gain_m2"], ascending=False, kind="stable", ignore_index=True)
    return Ranking(table.assign(rank=np.arange(1, len(table) + 1))[list(COLUMNS)])


def _row(grid: Grid, samples: Samples, key: tuple[str, str], looks: Sequence[_Look]) -> dict[str, Any]:
    """Return a row of the table: the mean over the scenes that show the ground, and the largest place of any."""
    pixel = grid.resolution**2
    window, row = looks[0].window, looks[0].row
    whole = window.width * window.height
    ones = [look.disagreement for look in looks]
    largest = max(ones, key=lambda one: one.largest)
    x = y = float("nan")
    if largest.centre is not None:
        x = (window.column + largest.centre[1] + 0.5) * grid.resolution
        y = -(window.row + largest.centre[0] + 0.5) * grid.resolution
    gain, decided = (float(np.mean([getattr(one, name) for one in ones])) for name in ("gain", "decided"))
    seen = float(np.mean([look.seen for look in looks]))

    def mean(name: str, scale: float) -> float:
        return round(float(np.mean([getattr(one, name) for one in ones])) * scale, 6)

    return {
        "cell_id": key[0],
        "part": key[1],
        "split": samples.table["split"][row],
        "stratum": samples.table["stratum"][row],
        "scenes": len(looks),
        "gain_share": round(gain / (decided + _OPENING * whole), 6),
        "gain_m2": round(gain * pixel, 3),
        "missing_m2": mean("missing", pixel),
        "false_m2": mean("false", pixel),
        "places": round(mean("places", 1)),
        "largest_m2": largest.largest * pixel,
        "x": x,
        "y": y,
        "difference": mean("difference", 1),
        "decided_share": round(decided / whole, 6),
        "seen_share": round(seen / whole, 6),
        "geometry": grid.bounds(window).polygon(),
    }


def _parts(window: Window, parts: int) -> Iterator[tuple[str, Window]]:
    """Yield the pieces of a window and their names, from north to south: "2.1" is the second row, first column."""
    if parts == 1:
        yield "", window
        return
    columns = [window.column + window.width * step // parts for step in range(parts + 1)]
    rows = [window.row + window.height * step // parts for step in range(parts + 1)]
    for down in range(parts):
        for along in range(parts):
            width, height = columns[along + 1] - columns[along], rows[down + 1] - rows[down]
            if width and height:
                yield f"{down + 1}.{along + 1}", Window(columns[along], rows[down], width, height)


def _predictions(grounds: Iterator[_Ground], model: Model) -> Iterator[tuple[_Ground, NDArray[np.float32]]]:
    """Yield every sample with its probabilities; samples of one size go through the model together."""
    batch: list[_Ground] = []
    for ground in grounds:
        pixels = ground.label.size
        if batch and (batch[0].label.shape != ground.label.shape or (len(batch) + 1) * pixels > _PIXELS):
            yield from _predict(batch, model)
            batch = []
        batch.append(ground)
    if batch:
        yield from _predict(batch, model)


def _predict(batch: Sequence[_Ground], model: Model) -> Iterator[tuple[_Ground, NDArray[np.float32]]]:
    rows, columns = batch[0].label.shape
    images = np.stack([ground.image for ground in batch])
    images = np.pad(images, ((0, 0), (0, 0), (0, -rows % model.multiple), (0, -columns % model.multiple)))
    probabilities = model.predict(images, images.any(axis=1))[:, :rows, :columns]
    yield from zip(batch, probabilities, strict=True)


def _read_ahead(project: Project, samples: Samples, corrections: Corrections | None) -> Iterator[_Ground]:
    """Yield the samples in their order while other threads read the next ones."""
    names, windows = samples.table["sample_id"].tolist(), samples.windows()
    waiting: deque[Future[_Ground]] = deque()
    with ThreadPoolExecutor(2) as pool:
        try:
            for row, (name, window) in enumerate(zip(names, windows, strict=True)):
                waiting.append(pool.submit(_read, project, row, name, window, corrections))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _read(project: Project, row: int, name: str, window: Window, corrections: Corrections | None) -> _Ground:
    image, label = (_pixels(path) for path in chip_paths(project, name))
    if image.shape[1:] != window.shape or label.shape[1:] != window.shape:
        raise SampleError(f"the chips of {name} do not have the size of its cell", "run: bocage samples cut")
    corrected = np.zeros(window.shape, np.bool_)
    if corrections is not None:
        corrected = corrections.owners(project.grid, window) > 0
    return _Ground(row, image, label[0], _confidence(project, window), corrected)


def _pixels(path: Path) -> NDArray[np.uint8]:
    try:
        with rasterio.open(path) as file:
            pixels: NDArray[np.uint8] = file.read()
            return pixels
    except RasterioError as error:
        raise SampleError(f"{path} cannot be read: {error}", "remove it and run: bocage samples cut") from error


def _confidence(project: Project, window: Window) -> NDArray[np.uint8]:
    """Return the confidence of the labels of a window: 0 to 100, 255 where nothing is known."""
    confidence = np.full(window.shape, 255, np.uint8)
    for tile in project.tiling.tiles(window):
        path = project.labels_folder / f"{tile.id}.tif"
        shared = tile.window.intersection(window)
        if shared is not None and path.is_file():
            confidence[shared.slices(window)] = read_window(path, project.grid, shared, band=2, fill=255)
    return confidence


def _corrections(project: Project) -> Corrections | None:
    pattern = project.settings.reference.corrections
    files = [] if pattern is None else project.paths(pattern)
    return read_corrections(files[0], project.grid) if files else None
