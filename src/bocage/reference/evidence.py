"""All that a label is made from, and the one place where a window becomes a label, by either method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bocage.errors import LayerError, ProjectError
from bocage.files import digest_json
from bocage.grid import Grid, Tile, Window
from bocage.project import Project
from bocage.reference.corrections import Corrections, read_corrections
from bocage.reference.fusion import CERTAIN, IGNORE, fuse
from bocage.reference.latent import FEWEST_LAYERS, LatentModel, too_few
from bocage.reference.layer import Layer, open_layer
from bocage.reference.learning import model_digest, model_of, symbols_on, voters
from bocage.reference.rules import VOTING
from bocage.reference.symbols import speaks_both_ways
from bocage.reference.votes import Vote, halo, points_of, vote
from bocage.settings import ReferenceSettings


@dataclass(frozen=True)
class Sources:
    """All that a label is made from: layers, corrections, thresholds, and what was learned of the layers.

    Attributes
    ----------
    layers
        All that the settings name; those of a kind that does not vote change no label.
    model
        The learned rates where ``reference.method`` is "latent"; see :meth:`learned`.
    """

    grid: Grid
    layers: tuple[Layer, ...]
    corrections: Corrections | None
    settings: ReferenceSettings
    model: LatentModel | None = None

    @classmethod
    def open(cls, project: Project) -> Sources:
        """Open the layers and corrections that the settings name.

        Raises
        ------
        LayerError
            If none is named that votes, one cannot be used, or there are too few of them for the method.
        """
        given = project.settings.reference
        voting = [layer for layer in given.layers if layer.kind in VOTING]
        if not voting and given.corrections is None:
            kinds = ", ".join(sorted({layer.kind for layer in given.layers}))
            raise LayerError(
                f"the layers of bocage.toml ({kinds}) do not say where trees stand"
                if kinds
                else "bocage.toml names no reference layer, so nothing says where trees stand",
                "add a [[reference.layers]] section with kind and paths",
            )
        witnesses = sum(speaks_both_ways(layer.kind) for layer in voting)
        if given.method == "latent" and witnesses < FEWEST_LAYERS:
            raise too_few(witnesses)
        corrections = None
        if given.corrections is not None:
            corrections = read_corrections(_only(project, given.corrections), project.grid)
        return cls(project.grid, tuple(open_layer(layer, project) for layer in given.layers), corrections, given)

    def learned(self, folder: Path, tiles: Sequence[Tile]) -> Sources:
        """Return the same sources with the model of the latent method; without change for the rules.

        Parameters
        ----------
        folder
            Where the model is kept: the folder of the labels.
        tiles
            The tiles to learn from; all of the project, since the model depends on them.

        Raises
        ------
        LayerError
            If the layers nowhere speak together, or one cannot be read.
        """
        if self.settings.method == "rules":
            return self
        return replace(self, model=model_of(folder, self.layers, self.settings, tiles))

    def digest(self, window: Window) -> str:
        """Return a digest of what the labels of a window depend on."""
        return digest_json(
            {
                "method": self._method(),
                "layers": sorted(
                    (
                        layer.settings.model_dump_json(exclude={"paths", "licence", "attribution"}),
                        # The coarsest file of the layer says how wide its uncertain border is, wherever that file lies.
                        layer.gsd,
                        [file.stamp for file in layer.files_in(window.pad(halo(layer)))],
                    )
                    for layer in voters(self.layers)
                ),
                "corrections": self.corrections.digest(self.grid, window) if self.corrections else digest_json([]),
                "grid": (self.grid.crs, self.grid.resolution),
            }
        )

    def _method(self) -> object:
        thresholds = self.settings.model_dump(include={"tree_height", "ground_height", "dense_cover"})
        if self.settings.method == "latent":
            return ["latent", thresholds, model_digest(self._model())]
        points = [[part.tolist() for part in points_of(layer.settings, self.settings)] for layer in voters(self.layers)]
        return ["rules", thresholds, CERTAIN, points]

    def label(self, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return label and confidence of a window; a pixel's value does not depend on the window that asks for it.

        Raises
        ------
        ProjectError
            If the method is "latent" and nothing was learned yet.
        """
        label, confidence = np.full((2, *window.shape), IGNORE, np.uint8)
        voting = voters(self.layers)
        if self.settings.method == "latent":
            model = self._model()
            label, confidence = model.decide([self._symbols(layer, window) for layer in voting])
        elif speaking := [layer for layer in voting if _speaks(layer, window)]:
            label, confidence = fuse([self._vote(layer, window) for layer in speaking])
        if self.corrections is not None:
            label, confidence = self.corrections.apply(label, confidence, self.grid, window)
        return label, confidence

    def _model(self) -> LatentModel:
        if self.model is None:
            raise ProjectError("the error rates of the layers have not been learned", "run: bocage labels build")
        return self.model

    def _symbols(self, layer: Layer, window: Window) -> NDArray[np.uint8]:
        if not _speaks(layer, window):
            return np.zeros(window.shape, np.uint8)
        return symbols_on(layer, window, self.settings)

    def _vote(self, layer: Layer, window: Window) -> Vote:
        wide = window.pad(halo(layer))
        gsd = layer.gsd / self.grid.resolution
        found = vote(layer.read(self.grid, wide), layer.settings, self.settings, gsd)
        part = window.slices(wide)
        return Vote(found.points[part], found.valid[part])


def _speaks(layer: Layer, window: Window) -> bool:
    return bool(layer.files_in(window.pad(halo(layer))))


def _only(project: Project, pattern: str) -> Path:
    """Return the one file that ``reference.corrections`` names.

    Several are refused: one would win over another where they overlap, and nobody would have said which.
    """
    found = [path for path in project.paths(pattern) if not path.name.startswith(".")]
    if not found:
        raise LayerError(
            f"reference.corrections = {pattern!r} matches no file in {project.folder}",
            "put the corrections there, mend reference.corrections in bocage.toml, or remove it",
        )
    if len(found) > 1:
        raise LayerError(
            f"reference.corrections = {pattern!r} matches {len(found)} files: "
            f"{', '.join(path.name for path in found[:5])}",
            "merge them to one GeoPackage and name it",
        )
    return found[0]
