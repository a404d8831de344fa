"""A GEOBIA forest as mapping sees it: byte images in, the probability of woody vegetation out, by objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bocage.errors import ModelError
from bocage.models.contract import check_images
from bocage.models.forest.features import describe_objects
from bocage.models.forest.recipe import Recipe
from bocage.models.forest.resemblance import resembling, signature
from bocage.models.forest.trees import Trees

if TYPE_CHECKING:
    from bocage.scenes.stretch import Method


@dataclass(frozen=True, slots=True)
class ForestSegmenter:
    """One forest for all images, or one for each image that was trained on.

    Attributes
    ----------
    forests
        The trees of each forest.
    scenes
        The training image of each forest, or nothing where one forest serves all.
    signatures, members
        Where there is a forest per image: (chips, values) of the training chips, and the forest of each.
    digest
        SHA-256 of the file that it is saved as: all that predictions depend on, and the version of the features.
    features
        How many features the trees choose among.
    """

    forests: tuple[Trees, ...]
    recipe: Recipe
    bands: tuple[str, ...]
    resolution: float
    stretch: Method
    percentiles: tuple[float, float]
    digest: str
    features: int
    scenes: tuple[str, ...] = ()
    signatures: NDArray[np.float32] | None = None
    members: NDArray[np.int64] | None = None
    multiple: int = 1
    at_once: int = 1

    @property
    def runtime(self) -> str:
        """What does the arithmetic, in words."""
        return f"numpy {np.__version__}"

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return probabilities 0..1, (n, rows, columns), of images (n, bands, rows, columns); 0 where invalid.

        A pixel that is 0 in all bands is invalid, whatever ``valid`` says. All pixels of an object have one value.

        Raises
        ------
        ModelError
            If the images are no bytes, have other bands, or ``valid`` is of another shape.
        """
        check_images(images, valid, self.bands)
        result = np.zeros(valid.shape, np.float32)
        for image, inside, answer in zip(images, valid & images.any(axis=1), result, strict=True):
            if inside.any():
                objects = describe_objects(
                    image, inside, self.resolution, scale=self.recipe.scale, smallest=self.recipe.smallest
                )
                chosen = self._answering(image, inside)
                shares = [self.forests[number].predict(objects.features) for number in chosen]
                answer[inside] = np.mean(shares, axis=0).astype(np.float32)[objects.labels[inside]]
        return result

    def for_scene(self, scene: str) -> ForestSegmenter:
        """Return the forest of one training image alone, whatever the image that it will be asked about.

        Raises
        ------
        ModelError
            If that image was not trained on, or one forest serves all.
        """
        if scene not in self.scenes:
            known = ", ".join(self.scenes) or "none: one forest serves all"
            raise ModelError(f"there is no forest of {scene}", f"choose one of the training images ({known})")
        alone = self.forests[self.scenes.index(scene)]
        return replace(self, forests=(alone,), scenes=(), signatures=None, members=None)

    def _answering(self, image: NDArray[np.uint8], inside: NDArray[np.bool_]) -> Sequence[int]:
        if self.signatures is None or self.members is None:
            return range(len(self.forests))
        return resembling(signature(image, inside), self.signatures, self.members, self.recipe.answering)
