"""The engine of a cluster: three nodes of Ray on this machine, of which one is lost, and workers that die."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from bocage.errors import ModelError
from bocage.files import digest_file
from bocage.grid import Bounds, Tiling
from bocage.mapping.account import forecast, reckon, startup
from bocage.mapping.engines import make_engine
from bocage.mapping.inventory import Inventory
from bocage.mapping.planning import make_plan
from bocage.mapping.rates import Rates
from bocage.mapping.receipt import TileSummary
from bocage.mapping.reckoning import Course
from bocage.mapping.staff import Staff
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.scenes import Catalogue
from tests.mapping.fakes import GRID, FakeSegmenter, fake_work
from tests.mapping.run_slowly import AREA, catalogue, plan_of, run
from tests.mapping.troubles import die, run_out_of_memory, troubled

ray = pytest.importorskip("ray", reason='RAY ABSENT: pip install "bocage[ray]" to test the engine "ray"')
STORE = 80 << 20


def digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(folder.glob("*.tif"))}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of an undisturbed run of the engine of one machine."""
    folder = tmp_path_factory.mktemp("whole")
    assert len(run(folder)) == 4
    return digests(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of three nodes with a processor each; this process is connected to it."""
    from ray.cluster_utils import Cluster

    made = Cluster()
    patch = pytest.MonkeyPatch()
    patch.delenv("OMP_NUM_THREADS", raising=False)  # Ray leaves it as it is where it is set
    try:
        for _ in range(3):
            made.add_node(num_cpus=1, object_store_memory=STORE)
        ray.init(address=made.address, log_to_driver=False, configure_logging=False)
    except Exception as error:  # noqa: BLE001 - Ray raises plain Exception where a node does not start in time
        made.shutdown()  # type: ignore[no-untyped-call]
        patch.undo()
        pytest.skip(f"RAY DID NOT START on this machine: {error}")
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()  # type: ignore[no-untyped-call]
        patch.undo()


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("trouble", [die, run_out_of_memory])
def test_worker_that_dies_is_replaced_and_the_bytes_are_those_of_local(
    tmp_path: Path, expected: dict[str, str], trouble: Callable[[], None]
) -> None:
    jobs = plan_of(tmp_path).jobs
    work = troubled(fake_work(tmp_path), jobs[1], tmp_path / "counted", trouble, 1)
    engine = make_engine("ray")
    assert engine.workers == 3
    results = list(engine.run(jobs, work, work.load()))
    assert all(isinstance(result, TileSummary) for result in results)
    assert digests(tmp_path) == expected
    assert len(list((tmp_path / "counted").iterdir())) == 1
    assert ray.is_initialized(), "the engine closed a connection that it had not opened"


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("workers", "found"), [(0, 3), (2, 2)])
def test_a_plan_asks_the_cluster_and_its_run_is_compared_with_it(tmp_path: Path, workers: int, found: int) -> None:
    (tmp_path / "bocage.toml").write_text('[mapping]\nengine = "ray"\n', encoding="utf-8")
    plan = replace(plan_of(tmp_path), rates=Rates(10.0, None, 1.0, "one worker with all cores"), loading=2.0)
    printed = forecast(Project.open(tmp_path), plan, workers=workers)
    assert printed["workers"] == found
    cores = os.cpu_count() or 1
    rounds = -(-len(plan.jobs) // found) * found / len(plan.jobs)
    mapping = rounds * plan.chips / (found * 10.0 / cores)
    staff = make_engine("ray", workers).staff(len(plan.jobs))
    assert staff == Staff(found, cores, isolated=True)
    assert printed["hours"] * 3600 == pytest.approx(startup(plan, staff) + mapping, abs=0.01)
    assert reckon(plan, (), Course(0, 0, 1, staff=staff)).planned.hours == pytest.approx(printed["hours"], abs=1e-6)


@pytest.mark.usefixtures("cluster")
def test_a_worker_has_one_core() -> None:
    """What the plan relies on: torch and OpenVINO take as many threads as the variable says."""
    told = ray.remote(num_cpus=1)(Environment).remote()
    assert ray.get(told.threads.remote()) == "1"


class Environment:
    """Tells what the environment of an actor says."""

    def threads(self) -> str | None:
        return os.environ.get("OMP_NUM_THREADS")


@pytest.mark.usefixtures("cluster")
def test_poisoned_tile_is_quarantined(tmp_path: Path, expected: dict[str, str]) -> None:
    jobs = plan_of(tmp_path).jobs
    work = troubled(fake_work(tmp_path), jobs[0], tmp_path / "counted", die)
    results = list(make_engine("ray", 2, tries=2).run(jobs, work, work.load()))
    (refusal,) = [result for result in results if isinstance(result, Refusal)]
    assert refusal.subject == jobs[0].tile.id
    assert "after 2 tries: its worker failed: ActorDiedError" in refusal.reason
    assert len(digests(tmp_path)) == 3
    assert digests(tmp_path).items() <= expected.items()


@pytest.mark.usefixtures("cluster")
def test_error_of_writing_reaches_the_caller(tmp_path: Path) -> None:
    full = tmp_path / "file"
    full.write_bytes(b"")
    work = fake_work(full)  # A file where the folder should be: no tile can be written.
    with pytest.raises(OSError, match="file"):
        list(make_engine("ray", 2).run(plan_of(tmp_path / "none").jobs, work, work.load()))


def refuse_to_load() -> FakeSegmenter:
    raise ModelError("models/slf is damaged", "train it again")


@pytest.mark.usefixtures("cluster")
def test_model_that_cannot_be_loaded_ends_the_run(tmp_path: Path) -> None:
    work = replace(fake_work(tmp_path), load=refuse_to_load)
    with pytest.raises(ModelError, match="models/slf is damaged"):
        list(make_engine("ray", 2).run(plan_of(tmp_path).jobs, work, FakeSegmenter()))


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("size", "batch", "workers"), [(160, 1, 3), (64, 3, 2), (320, 9, 1)])
def test_the_map_is_that_of_local_whatever_the_tiles_batches_workers_and_order_of_scenes(
    tmp_path: Path, size: int, batch: int, workers: int
) -> None:
    """Laws 2 and 3 across engines: equal within 1 of 255, nodata and observations exactly."""
    (tmp_path / "here").mkdir()
    run(tmp_path / "here", 2)
    work = replace(fake_work(tmp_path / "there"), batch_size=batch)
    found = make_plan(
        Catalogue(catalogue(tmp_path).scenes[::-1]),
        Tiling(GRID, size * GRID.resolution),
        work.recipe,
        Inventory.open(work.storage),
        area=AREA,
    )
    results = list(make_engine("ray", workers).run(found.jobs, work, work.load()))
    assert len(results) == len(found.jobs) == (320 // size) ** 2
    assert all(isinstance(result, TileSummary) for result in results)
    one, two = mosaic(tmp_path / "here"), mosaic(tmp_path / "there")
    assert set(np.unique(one[1])) == {0, 1, 2}
    np.testing.assert_array_equal(one[1], two[1])
    np.testing.assert_array_equal(one[0] == 255, two[0] == 255)
    assert np.abs(one[0].astype(int) - two[0]).max() <= 1


def mosaic(folder: Path) -> NDArray[np.uint8]:
    """Probability and observations of the area, whatever its tiles."""
    window = GRID.window(AREA)
    whole = np.full((2, *window.shape), 255, dtype=np.uint8)
    for path in sorted(folder.glob("*.tif")):
        with rasterio.open(path) as file:
            own = GRID.window(Bounds(*file.bounds))
            whole[:, *own.slices(window)] = file.read()
    return whole


def test_lost_node_takes_no_tile_along(tmp_path: Path, expected: dict[str, str], cluster: Any) -> None:
    work = fake_work(tmp_path, slow=True)
    results = make_engine("ray", 3).run(plan_of(tmp_path).jobs, work, work.load())
    found = [next(results)]
    cluster.remove_node(next(node for node in cluster.list_all_nodes() if not node.head))
    found += results
    assert all(isinstance(result, TileSummary) for result in found)
    assert digests(tmp_path) == expected
