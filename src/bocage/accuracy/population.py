"""What is assessed: the test cells, which training never saw, or all that is mapped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bocage.accuracy.sampling import ReadProbability
from bocage.errors import AccuracyError
from bocage.files import digest_json
from bocage.grid import Window
from bocage.mapping import mosaic_tiles, read_probability
from bocage.mapping.receipt import cog_name, receipt_name
from bocage.project import Project
from bocage.storage import read_all

if TYPE_CHECKING:
    import geopandas as gpd


@dataclass(frozen=True, slots=True)
class Cell:
    """A disjoint part of the population: its name and its pixels."""

    id: str
    window: Window


@dataclass(frozen=True, slots=True)
class Population:
    """The pixels that the estimates speak of.

    Attributes
    ----------
    statement
        The same in words, for a report.
    cells
        Disjoint windows.
    """

    kind: str
    statement: str
    cells: tuple[Cell, ...]

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the cells."""
        return tuple(cell.window for cell in self.cells)


def population_of(project: Project) -> Population:
    """Return the population that ``accuracy.population`` names.

    Raises
    ------
    AccuracyError
        If there is no map, or no test cell.
    """
    names = mosaic_tiles(project)
    if not names:
        raise AccuracyError(f"{project.map_storage.root} holds no map", "run: bocage map")
    if project.settings.accuracy.population == "test":
        return _test_cells(project)
    cells = []
    area = None if project.bounds is None else project.grid.window(project.bounds)
    for name in names:
        window = project.tiling.tile(name).window
        inside = window if area is None else window.intersection(area)
        if inside is not None:
            cells.append(Cell(name, inside))
    if not cells:
        raise AccuracyError(
            f"no tile in {project.map_storage.root} touches area.bbox", "run: bocage map, or mend area.bbox"
        )
    return Population(
        "area", f"all pixels of {len(cells)} mapped tiles, ground that training has seen among them", tuple(cells)
    )


def map_reader(project: Project) -> ReadProbability:
    """Return the function that reads the probability of a window, 0 to 254, 255 nodata."""

    def read(window: Window) -> NDArray[np.uint8]:
        return read_probability(project, window)[0]

    return read


def map_digest(project: Project) -> str:
    """Return a digest of the map: of its receipts, or of a tile that has none."""
    storage = project.map_storage
    stored = storage.list()
    tiles = [name.removesuffix(".tif") for name in stored if name.endswith(".tif")]
    names = [receipt_name(tile) if receipt_name(tile) in stored else cog_name(tile) for tile in tiles]
    contents = read_all(storage, names)
    return digest_json(
        {tile: hashlib.sha256(content).hexdigest() for tile, (_, content) in zip(tiles, contents, strict=True)}
    )


def _test_cells(project: Project) -> Population:
    if not project.samples_file.is_file():
        raise AccuracyError(
            f"{project.samples_file} is missing, and accuracy.population is the test cells",
            'run: bocage samples draw, or set accuracy.population = "area"',
        )
    import geopandas as gpd

    samples: gpd.GeoDataFrame = gpd.read_parquet(project.samples_file)
    cells: dict[Window, str] = {}
    for row in samples[samples["split"] == "test"].itertuples():
        window = Window(int(row.column), int(row.row), int(row.width), int(row.height))
        cells.setdefault(window, str(row.cell_id))
    if not cells:
        raise AccuracyError(
            f"{project.samples_file} holds no test cell",
            'raise samples.test_share or name samples.test_scenes, or set accuracy.population = "area"',
        )
    ordered = sorted(cells.items(), key=lambda item: (item[0].row, item[0].column))
    return Population(
        "test",
        f"{len(ordered)} test cells that training never saw",
        tuple(Cell(name, window) for window, name in ordered),
    )
