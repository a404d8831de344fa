"""A model that a network begins with, decoder and all: of another region, an earlier year, or labels of another kind.

Pretrained weights are of a trunk. What stands on it, and how the near infrared comes in, is learnt from the labels of
the run alone, which is much for a few of them. A model that has learnt to see trees elsewhere brings all of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from bocage.errors import ModelError, SettingsError
from bocage.models.backbones import find_backbone
from bocage.models.forest import FORESTS
from bocage.models.homemade import pixels_in_words, resolve_backbone
from bocage.models.item import UNET, ModelDescription
from bocage.models.package import read_package
from bocage.models.probe import PROBE
from bocage.project import Project
from bocage.scenes.bands import BANDS
from bocage.settings import RunSettings

_log = logging.getLogger("bocage")


@dataclass(frozen=True, slots=True)
class Beginning:
    """The model that a run begins with.

    Attributes
    ----------
    name
        What the run calls it.
    description
        What its package says.
    digest
        SHA-256 of its weights.
    tensors
        Its weights by name.
    """

    name: str
    description: ModelDescription
    digest: str
    tensors: Mapping[str, Tensor] = field(repr=False)

    @classmethod
    def of(cls, project: Project, run: RunSettings) -> Beginning | None:
        """Return the model that a run begins with, or None where it begins with a trunk's weights or at random.

        Raises
        ------
        ModelError
            If there is no such model, it is damaged, or it is of another backbone or architecture, or its input was
            other bands or scaled otherwise.
        """
        if not run.start:
            return None
        _, described, digest, tensors = read_package(project.model_place(run.start))
        found, asked = (described.backbone, described.architecture), kind_of(project, run)
        if found != asked:
            raise _of_another_kind(run, found, asked)
        contract = find_backbone(described.backbone).contract
        own = (contract.mean, contract.std)
        if described.bands != BANDS or described.scaling not in {None, own}:
            raise ModelError(
                f"run {run.name} cannot start from {run.start}: its input is {', '.join(described.bands)}, scaled by "
                f"{described.scaling}, and not {', '.join(BANDS)}, scaled by {own}",
                "train that model again with this version",
            )
        return cls(run.start, described, digest, tensors)

    @property
    def source(self) -> str:
        """Name and SHA-256, which the package of the run keeps."""
        return f"model {self.description.name}, SHA-256 {self.digest}"

    @property
    def data(self) -> dict[str, str]:
        """What the model was trained on, for the card of the next one."""
        return {f"{name}, of model {self.description.name}": value for name, value in self.description.data.items()}

    def load_into(self, network: nn.Module) -> None:
        """Give a network of the same kind all weights of the model.

        Raises
        ------
        ModelError
            If they do not fit: the model is of another version of Bocage.
        """
        try:
            network.load_state_dict(dict(self.tensors))
        except RuntimeError as error:
            raise ModelError(
                f"the weights of {self.name} do not fit this version: {str(error).splitlines()[0]}",
                "train that model again with this version",
            ) from error

    def warn_of_other_pixels(self, project: Project, run: RunSettings) -> None:
        """Warn where the model has learnt from other pixels than those of the project."""
        seen, scenes = self.description, project.settings.scenes
        there = pixels_in_words(seen.resolution, seen.stretch, seen.percentiles)
        here = pixels_in_words(project.grid.resolution, scenes.stretch, scenes.percentiles)
        if there != here:
            _log.warning(
                "run %s: model %s, which it starts from, learnt at %s; this project has %s",
                *(run.name, run.start, there, here),
            )

    def warn_of_test_ground(self, run: RunSettings, test: tuple[float, float, float, float]) -> None:
        """Warn where the ground that the model learnt on may be that of the test.

        Parameters
        ----------
        test
            West, south, east, north of the test chips in degrees.
        """
        box = self.description.bbox
        if box is not None and box[0] < test[2] and test[0] < box[2] and box[1] < test[3] and test[1] < box[3]:
            _log.warning(
                "run %s: model %s, which it starts from, may have learnt on the ground of the test chips: scores would "
                "flatter it",
                *(run.name, run.start),
            )


def kind_of(project: Project, run: RunSettings) -> tuple[str, str]:
    """Return the backbone and the architecture of the network of a run.

    Raises
    ------
    ModelError
        If there is no such backbone.
    """
    backbone = resolve_backbone(project, run.backbone, pretrained=False).backbone
    return backbone, PROBE if run.recipe == "probe" else UNET


def starts_from_own(project: Project, run: RunSettings) -> bool:
    """Return whether a run starts from a model of the project itself."""
    place = project.model_place(run.start) if run.start else ""
    return isinstance(place, Path) and place.resolve().is_relative_to(project.models_folder.resolve())


def check_beginning(project: Project, run: RunSettings, runs: Sequence[RunSettings] = ()) -> None:
    """Refuse a run whose backbone is unknown, or that starts from what is not there or does not fit it.

    Parameters
    ----------
    runs
        Those that are trained together, in their order, with this one among them; a model that an earlier one makes
        need not be there yet.

    Raises
    ------
    ModelError
        As :meth:`Beginning.of`.
    SettingsError
        If the run starts from its own model or from that of a later run, or if it is a forest and starts from a model
        or labels ground for itself.
    """
    if run.backbone in FORESTS:
        if run.start or run.self_training:
            raise SettingsError(
                f"run {run.name} is a forest, which has no start and no self_training",
                "leave both out, or choose a backbone of a network",
            )
        return
    asked = kind_of(project, run)
    if not run.start:
        return
    place = project.model_place(run.start)
    made = {(project.models_folder / one.name).resolve(): one for one in runs}
    source = made.get(place.resolve()) if isinstance(place, Path) else None
    if source is None:
        Beginning.of(project, run)
    elif list(runs).index(source) >= list(runs).index(run):
        later = "itself" if source is run else f"run {source.name}, which comes after it"
        raise SettingsError(
            f"run {run.name} would start from {later}",
            "start from a run that comes before it, or from the path of a copy of that model",
        )
    elif (found := kind_of(project, source)) != asked:
        raise _of_another_kind(run, found, asked)


def _of_another_kind(run: RunSettings, found: tuple[str, str], asked: tuple[str, str]) -> ModelError:
    return ModelError(
        f"run {run.name} cannot start from {run.start}: that is a {found[1]} on {found[0]}, and the run makes a "
        f"{asked[1]} on {asked[0]}",
        "start from another model, or give the run the backbone and recipe of this one",
    )
