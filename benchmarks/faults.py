"""What becomes of the mosaic when everything that can die does: it is compared byte by byte with an undisturbed one.

- Workers and the command itself are killed at random moments (SIGKILL) until there were ``--kills`` of them; what was
  killed is started again, as an operator would.
- A scene is cut to half its bytes in mid-run, and mended afterwards.
- A scene lies in an object store that answers one request in ten with an error, and for some seconds all of them.
- A node of a Ray cluster of three is lost in mid-run.

    python benchmarks/faults.py [--json] [--kills N] [--edge TILES] [--only kills,truncated,store,node] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the store that the tests use, too

import psutil
from small_projects import SmallProject, workers_of, write_scenes
from stand_in import stand_in_for_the_network
from tests.failing_store import Fault, failing_store, object_server, request

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

SHARE = 0.3  # of the kills that hit the command itself
OUTAGE = 6.0  # seconds in which the store answers nothing but errors
STORE = 80 << 20  # bytes of a node's memory for objects


def differing(project: SmallProject, expected: dict[str, str]) -> list[str]:
    """Return the tiles that are not byte for byte those expected."""
    found = project.digests()
    return sorted(tile for tile in found.keys() | expected.keys() if found.get(tile) != expected.get(tile))


def kills(project: SmallProject, expected: dict[str, str], count: int, chance: random.Random) -> dict[str, Any]:
    """Kill what maps the area, start it again and again, and compare whenever the mosaic is whole."""
    hits: Counter[str] = Counter()
    runs = rounds = quarantined = 0
    different: set[str] = set()
    while hits.total() < count:
        shutil.rmtree(project.map, ignore_errors=True)
        rounds += 1
        while True:
            runs += 1
            process = project.start("map")
            while hits.total() < count and process.poll() is None:
                # Four of five fall into the work on tiles, the others anywhere: a worker that starts, for example.
                if chance.random() < 0.8:
                    project.wait_for_tiles(len(project.digests()) + 1, process, 20.0)
                time.sleep(chance.uniform(0, 1.0))
                workers = workers_of(process)
                if chance.random() < SHARE or not workers:
                    process.kill()
                    hits["command"] += process.wait() == -signal.SIGKILL  # It may just have ended by itself.
                else:
                    with suppress(psutil.NoSuchProcess):
                        chance.choice(workers).kill()
                        hits["worker"] += 1
            said, _ = process.communicate()
            if process.returncode == 0:
                break
            if process.returncode == 1 and said:
                quarantined += len(json.loads(said)["figures"]["tiles_quarantined"])
        different.update(differing(project, expected))
    return {
        "kills_of_workers": hits["worker"],
        "kills_of_the_command": hits["command"],
        "runs": runs,
        "mosaics_made": rounds,
        "tiles_quarantined_on_the_way": quarantined,
        "tiles_that_differ": sorted(different),
        "equal": not different,
    }


def truncated(project: SmallProject, expected: dict[str, str], without: dict[str, str]) -> dict[str, Any]:
    """Cut a scene in mid-run. What differs then is what the report names, and equals the mosaic without the scene."""
    shutil.rmtree(project.map, ignore_errors=True)
    scene = project.folder / "scenes" / "two.tif"
    content, times = scene.read_bytes(), scene.stat()
    process = project.start("map")
    project.wait_for_tiles(len(expected) // 3, process)
    os.truncate(scene, len(content) // 2)
    said = project.end(process, 1)
    refused = [each for each in said["refused"] if each["subject"] == "two"]
    items = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in project.map.glob("*.json")}
    named = {tile for tile, item in items.items() if item["properties"]["bocage:quarantined"]}
    unnamed = [tile for tile in named if not any(tile in each["reason"] for each in refused)]
    found = project.digests()
    wanted = {tile: (without if tile in named else expected).get(tile) for tile in expected}
    wrong = sorted(tile for tile, digest in wanted.items() if found.get(tile) != digest)
    scene.write_bytes(content)
    os.utime(scene, ns=(times.st_atime_ns, times.st_mtime_ns))
    mended = project.run("map")
    different = differing(project, expected)
    return {
        "scenes_named": [each["subject"] for each in said["refused"]],
        "tiles_without_the_scene": len(named),
        "tiles_that_the_report_does_not_name": unnamed,
        "tiles_that_are_neither": wrong,
        "tiles_mapped_after_mending": mended["figures"]["tiles_mapped"],
        "tiles_that_differ_after_mending": different,
        "equal": bool(named) and len(refused) == len(said["refused"]) == 1 and not (unnamed or wrong or different),
    }


def store(folder: Path, scenes: Path, expected: dict[str, str]) -> dict[str, Any]:
    """Map scenes from a store that answers errors, now and then and for a while all the time."""
    with object_server() as server, failing_store(server) as faulty:
        request(server, "/deliveries")
        for path in scenes.glob("*.tif"):
            request(server, f"/deliveries/{path.name}", path.read_bytes())
        project = SmallProject.make(folder, "s3://deliveries/", environment=faulty.environment)
        sometimes = Fault(503, every=10)
        faulty.fail(sometimes)
        process = project.start("map")
        project.wait_for_tiles(3, process)
        faulty.fail(Fault(503, seconds=OUTAGE), sometimes)
        said = project.end(process)
        different = differing(project, expected)
        requests, refused = faulty.counted()
        return {
            "requests_answered": requests - refused,
            "requests_refused": refused,
            "seconds_without_an_answer": OUTAGE,
            "refused": [each["reason"] for each in said["refused"]],
            "tiles_that_differ": different,
            "equal": not different and refused > 0,
        }


def three_nodes(tries: int = 3) -> Cluster:
    """Return a cluster of three nodes with a processor each; Ray waits 30 s for a node, so it is tried again."""
    from ray.cluster_utils import Cluster

    while True:
        cluster, tries = Cluster(), tries - 1
        try:
            for _ in range(3):
                cluster.add_node(num_cpus=1, object_store_memory=STORE)
        except Exception:  # Ray raises plain Exception where a node does not start in time.
            cluster.shutdown()  # type: ignore[no-untyped-call]
            if not tries:
                raise
        else:
            return cluster


def node(project: SmallProject, expected: dict[str, str]) -> dict[str, Any]:
    """Map on three nodes of Ray, of which one is lost when a fifth of the tiles is there."""
    try:
        import ray
    except ImportError:
        return {"equal": None, "skipped": 'Ray is not installed: pip install "bocage[ray]"'}
    from bocage.mapping import map_area
    from bocage.project import Project

    stand_in_for_the_network()

    shutil.rmtree(project.map, ignore_errors=True)
    cluster = three_nodes()
    lost: list[int] = []

    def lose() -> None:
        while not ended.wait(0.05):
            if len(project.digests()) >= len(expected) // 5:
                lost.append(len(project.digests()))
                nodes = cluster.list_all_nodes()  # type: ignore[no-untyped-call]
                cluster.remove_node(next(each for each in nodes if not each.head))
                return

    ended = threading.Event()
    watcher = threading.Thread(target=lose)
    try:
        ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
        watcher.start()
        outcome = map_area(Project.open(project.folder), engine="ray", workers=3)
    finally:
        ended.set()
        if watcher.is_alive():
            watcher.join()
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]
    different = differing(project, expected)
    return {
        "nodes": 3,
        "nodes_lost": len(lost),
        "tiles_before_the_loss": lost[0] if lost else None,
        "refused": [each.reason for each in outcome.refused],
        "tiles_that_differ": different,
        "equal": not different and bool(lost),
    }


def measure(folder: Path, *, count: int, edge: int, only: set[str], seed: int) -> dict[str, Any]:
    """Return what became of the mosaic under each kind of trouble."""
    scenes = folder / "project" / "scenes"
    write_scenes(scenes, edge)
    project = SmallProject.make(folder / "project", "scenes/*.tif")
    project.run("map")
    expected = project.digests()
    alone = folder / "alone"
    (alone / "scenes").mkdir(parents=True)
    shutil.copy2(scenes / "one.tif", alone / "scenes")
    without = SmallProject.make(alone, "scenes/*.tif")
    without.run("map")

    trials: dict[str, Callable[[], dict[str, Any]]] = {
        "kills": lambda: kills(project, expected, count, random.Random(seed)),  # noqa: S311 - no secret
        "truncated": lambda: truncated(project, expected, without.digests()),
        "store": lambda: store(folder / "stored", scenes, expected),
        "node": lambda: node(project, expected),
    }
    results: dict[str, Any] = {}
    for name, trial in trials.items():
        if name in only:
            print(f"{name} ...", file=sys.stderr, flush=True)
            clock = time.perf_counter()
            results[name] = {**trial(), "seconds": 0.0}
            results[name]["seconds"] = round(time.perf_counter() - clock, 1)
            print(json.dumps(results[name]), file=sys.stderr, flush=True)
    bad = sum(result["equal"] is False for result in results.values())
    differs = sum(expected[tile] != digest for tile, digest in without.digests().items())
    return {
        "limit_ratio": float(bad),
        "tiles": len(expected),
        "tiles_that_the_second_scene_changes": differs + len(expected.keys() - without.digests().keys()),
        "seed": seed,
        **results,
    }


TRIALS = ("kills", "truncated", "store", "node")


def main() -> None:
    """Print what became of the mosaic, or one JSON object; the status is 1 where a byte differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--kills", type=int, default=50, help="of workers and of the command, together")
    parser.add_argument("--edge", type=int, default=10, help="edge of the area in tiles")
    parser.add_argument("--only", default=",".join(TRIALS), help="kinds of trouble, which commas divide")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    only = set(options.only.split(","))
    if only - set(TRIALS):
        parser.error(f"--only takes {', '.join(TRIALS)}")
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), count=options.kills, edge=options.edge, only=only, seed=options.seed)
    if options.json:
        json.dump(figures, sys.stdout)
        print()
    else:
        print(f"{figures['tiles']} tiles; each mosaic is compared byte by byte with an undisturbed one")
        for name in TRIALS:
            if name in figures:
                print(
                    f"{name:<10}", ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in figures[name].items())
                )
    if figures["limit_ratio"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
