"""The chips stage: cut the image and the label of every sample, resumable and in threads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from typing import Any

from bocage.errors import BocageError, SampleError, StorageError
from bocage.files import digest_json
from bocage.outcome import Outcome, Refusal
from bocage.progress import bar
from bocage.project import Project
from bocage.reference.labels import read_labels
from bocage.samples.card import write_card
from bocage.samples.checksums import checksums_of, take_checksums, write_checksums
from bocage.samples.pairs import Order, Result, cut_pair, kept_pair, tile_digest
from bocage.samples.samples import Samples, chip_paths
from bocage.samples.split import SPLITS
from bocage.scenes.catalogue import Catalogue
from bocage.scenes.reader import open_scene
from bocage.scenes.scene import Scene

# Samples of one scene that a thread cuts before it opens the scene anew.
_BATCH = 32
_MOST_WORKERS = 16


def cut_chips(project: Project, workers: int | None = None) -> Outcome:
    """Cut ``chips/images/<sample>.tif`` and ``chips/labels/<sample>.tif`` for every sample, the "chips" stage.

    The image is uint8 red, green, blue, nir, 0 where invalid; the label is 0, 1 or 255, and 255 where the image is
    invalid. A pair that is in place is kept while its scene, its window and the pixels of its labels stay as they were:
    a correction elsewhere in a label tile does not touch it. A sample without a decided pixel is left out and counted;
    one whose scene cannot be read or has no near infrared is refused; chips of samples that are no more are removed.
    A card beside the chips says what they are (:mod:`bocage.samples.card`).

    Parameters
    ----------
    workers
        How many samples are cut at once; by default as many as there are cores for this process, 16 at most.

    Raises
    ------
    ProjectError
        If samples, labels or scenes are missing.
    SampleError
        If no chip remains, or the chips to train with hold labels of one class only.
    """
    samples = Samples.read(project)
    scenes = {scene.id: scene for scene in Catalogue.open(project.scenes_file, project.grid).scenes}
    # Fails early, and with the name of the command, where labels were never built.
    read_labels(project, samples.windows()[0])
    known = take_checksums(project.chips_folder)
    results: list[Result] = []
    threads = workers or min(_MOST_WORKERS, _cores())
    # Small enough that every thread has several: the last to end must not wait long for the others.
    size = max(1, min(_BATCH, len(samples) // (4 * threads)))
    with bar("chips", len(samples)) as advance, ThreadPoolExecutor(threads) as pool:
        tasks = [
            pool.submit(_cut_batch, project, scenes.get(scene_id), scene_id, orders)
            for scene_id, orders in _batches(project, samples, scenes, size)
        ]
        try:
            for task in as_completed(tasks):
                done = task.result()
                results.extend(done)
                advance(len(done))
        except BaseException:
            # A full disk or an interrupt must not wait for the batches that have not begun.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    counts = {result.sample_id: result.counts for result in results if result.counts is not None}
    _remove_others(project, set(counts))
    _check_classes(samples, counts)
    refused = sorted((result.refusal for result in results if result.refusal is not None), key=lambda no: no.subject)
    figures = _figures(samples, counts, sum(result.fresh for result in results))
    figures["undecided"] = sum(result.counts is None and result.refusal is None for result in results)
    for result in results:
        if result.counts is not None:
            known |= result.checksums
    write_card(
        project, samples, counts, scenes.values(),
        chips_digest=_write_checksums(project, counts, known),
        labels_digest=_labels_digest(project, samples),
        left_out={"without a decided pixel": figures["undecided"], "refused": len(refused)},
    )  # fmt: skip
    return Outcome((project.chips_folder,), figures, tuple(refused))


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batches(
    project: Project, samples: Samples, scenes: Mapping[str, Scene], size: int
) -> Iterator[tuple[str, list[Order]]]:
    """Yield the samples of one scene at a time, neighbours together, so that blocks of the raster are read once."""
    tiling = project.tiling
    digest_of = cache(lambda name: tile_digest(project, name))
    by_scene: dict[str, list[Order]] = {}
    table = samples.table
    for sample_id, scene_id, window in zip(table["sample_id"], table["scene_id"], samples.windows(), strict=True):
        scene = scenes.get(scene_id)
        digest = digest_json(
            {
                "scene": None if scene is None else scene.fingerprint,
                "window": (window.column, window.row, window.width, window.height),
            }
        )
        labels = [(tile.id, digest_of(tile.id)) for tile in tiling.tiles(window)]
        by_scene.setdefault(scene_id, []).append(Order(sample_id, window, digest, digest_json(labels)))
    for scene_id, orders in sorted(by_scene.items()):
        orders.sort(key=lambda order: (order.window.row, order.window.column))
        for start in range(0, len(orders), size):
            yield scene_id, orders[start : start + size]


def _cut_batch(project: Project, scene: Scene | None, scene_id: str, orders: Sequence[Order]) -> list[Result]:
    """Cut some samples of one scene; a scene that cannot be read refuses them, a full disk stops the stage."""
    results = [kept_pair(project, order) for order in orders]
    left = [order for order, result in zip(orders, results, strict=True) if result is None]
    done = [result for result in results if result is not None]
    if not left:
        return done
    if scene is None:
        error = SampleError(f"scene {scene_id} is no longer catalogued", "run: bocage samples draw")
        return done + [Result(order.sample_id, refusal=Refusal.of(order.sample_id, error)) for order in left]
    try:
        with open_scene(scene, project.grid) as reader:
            # One by one: what was cut before a block turns out damaged stays cut.
            for order in left:
                result = cut_pair(project, order, reader.read(order.window))
                done.append(result)
    except StorageError:
        raise
    except BocageError as error:
        finished = {result.sample_id for result in done}
        done += [
            Result(order.sample_id, refusal=Refusal.of(order.sample_id, error))
            for order in left
            if order.sample_id not in finished
        ]
    return done


def _labels_digest(project: Project, samples: Samples) -> str:
    tiling = project.tiling
    names = {tile.id for window in samples.windows() for tile in tiling.tiles(window)}
    return digest_json([(name, tile_digest(project, name)) for name in sorted(names)])


def _write_checksums(project: Project, names: Iterable[str], known: Mapping[str, str]) -> str:
    """Write the checksums of all pairs that are in place; those that no earlier run left are made now."""
    folder = project.chips_folder
    checksums: dict[str, str] = {}
    for path in (path for name in names for path in chip_paths(project, name)):
        name = path.relative_to(folder).as_posix()
        checksums |= {name: known[name]} if name in known else checksums_of(folder, path)
    return write_checksums(folder, checksums)


def _remove_others(project: Project, names: set[str]) -> None:
    for folder in ("images", "labels"):
        for path in (project.chips_folder / folder).glob("*.tif"):
            if path.stem not in names:
                path.unlink()


def _check_classes(samples: Samples, counts: Mapping[str, Mapping[str, int]]) -> None:
    if not counts:
        raise SampleError(
            f"none of the {len(samples)} samples has a pixel with both an image and a decided label",
            "check that the reference layers cover the scenes",
        )
    training = set(samples.of("train").table["sample_id"])
    for where, names in (("the samples", set(counts)), ("the samples to train with", training & set(counts))):
        tree, other = (sum(counts[name][code] for name in names) for code in ("tree", "other"))
        if tree == 0 or other == 0:
            only = "tree" if tree else "non-tree" if other else "no"
            raise SampleError(
                f"the labels of {where} ({len(names)} chips) hold {only} pixels only",
                "check the codes in `tree` and the thresholds in [reference], or draw more samples",
            )


def _figures(samples: Samples, counts: Mapping[str, Mapping[str, int]], fresh: int) -> dict[str, Any]:
    table = samples.table[samples.table["sample_id"].isin(set(counts))]

    def share(names: Sequence[str]) -> dict[str, float | int]:
        total = Counter[str]()
        for name in names:
            total.update(counts[name])
        decided, pixels = total["tree"] + total["other"], sum(total.values())
        return {
            "chips": len(names),
            "tree_share": round(total["tree"] / decided, 4) if decided else 0.0,
            "decided_share": round(decided / pixels, 4) if pixels else 0.0,
        }

    return {
        **share(list(table["sample_id"])),
        "cut": fresh,
        "kept": len(counts) - fresh,
        "per_split": {split: share(list(table["sample_id"][table["split"] == split])) for split in SPLITS},
        "per_stratum": {
            str(name): share(list(table["sample_id"][table["stratum"] == name]))
            for name in sorted(set(table["stratum"]))
        },
    }
