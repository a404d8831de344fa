"""A model that a network begins with, decoder and all: of another region, an earlier year, or labels of another kind.

Pretrained weights are of a trunk. What stands on it, and how the near infrared comes in, is learnt from the labels of
the run alone, which is much for a few of them. A model that has learnt to see trees elsewhere brings all of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from bocage.errors import ModelError
from bocage.models.backbones import find_backbone
from bocage.models.item import ModelDescription
from bocage.models.package import read_package
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
    def of(cls, project: Project, run: RunSettings, backbone: str, architecture: str) -> Beginning | None:
        """Return the model that a run begins with, or None where it begins with a trunk's weights or at random.

        Warns where it has seen other pixels than those of the project.

        Parameters
        ----------
        backbone, architecture
            What the network of the run is: the model has to be of the same.

        Raises
        ------
        ModelError
            If there is no such model, it is damaged, or it is of another backbone or architecture, or its input was
            scaled otherwise.
        """
        if not run.start:
            return None
        _, described, digest, tensors = read_package(project.model_place(run.start))
        contract = find_backbone(backbone).contract
        needed = {
            "architecture": (described.architecture, architecture),
            "backbone": (described.backbone, backbone),
            "bands": (described.bands, BANDS),
            "scaling": (described.scaling or (contract.mean, contract.std), (contract.mean, contract.std)),
        }
        for what, (found, asked) in needed.items():
            if found != asked:
                raise ModelError(
                    f"run {run.name} cannot start from {run.start}: its {what} is {found}, that of the run is {asked}",
                    "start from another model, or give the run the backbone and recipe of this one",
                )
        _warn_of_other_pixels(project, run, described)
        return cls(run.start, described, digest, tensors)

    @property
    def source(self) -> str:
        """Name and SHA-256, which the package of the run keeps."""
        return f"model {self.description.name}, SHA-256 {self.digest}"

    @property
    def licence(self) -> str:
        """The licence that binds it, in words."""
        return self.description.licence or "none but that of its training data"

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


def _warn_of_other_pixels(project: Project, run: RunSettings, seen: ModelDescription) -> None:
    scenes = project.settings.scenes
    here = (project.grid.resolution, scenes.stretch)
    same_shares = scenes.stretch != "percentile" or seen.percentiles == scenes.percentiles
    if (seen.resolution, seen.stretch) != here or not same_shares:
        _log.warning(
            "run %s: model %s, which it starts from, learnt at %g m, stretched by %s %s; this project has %g m, %s %s",
            *(run.name, run.start, seen.resolution, seen.stretch, seen.percentiles, *here, scenes.percentiles),
        )
