"""What every cell of a benchmark needs: chips in memory, units in their orders, and the fixed test chips."""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from bocage.errors import BocageError, SettingsError, StorageError, TrainingError
from bocage.files import digest_file, digest_json
from bocage.models import BACKBONES
from bocage.models.forest import FORESTS
from bocage.models.forest.features import VERSION as FOREST_VERSION
from bocage.models.homemade import NOTE
from bocage.models.package import read_description
from bocage.models.remote import fetch_package
from bocage.models.weights import locate_weights
from bocage.project import Project
from bocage.samples import Samples
from bocage.settings import RunSettings
from bocage.training.chips import ChipStore, digest_chips, survey
from bocage.training.curve.annotation import AnnotatedStore
from bocage.training.curve.cell import Cell, CellRecord, cell_inputs
from bocage.training.curve.units import Unit, find_units, order_units, unit_edge
from bocage.training.fitting import RECIPE, train_run
from bocage.training.precision import bfloat16_here
from bocage.training.weighting import Weighting

PACKAGES = "packages"


class Bench:
    """Trains cells of one project.

    Parameters
    ----------
    keep
        Whether the model package of a cell stays.

    Raises
    ------
    ProjectError
        If no samples were drawn.
    SampleError
        If a chip cannot be read or holds no unit.
    TrainingError
        If a split is empty, the chips to train with hold one class only, or those of the test no tree.
    SettingsError
        If the unit is not a whole number of pixels.
    """

    def __init__(self, project: Project, *, keep: bool = False) -> None:
        self._project = project
        self._keep = keep
        splits = survey(project, validates=False)
        self._stores = {split: ChipStore(chips) for split, chips in splits.items()}
        if not any(chip.tree for chip in splits["test"]):
            raise TrainingError(
                f"the labels of the test split ({len(splits['test'])} chips) hold no tree, so no IoU can be measured",
                "give the test other ground, or check the codes in `tree` and the thresholds in [reference]",
            )
        settings = project.settings.benchmark
        self.units = find_units(self._stores["train"], unit_edge(project), settings.minimum_decided)
        self._samples = Samples.read(project)
        scenes = project.settings.scenes
        ground = [
            RECIPE,
            digest_chips(splits),
            scenes.stretch,
            scenes.percentiles,
            project.grid.resolution,
            project.grid.crs,
        ]
        # The arms share what a pixel counts by; where all count the same there is nothing to digest.
        weighting = Weighting.of(project, settings.run, splits["train"])
        self._ground = digest_json(ground if weighting is None else [*ground, weighting.digest])
        self._ordered, self._started = cache(self._order), cache(self._start)

    def check_budgets(self, budgets: tuple[int, ...]) -> None:
        """Refuse budgets that the training chips cannot fill.

        Raises
        ------
        SettingsError
            If one is larger than the number of units.
        """
        if max(budgets) > len(self.units):
            raise SettingsError(
                f"a budget of {max(budgets)} is more than the {len(self.units)} annotations that the training chips "
                "hold",
                "lower the budget, benchmark.unit or benchmark.minimum_decided, or draw more samples",
            )

    def subset(self, order: int, budget: int) -> list[Unit]:
        """Return the annotations of a budget in an order: the beginning of the order."""
        return self._ordered(order)[:budget]

    def inputs(self, cell: Cell, arm: RunSettings) -> str:
        """Return the digest of all that the result of a cell hangs on."""
        names = [unit.name for unit in self.subset(cell.order, cell.budget)]
        return cell_inputs(self._run(cell, arm), names, digest_json([self._ground, self._beginning(arm)]))

    def train(self, cell: Cell, arm: RunSettings) -> CellRecord:
        """Train one cell, write its file and return what it says; what goes wrong with this cell is written there.

        Raises
        ------
        StorageError
            If nothing can be written: the next cells would fail as well.
        """
        folder = self._project.benchmark_folder
        inputs = self.inputs(cell, arm)
        try:
            record = CellRecord(cell, inputs, self._train(cell, arm, inputs))
        except StorageError:
            raise
        except BocageError as error:
            record = CellRecord(cell, inputs, {}, error.problem, error.mend)
        except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:
            # What torch or a forest has no words of ours for ends one cell, not the benchmark.
            record = CellRecord(cell, inputs, {}, f"{type(error).__name__}: {error}", "see the cause and run it again")
        record.write(folder)
        return record

    def _train(self, cell: Cell, arm: RunSettings, inputs: str) -> dict[str, Any]:
        units = self.subset(cell.order, cell.budget)
        store = AnnotatedStore(self._stores["train"], units)
        package = self._package(cell)
        stores = {**self._stores, "train": store}
        figures = train_run(self._project, self._run(cell, arm), stores, inputs, package)
        if not self._keep:
            shutil.rmtree(package)
            _remove_empty(package.parent, self._project.benchmark_folder)
        tree, other = sum(unit.tree for unit in units), sum(unit.other for unit in units)
        labels = {"units": len(units), "pixels": tree + other, "tree_share": round(tree / (tree + other), 6)}
        return {**figures, "seed": self._run(cell, arm).seed, "labels": labels}

    def _run(self, cell: Cell, arm: RunSettings) -> RunSettings:
        """Return the settings of a cell: those of the arm, with the seed of the order, the same for all arms.

        The state is written at the end only: a cell that is killed begins anew.
        """
        seed = self._project.settings.benchmark.seed + cell.order
        return arm.model_copy(update={"seed": seed, "validate_every": arm.steps, "select": "last"})

    def _beginning(self, arm: RunSettings) -> list[str | int]:
        """Return what an arm begins with that its settings do not say: weights, arithmetic, a forest's features."""
        if arm.backbone in FORESTS:
            return ["forest", FOREST_VERSION]
        arithmetic = bfloat16_here() if arm.precision == "auto" else arm.precision
        if arm.start:
            return ["network", arithmetic, self._started(arm.start)]
        return ["network", arithmetic, _weights(self._project.backbones_folder, arm.backbone) if arm.pretrained else ""]

    def _start(self, name: str) -> str:
        """Return the digest of a model's weights, or nothing where training will refuse the arm for want of them."""
        place = self._project.model_place(name)
        with suppress(BocageError):
            return read_description(fetch_package(place) if isinstance(place, str) else place)[1]
        return ""

    def _package(self, cell: Cell) -> Path:
        return self._project.benchmark_folder / PACKAGES / cell.arm / str(cell.order) / str(cell.budget)

    def _order(self, order: int) -> list[Unit]:
        return order_units(self.units, self._samples, self._project.settings.benchmark.seed + order)


def _weights(homemade: Path, backbone: str) -> str:
    """Return the digest of pretrained weights, or nothing where training will refuse the run for want of them.

    A backbone that was pretrained here is known by its note, which holds the digest of its weights.
    """
    path = locate_weights(BACKBONES[backbone]) if backbone in BACKBONES else homemade / backbone / NOTE
    if path is None or not path.is_file():
        return ""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@cache
def _digest(path: Path, *_state: int) -> str:
    """Return the digest of a file, read once for all cells as long as its size and time stay."""
    return digest_file(path)


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, up to the root, as far as nothing is in them."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            # Another process keeps its package there, and will remove the folder.
            return
        folder = folder.parent
