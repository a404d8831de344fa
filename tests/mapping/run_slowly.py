"""A mapping run that a test kills: ``python -m tests.mapping.run_slowly FOLDER WORKERS``."""

import sys
from pathlib import Path

from bocage.grid import Bounds, Tiling
from bocage.mapping.engines import make_engine
from bocage.mapping.inventory import Inventory
from bocage.mapping.planning import Plan, make_plan
from bocage.mapping.receipt import TileSummary
from bocage.scenes import Catalogue
from tests.mapping.fakes import GRID, fake_scene, fake_work

SIZE = 160  # pixels of a tile
AREA = Bounds(0, -1280, 640, -640)  # 2 x 2 tiles


def catalogue(folder: Path) -> Catalogue:
    """Two overlapping scenes, one of them in a part of the area only."""
    names = {"a": Bounds(-50, -1300, 600, -600), "b": Bounds(200, -1100, 700, -500)}
    return Catalogue(tuple(fake_scene(name, GRID.window(bounds), folder) for name, bounds in names.items()))


def plan_of(folder: Path) -> Plan:
    """Plan the tiles of ``AREA``."""
    tiling = Tiling(GRID, SIZE * GRID.resolution)
    work = fake_work(folder)
    return make_plan(catalogue(folder), tiling, work.recipe, Inventory.open(work.storage), area=AREA)


def run(folder: Path, workers: int = 1, *, slow: bool = False, engine: str = "local") -> list[TileSummary]:
    """Map what the plan of ``AREA`` still asks for."""
    work = fake_work(folder, slow=slow)
    todo = plan_of(folder)
    results = list(make_engine(engine, workers).run(todo.jobs, work, work.load())) if todo.jobs else []
    summaries = [result for result in results if isinstance(result, TileSummary)]
    assert len(summaries) == len(results), "a tile was quarantined"
    return summaries


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    run(target, int(sys.argv[2]), slow=True)
