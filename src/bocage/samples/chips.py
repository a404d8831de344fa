"""The chips stage: cut the image and the label of every sample, resumable and in threads."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from bocage.errors import BocageError, SampleError, StorageError
from bocage.files import digest_json
from bocage.grid import Window
from bocage.outcome import Outcome, Refusal
from bocage.progress import bar
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.reference.labels import read_labels
from bocage.samples.samples import Samples, chip_paths
from bocage.samples.split import SPLITS
from bocage.scenes.catalogue import Catalogue
from bocage.scenes.reader import open_scene
from bocage.scenes.scene import Scene

IGNORE = 255
BANDS = ("red", "green", "blue", "nir")
# Samples of one scene that a thread cuts before it opens the scene anew.
_BATCH = 32
_TAG, _COUNTS = "BOCAGE_INPUTS", "BOCAGE_COUNTS"


@dataclass(frozen=True, slots=True)
class _Order:
    """One sample to cut: its name, its window and the digest of all that its chips depend on."""

    sample_id: str
    window: Window
    digest: str


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of a sample: its counts of tree, other and ignored pixels, or the reason why it was left out.

    A sample without counts and without a refusal has no decided pixel: it teaches nothing, and nobody did wrong.
    """

    sample_id: str
    counts: Mapping[str, int] | None = None
    refusal: Refusal | None = None
    fresh: bool = False


def cut_chips(project: Project) -> Outcome:
    """Cut ``chips/images/<sample>.tif`` and ``chips/labels/<sample>.tif`` for every sample, the "chips" stage.

    The image is uint8 red, green, blue, nir, 0 where invalid; the label is 0, 1 or 255, and 255 where the image is
    invalid. A pair that is in place and whose scene, label tiles and window have not changed is kept. A sample without
    a decided pixel is left out and counted; one whose scene cannot be read is refused; chips of samples that are no
    more are removed.

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
    results: list[_Result] = []
    with bar("chips", len(samples)) as advance, ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        tasks = [
            pool.submit(_cut_batch, project, scenes.get(scene_id), scene_id, orders)
            for scene_id, orders in _batches(project, samples, scenes)
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
    return Outcome((project.chips_folder,), figures, tuple(refused))


def _batches(project: Project, samples: Samples, scenes: Mapping[str, Scene]) -> Iterator[tuple[str, list[_Order]]]:
    """Yield the samples of one scene at a time, neighbours together, so that blocks of the raster are read once."""
    tiles: dict[str, str] = {}
    by_scene: dict[str, list[_Order]] = {}
    table = samples.table
    for sample_id, scene_id, window in zip(table["sample_id"], table["scene_id"], samples.windows(), strict=True):
        scene = scenes.get(scene_id)
        digest = digest_json(
            {
                "scene": None if scene is None else scene.fingerprint,
                "window": (window.column, window.row, window.width, window.height),
                "labels": [
                    tiles.setdefault(tile.id, _tile_digest(project.labels_folder / f"{tile.id}.tif"))
                    for tile in project.tiling.tiles(window)
                ],
            }
        )
        by_scene.setdefault(scene_id, []).append(_Order(sample_id, window, digest))
    for scene_id, orders in sorted(by_scene.items()):
        orders.sort(key=lambda order: (order.window.row, order.window.column))
        for start in range(0, len(orders), _BATCH):
            yield scene_id, orders[start : start + _BATCH]


def _cut_batch(project: Project, scene: Scene | None, scene_id: str, orders: Sequence[_Order]) -> list[_Result]:
    """Cut some samples of one scene; a scene that cannot be read refuses them, a full disk stops the stage."""
    results = [_kept(project, order) for order in orders]
    left = [order for order, result in zip(orders, results, strict=True) if result is None]
    done = [result for result in results if result is not None]
    if not left:
        return done
    if scene is None:
        error = SampleError(f"scene {scene_id} is no longer catalogued", "run: bocage samples draw")
        return done + [_Result(order.sample_id, refusal=Refusal.of(order.sample_id, error)) for order in left]
    try:
        with open_scene(scene, project.grid) as reader:
            # One by one: what was cut before a block turns out damaged stays cut.
            for order in left:
                result = _cut_one(project, order, reader.read(order.window))
                done.append(result)
    except StorageError:
        raise
    except BocageError as error:
        finished = {result.sample_id for result in done}
        done += [
            _Result(order.sample_id, refusal=Refusal.of(order.sample_id, error))
            for order in left
            if order.sample_id not in finished
        ]
    return done


def _cut_one(project: Project, order: _Order, patch: Any) -> _Result:
    label = read_labels(project, order.window)
    label[~patch.valid] = IGNORE
    counts = _count(label)
    if counts["tree"] + counts["other"] == 0:
        return _Result(order.sample_id)
    image_path, label_path = chip_paths(project, order.sample_id)
    write_cog(
        image_path,
        patch.image,
        grid=project.grid,
        window=order.window,
        nodata=0,
        descriptions=BANDS,
        tags={_TAG: order.digest},
    )
    # The label comes last: it is the receipt of the pair.
    write_cog(
        label_path,
        label,
        grid=project.grid,
        window=order.window,
        nodata=IGNORE,
        descriptions=("label",),
        tags={_TAG: order.digest, _COUNTS: json.dumps(counts)},
        overviews="mode",
    )
    return _Result(order.sample_id, counts, fresh=True)


def _kept(project: Project, order: _Order) -> _Result | None:
    """Return the counts of a pair of chips that is in place and up to date, or None."""
    image, label = (_tags(path) for path in chip_paths(project, order.sample_id))
    if image.get(_TAG) != order.digest or label.get(_TAG) != order.digest:
        return None
    counts: dict[str, int] = json.loads(label[_COUNTS])
    return _Result(order.sample_id, counts)


def _tile_digest(path: Path) -> str:
    """Return the digest of the inputs of a label tile, or "" where there is none."""
    return _tags(path).get(_TAG, "")


def _tags(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        with rasterio.open(path) as file:
            tags: dict[str, str] = file.tags()
            return tags
    except RasterioError:
        # A damaged chip counts as not in place: it is cut again.
        return {}


def _count(label: NDArray[np.uint8]) -> dict[str, int]:
    number = np.bincount(label.ravel(), minlength=256)
    return {"tree": int(number[1]), "other": int(number[0]), "ignored": int(number[IGNORE])}


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
