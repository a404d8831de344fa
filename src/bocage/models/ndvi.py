"""The rival that every model has to beat: a threshold on the vegetation index, fitted on the same chips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bocage.errors import ModelError
from bocage.files import digest_json
from bocage.models.contract import check_images

if TYPE_CHECKING:
    from bocage.scenes.stretch import Method

_RED, _NIR = 0, 3
_BINS = 400
_IGNORE = 255


@dataclass(frozen=True, slots=True)
class NdviThreshold:
    """Says tree where NDVI = (nir - red) / (nir + red) of the byte image exceeds ``threshold``.

    The index is that of the stretched bytes, the same input that the networks see; it is not a reflectance index.
    """

    threshold: float
    bands: tuple[str, ...] = ("red", "green", "blue", "nir")
    resolution: float = 0.0
    multiple: int = 1
    at_once: int = 1
    stretch: Method = "percentile"
    percentiles: tuple[float, float] = (0.005, 0.995)

    @property
    def digest(self) -> str:
        """SHA-256 of the threshold."""
        return digest_json({"ndvi": self.threshold})

    @property
    def runtime(self) -> str:
        """What does the arithmetic, in words."""
        return f"numpy {np.__version__}"

    @classmethod
    def fit(
        cls,
        chips: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
        resolution: float = 0.0,
        *,
        stretch: Method = "percentile",
        percentiles: tuple[float, float] = (0.005, 0.995),
    ) -> NdviThreshold:
        """Return the threshold with the best IoU on chips of (image (4, rows, columns), label 0, 1 or 255 = ignore).

        ``resolution``, ``stretch`` and ``percentiles`` are those that the chips were cut with.

        Raises
        ------
        ModelError
            If the labels hold no tree.
        """
        tree, other = np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64)
        for image, label in chips:
            decided = label != _IGNORE
            place = ((ndvi(image)[decided] + 1) / 2 * _BINS).astype(np.intp).clip(0, _BINS - 1)
            woody = label[decided] == 1
            tree += np.bincount(place[woody], minlength=_BINS)
            other += np.bincount(place[~woody], minlength=_BINS)
        if tree.sum() == 0:
            raise ModelError("no chip holds a tree, so no NDVI threshold can be fitted", "check the labels")
        # Bins above a threshold are called tree; a suffix sum gives the counts of every threshold at once.
        found, false = tree[::-1].cumsum()[::-1], other[::-1].cumsum()[::-1]
        best = int(np.argmax(found / (tree.sum() + false)))
        return cls(best / _BINS * 2 - 1, resolution=resolution, stretch=stretch, percentiles=percentiles)

    def predict(self, images: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return 1 where the index is at or above the threshold and the pixel is valid, 0 elsewhere.

        Raises
        ------
        ModelError
            If the images are no bytes, have other bands, or ``valid`` is of another shape.
        """
        check_images(images, valid, self.bands)
        woody = np.stack([ndvi(image) for image in images]) >= self.threshold
        return (woody & valid).astype(np.float32)


def ndvi(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the vegetation index, -1 to 1, of (4, rows, columns) red, green, blue, nir; 0 where both are 0."""
    red, nir = image[_RED].astype(np.float32), image[_NIR].astype(np.float32)
    index: NDArray[np.float32] = (nir - red) / np.maximum(nir + red, 1)
    return index
