"""The stages of the chain in their order: what each makes, what it reads and which function runs it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage.outcome import Outcome
from bocage.project import Project
from bocage.settings import LayerSettings


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name, what it makes, the settings and stages it reads, and how it runs.

    Attributes
    ----------
    entry
        The function that runs the stage, as ``module:name``; it is imported when the stage runs, since torch takes
        seconds to load.
    sections
        Names of the settings sections that the stage reads.
    after
        Names of the stages whose output it reads.
    outside
        Lists the files that the stage reads and no stage wrote.
    layers
        Lists the reference layers that it reads: their settings count where it does not read the whole section, and
        which files lie behind an index or in a store is known only once the stage has opened them.
    hashed
        Whether later stages depend on the content of the outputs. True where the inputs alone do not decide it: scenes
        stay in the catalogue that were once added by name, and a run may have been trained with other options.
    indifferent
        Settings (``section.name``) that change how the stage works, not what it makes.
    """

    name: str
    makes: str
    entry: str
    sections: tuple[str, ...]
    after: tuple[str, ...] = ()
    outside: Callable[[Project], Iterable[Path]] = lambda _: ()
    layers: Callable[[Project], tuple[LayerSettings, ...]] = lambda _: ()
    hashed: bool = False
    indifferent: tuple[str, ...] = ()

    def run(self, project: Project, **options: Any) -> Outcome:
        """Run the stage's own function."""
        module, name = self.entry.split(":")
        outcome: Outcome = getattr(importlib.import_module(module), name)(project, **options)
        return outcome


def _scene_files(project: Project) -> Iterator[Path]:
    """Yield what the settings name, with the folders below and the sidecars beside, and all files of known scenes."""
    for pattern in project.settings.scenes.paths:
        if "://" in pattern or isinstance(project.location(pattern), str):
            continue
        for path in project.paths(pattern):
            yield path
            if path.is_dir():
                # A folder changes its time when a delivery comes into it.
                yield from (Path(folder) for folder, _, _ in os.walk(path))
            else:
                yield path.with_suffix(".json")
    if project.scenes_file.is_file():
        from bocage.scenes.deliveries.locations import split_member  # these are slow to import
        from bocage.scenes.register import files_of

        for href in files_of(project.scenes_file):
            if not href.startswith("s3://"):
                yield Path(split_member(href)[0])


def _layers(project: Project) -> tuple[LayerSettings, ...]:
    return project.settings.reference.layers


def _layer_files(project: Project) -> Iterator[Path]:
    from bocage.reference.paths import local_files

    for layer in _layers(project):
        yield from local_files(layer, project)
    if project.settings.reference.corrections is not None:
        yield from project.paths(project.settings.reference.corrections)


def _stratum_layers(project: Project) -> tuple[LayerSettings, ...]:
    from bocage.reference.paths import layers_of_strata

    return layers_of_strata(project)


def _stratum_files(project: Project) -> Iterator[Path]:
    from bocage.reference.paths import local_files

    given = project.settings.samples
    for layer in _stratum_layers(project):
        yield from local_files(layer, project)
    if given.deviations is not None:
        yield from project.paths(given.deviations)
    if given.allocation == "neyman" and given.deviations is None:
        # The deviations are then taken from the labels, which this stage does not need otherwise.
        yield from project.labels_folder.glob("*.tif")


def _backbone_files(project: Project) -> Iterator[Path]:
    from bocage.models.homemade import NOTE
    from bocage.models.item import ITEM

    runs = project.settings.training.runs
    own = {project.models_folder / run.name for run in runs}
    for run in runs:
        note = project.backbones_folder / run.backbone / NOTE
        if note.is_file():
            yield note
        place = project.model_place(run.start) if run.start else None
        # What the stage makes itself is not from outside.
        if isinstance(place, Path) and place not in own:
            yield place / ITEM


def _truth(project: Project) -> tuple[LayerSettings, ...]:
    layer = project.settings.accuracy.reference
    return () if layer is None else (layer,)


def _truth_files(project: Project) -> Iterator[Path]:
    from bocage.reference.paths import local_files

    for layer in _truth(project):
        yield from local_files(layer, project)
    for name in ("responses.gpkg", "responses.csv", "plan.gpkg"):
        yield project.accuracy_folder / name


_PLACE = ("grid", "area")
STAGES: tuple[Stage, ...] = (
    Stage(
        "scenes",
        makes="the catalogue of scenes",
        entry="bocage.scenes:catalogue_scenes",
        sections=(*_PLACE, "scenes"),
        outside=_scene_files,
        hashed=True,
    ),
    Stage(
        "labels",
        makes="labels 0 / 1 / 255 from the layers",
        entry="bocage.reference:build_labels",
        sections=(*_PLACE, "reference"),
        after=("scenes",),
        outside=_layer_files,
        layers=_layers,
    ),
    Stage(
        "samples",
        makes="stratified cells",
        entry="bocage.samples:draw_samples",
        sections=(*_PLACE, "samples"),
        after=("scenes",),
        outside=_stratum_files,
        layers=_stratum_layers,
    ),
    Stage(
        "chips",
        makes="image and label chips",
        entry="bocage.samples:cut_chips",
        sections=(*_PLACE, "samples"),
        after=("scenes", "labels", "samples"),
    ),
    Stage(
        "train",
        makes="model packages",
        entry="bocage.training:train_models",
        sections=(*_PLACE, "training"),
        after=("chips",),
        outside=_backbone_files,
        hashed=True,
    ),
    Stage(
        "map",
        makes="the probability mosaic",
        entry="bocage.mapping:map_area",
        sections=(*_PLACE, "mapping"),
        after=("scenes", "train"),
        indifferent=(
            "mapping.engine",
            "mapping.workers",
            "mapping.batch_size",
            "mapping.tries",
            "mapping.hang_minutes",
            "mapping.machines",
        ),
    ),
    Stage(
        "features",
        makes="polygons with geometry and class",
        entry="bocage.features.extraction:extract_features",
        sections=(*_PLACE, "features", "reference"),
        after=("map",),
        outside=_layer_files,
        layers=_layers,
    ),
    Stage(
        "products",
        makes="the layers as they are delivered",
        entry="bocage.products:write_products",
        sections=(*_PLACE, "features", "products", "reference"),
        after=("map", "features"),
        outside=_layer_files,
        layers=_layers,
    ),
    Stage(
        "assess",
        makes="accuracy with confidence intervals",
        entry="bocage.accuracy:assess",
        sections=(*_PLACE, "features", "accuracy"),
        after=("samples", "map"),
        outside=_truth_files,
        layers=_truth,
    ),
    Stage(
        "report",
        makes="the report",
        entry="bocage.report:write_report",
        sections=("project",),
        after=("chips", "train", "map", "features", "products", "assess"),
        outside=lambda project: (project.benchmark_folder / "benchmark.json",),
    ),
)


def stage_named(name: str) -> Stage:
    """Return the stage of that name."""
    return next(stage for stage in STAGES if stage.name == name)
