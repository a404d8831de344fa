"""The stage ``map``: plan the tiles of the project's area, map those that are missing or stale, report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from bocage.errors import GridError, MappingError, ModelError, ProjectError
from bocage.grid import Bounds
from bocage.mapping.account import last_run, settle, with_rates
from bocage.mapping.engines import Engine, make_engine
from bocage.mapping.inventory import Inventory
from bocage.mapping.lattice import Lattice
from bocage.mapping.planning import Plan, TileJob, make_plan
from bocage.mapping.rates import held_seconds
from bocage.mapping.receipt import Recipe, TileSummary, receipt_name
from bocage.mapping.reckoning import Course
from bocage.mapping.refusals import refused_scenes, refused_tiles, without_store
from bocage.mapping.underway import underway
from bocage.mapping.worker import Work
from bocage.outcome import Outcome, Refusal
from bocage.progress import track
from bocage.project import Project

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter
    from bocage.settings import ScenesSettings

_log = logging.getLogger("bocage")

type Box = Bounds | tuple[float, float, float, float]


def map_area(
    project: Project,
    *,
    model: str | None = None,
    bbox: Box | None = None,
    engine: str | None = None,
    workers: int | None = None,
) -> Outcome:
    """Map every tile of the project's area that is not in place as planned.

    Parameters
    ----------
    model
        Name of a training run or path of a model package; the setting ``mapping.model`` where None.
    bbox
        Left, bottom, right, top in the units of the grid: only tiles that share ground with it.
    engine, workers
        ``"local"`` or ``"ray"``, and how many tiles at once; the settings where None.

    Raises
    ------
    ProjectError
        If no scene is catalogued yet.
    ModelError
        If the model was trained for other bands, another resolution or another stretch.
    MappingError
        If no scene covers the area, if no pixel of it is valid, or if no worker stays alive.
    StorageError
        If the storage is full or cannot be reached. Tiles written before stay, and the next run continues after them.

    A tile that fails or kills its worker again and again, and a scene that cannot be read, raise nothing: the rest is
    mapped, and the outcome refuses them with their reasons.
    """
    started = time.perf_counter()
    todo, inventory, segmenter, work = _planned(project, model, bbox)
    _remove_strays(project, todo, bbox, inventory)
    results: list[TileSummary | Refusal] = []
    course = Course(time.perf_counter() - started, 0.0, 0.0)
    if todo.jobs:
        _log.info(
            "mapping %d of %d tiles with %s by %s",
            *(len(todo.jobs), len(todo.tiles), work.recipe.model, segmenter.runtime),
        )
        with underway(project.receipts_folder) as died:
            settings = project.settings.mapping
            engines = partial(
                make_engine,
                engine or settings.engine,
                settings.workers if workers is None else workers,
                tries=settings.tries,
                limit=settings.hang_minutes * 60 or None,
                isolated=died or None,  # so that a tile which takes its process along does so to a worker
            )
            results, course = _run(engines, todo.jobs, work, segmenter, course)
    mapped = [result for result in results if isinstance(result, TileSummary)]
    given_up = [result for result in results if isinstance(result, Refusal)]
    summaries = [*mapped, *_summaries(inventory, todo)]
    standing = {each.subject for each in given_up if work.storage.find(receipt_name(each.subject))}
    refused = (*refused_tiles(given_up, standing), *refused_scenes(mapped))
    _require_valid(todo, summaries, refused)
    models = _models(inventory, work, mapped)
    account = settle(project, todo, mapped, summaries, course)
    figures = {**_figures(todo, mapped, summaries, time.perf_counter() - started), **account}
    figures["runtime"] = segmenter.runtime
    figures["tiles_quarantined"] = sorted(each.subject for each in given_up)
    left = tuple(figures["tiles_quarantined"])
    place = project.map_location
    outputs, buckets = ((), (place,)) if isinstance(place, str) else ((place,), ())
    return Outcome(
        (*outputs, project.homogeneity_file), {**figures, "models_in_mosaic": models}, refused, left, buckets
    )


def _run(
    engines: Callable[[], Engine], jobs: Sequence[TileJob], work: Work, segmenter: Segmenter, course: Course
) -> tuple[list[TileSummary | Refusal], Course]:
    """Map the tiles, and once more those that lack a scene because its store did not answer at that time.

    Returns
    -------
    results, course
        One result per tile, and what the run took so far.
    """
    started = time.perf_counter()
    runner = engines()  # which may start a cluster
    staff = runner.staff(len(jobs))
    results: list[TileSummary | Refusal] = []
    starting = 0.0
    for result in track(runner.run(jobs, work, segmenter), "map tiles", len(jobs)):
        if not results and isinstance(result, TileSummary):
            # The first tile waits for no turn: its time begins when its worker has it.
            starting = max(time.perf_counter() - started - held_seconds(result), 0.0)
        results.append(result)
    again = without_store(jobs, results)
    if again:
        _log.warning("%d tiles lack a scene whose store gave errors, and are mapped once more", len(again))
        names = {job.tile.id for job in again}
        results = [result for result in results if isinstance(result, Refusal) or result.id not in names]
        results += track(engines().run(again, work, segmenter), "map tiles again", len(again))
    mapping = time.perf_counter() - started - starting
    return results, replace(course, starting=starting, mapping=mapping, staff=staff)


def plan(
    project: Project,
    *,
    model: str | None = None,
    bbox: Box | None = None,
) -> Plan:
    """Say what :func:`map_area` would do: tiles, scenes, bytes, chips, hours. No pixel of a scene is read.

    The rates are those of the tiles in place; where there is none, tiles of made-up scenes are mapped on trial.

    Raises
    ------
    ProjectError, ModelError, MappingError
        As :func:`map_area` does before it reads a pixel.
    """
    return _planned(project, model, bbox)[0]


def _planned(project: Project, model: str | None, bbox: Box | None) -> tuple[Plan, Inventory, Segmenter, Work]:
    """Return the plan, and what it was made from."""
    started = time.perf_counter()
    segmenter, work = _prepare(project, model)
    loading = time.perf_counter() - started
    inventory = Inventory.open(work.storage)
    found = with_rates(_plan(project, work.recipe, bbox, inventory), segmenter, work)
    preparing = time.perf_counter() - started
    return replace(found, loading=loading, preparing=preparing), inventory, segmenter, work


def check_model(segmenter: Segmenter, name: str, resolution: float, scenes: ScenesSettings | None = None) -> None:
    """Refuse a model that was trained for other bands, for pixels of another size or for bytes of another stretch.

    Parameters
    ----------
    scenes
        The settings by which the scenes become bytes, or None where the model's own stretch is applied.

    Raises
    ------
    ModelError
        If the bands are not red, green, blue, nir in that order, the resolution differs from ``resolution``, or the
        stretch from that of ``scenes``.
    """
    from bocage.scenes import BANDS  # rasterio and geopandas are slow to import

    if tuple(segmenter.bands) != tuple(BANDS):
        raise ModelError(
            f"the model {name} was trained for the bands {', '.join(segmenter.bands)}, not {', '.join(BANDS)}",
            "train a model on these scenes, or choose another with mapping.model",
        )
    if abs(segmenter.resolution - resolution) > 1e-6 * resolution:
        raise ModelError(
            f"the model {name} was trained at {segmenter.resolution:g} m, and the grid has {resolution:g} m pixels",
            f"train a model at {resolution:g} m, or set grid.resolution to {segmenter.resolution:g}",
        )
    if scenes is not None:
        _check_stretch(segmenter, name, scenes)


def _check_stretch(segmenter: Segmenter, name: str, scenes: ScenesSettings) -> None:
    if segmenter.stretch != scenes.stretch:
        raise ModelError(
            f'the model {name} was trained with the stretch "{segmenter.stretch}", and scenes.stretch is '
            f'"{scenes.stretch}"',
            f'train a model on these scenes, or set scenes.stretch to "{segmenter.stretch}" and catalogue them anew',
        )
    # Other shares shift the bytes a little, as haze does, and may be meant: they are said, not refused.
    if scenes.stretch == "percentile" and tuple(segmenter.percentiles) != tuple(scenes.percentiles):
        _log.warning(
            "the model %s was trained with the percentiles %s, and scenes.percentiles are %s",
            name,
            tuple(segmenter.percentiles),
            tuple(scenes.percentiles),
        )


def _prepare(project: Project, model: str | None) -> tuple[Segmenter, Work]:
    if not project.scenes_file.is_file():
        raise ProjectError(f"{project.scenes_file} does not exist: no scene is catalogued", "run: bocage scenes add")
    from bocage.models import load_model  # torch takes seconds to import
    from bocage.scenes import open_scene  # see above

    settings = project.settings.mapping
    name = model or settings.model
    package = project.model_place(name)
    load = partial(load_model, package, runtime=settings.runtime, precision=settings.precision, edge=settings.chip)
    segmenter = load()
    check_model(segmenter, name, project.grid.resolution, project.settings.scenes)
    lattice = Lattice.of(settings.chip, settings.overlap, segmenter.multiple)
    recipe = Recipe(project.grid, lattice, PurePath(package).name, segmenter.digest)
    return segmenter, Work(recipe, project.map_storage, settings.batch_size, load, open_scene)


def _plan(project: Project, recipe: Recipe, bbox: Box | None, inventory: Inventory) -> Plan:
    from bocage.scenes import Catalogue  # geopandas is slow to import

    catalogue = Catalogue.open(project.scenes_file, project.grid)
    found = make_plan(
        catalogue,
        project.tiling,
        recipe,
        inventory,
        area=project.bounds,
        bbox=_bounds(bbox),
        last=last_run(project, recipe),
    )
    if not found.tiles:
        area = _bounds(bbox) or project.bounds or catalogue.bounds
        raise MappingError(
            f"no scene covers the area {area.as_tuple()} in {project.grid.crs}",
            "catalogue scenes of this area, or mend area.bbox (left, bottom, right, top in the units of the grid)",
        )
    return found


def _bounds(bbox: Box | None) -> Bounds | None:
    return bbox if bbox is None or isinstance(bbox, Bounds) else Bounds(*bbox)


def _remove_strays(project: Project, todo: Plan, bbox: Box | None, inventory: Inventory) -> None:
    """Remove tiles that are of another grid, outside the area or without a scene; they would stay in the mosaic.

    Only the option ``bbox`` protects the tiles of the area that this run leaves out.
    """
    planned = {job.tile.id for job in todo.tiles}
    area, box = (None if each is None else project.grid.window(each) for each in (project.bounds, _bounds(bbox)))
    for name in inventory.tiles:
        try:
            tile = project.tiling.tile(name)
        except GridError:
            continue
        if not inventory.lies_at(tile, project.grid):
            reason = "it is of another grid or tile size"
        elif area is not None and tile.window.intersection(area) is None:
            reason = "it lies outside area.bbox"
        elif tile.id in planned or (box is not None and tile.window.intersection(box) is None):
            continue
        else:
            reason = "no catalogued scene covers it any more"
        _log.warning("tile %s is removed: %s", tile.id, reason)
        inventory.remove(tile.id)


def _models(inventory: Inventory, work: Work, mapped: Sequence[TileSummary]) -> list[str]:
    """Return the digests of the models in the mosaic; more than one is worth a warning, for no pixel shows it."""
    counts = inventory.models(without={summary.id for summary in mapped})
    if fresh := sum(summary.valid_pixels > 0 for summary in mapped):
        counts[work.recipe.model_digest] += fresh
    if len(counts) > 1:
        parts = ", ".join(f"{digest[:12]} in {count} tiles" for digest, count in sorted(counts.items()))
        _log.warning(
            "%s mixes tiles of %d models: %s; map without bbox to renew all", work.storage.root, len(counts), parts
        )
    return sorted(counts)


def _summaries(inventory: Inventory, todo: Plan) -> Iterator[TileSummary]:
    for job in todo.done:
        summary = inventory.summary(job.tile.id)
        if summary is not None:
            yield summary


def _require_valid(todo: Plan, summaries: Sequence[TileSummary], refused: Sequence[Refusal]) -> None:
    if any(summary.valid_pixels for summary in summaries):
        return
    names = ", ".join(sorted({scene.id for job in todo.tiles for scene in job.scenes}))
    reasons = "".join(f"; {refusal.subject}: {refusal.reason}" for refusal in refused)
    raise MappingError(
        f"the area holds no valid pixel of any scene ({names}){reasons}",
        "check nodata and footprint of these scenes, or add scenes that show the area",
    )


def _figures(
    todo: Plan, mapped: Sequence[TileSummary], summaries: Sequence[TileSummary], seconds: float
) -> dict[str, Any]:
    resolution = todo.recipe.grid.resolution
    valid = sum(summary.valid_pixels for summary in summaries)
    return {
        "model": todo.recipe.model,
        "model_digest": todo.recipe.model_digest,
        "tiles": len(todo.tiles),
        "tiles_mapped": len(mapped),
        "tiles_in_place": len(todo.done),
        "tiles_without_valid_pixel": sorted(summary.id for summary in summaries if not summary.valid_pixels),
        "scenes": len({name for summary in summaries for name in summary.used}),
        "chips": sum(summary.chips for summary in mapped),
        "valid_km2": round(valid * resolution**2 / 1e6, 4),
        "seconds": round(seconds, 3),
        "mapped_megapixels_per_second": round(sum(each.valid_pixels for each in mapped) / 1e6 / seconds, 4),
    }
