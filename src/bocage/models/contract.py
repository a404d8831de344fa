"""What a backbone expects to be fed. A mismatch of bands, scale or size is an error; the pixel of its ground is told.

A wrong scale does not crash: it trains, and loses a third of the score. So what can be checked is checked at the door
of the network, and the scaling itself is part of the network, where nobody outside can get it wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bocage.errors import ModelError
from bocage.scenes.bands import BANDS

if TYPE_CHECKING:
    from torch import Tensor

MULTIPLE = 32
"""Edges of images are multiples of this: the deepest level of every pyramid has this stride."""
_WHITE = 255
# Numbers that were bytes once may have been rounded since.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class InputContract:
    """The input of a backbone's trunk.

    Attributes
    ----------
    bands
        Common names, in the trunk's order: a subset of ``BANDS``.
    mean, std
        Per band, of values 0..1: the trunk is given ``(byte / 255 - mean) / std``.
    smallest, largest
        Edges in pixels that it can take; ``largest`` None: no limit.
    resolution
        Finest and coarsest metres per pixel of its pretraining, or None where it saw photographs.
    wavelengths
        Centres of the bands in micrometres, for trunks that are told them.
    """

    bands: tuple[str, ...] = ("red", "green", "blue")
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    multiple: int = MULTIPLE
    smallest: int = MULTIPLE
    largest: int | None = None
    resolution: tuple[float, float] | None = None
    wavelengths: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if unknown := [band for band in self.bands if band not in BANDS]:
            raise ModelError(f"no image of Bocage has the bands {', '.join(unknown)}", f"use {', '.join(BANDS)}")
        if not len(self.bands) == len(self.mean) == len(self.std):
            raise ModelError("a contract needs one mean and one standard deviation per band", "give as many as bands")

    @property
    def places(self) -> tuple[int, ...]:
        """Indices of the trunk's bands among ``BANDS``."""
        return tuple(BANDS.index(band) for band in self.bands)

    def covers(self, resolution: float) -> bool:
        """Return whether the pretraining saw pixels of so many metres; one on photographs saw none."""
        return self.resolution is None or self.resolution[0] <= resolution <= self.resolution[1]

    def check_bands(self, bands: Sequence[str]) -> None:
        """Refuse images whose bands are others, or in another order, than ``BANDS``.

        Raises
        ------
        ModelError
            If they are.
        """
        if tuple(bands) != BANDS:
            raise ModelError(
                f"images of {', '.join(bands)} do not suit a network, which takes {', '.join(BANDS)}",
                "give the bands by these names, in this order",
            )

    def check_shape(self, images: Sequence[int], valid: Sequence[int]) -> None:
        """Refuse shapes other than (n, 4, rows, columns) and (n, rows, columns) with edges that the trunk can take.

        Raises
        ------
        ModelError
            If the number of bands or an edge is wrong.
        """
        if len(images) != 4 or images[1] != len(BANDS):
            raise ModelError(
                f"images {tuple(images)} are not of {len(BANDS)} bands",
                f"give (n, {len(BANDS)}, rows, columns) of {', '.join(BANDS)}",
            )
        if tuple(valid) != (images[0], *images[2:]):
            raise ModelError(
                f"validity {tuple(valid)} does not go with images {tuple(images)}", "give (n, rows, columns)"
            )
        for edge in images[2:]:
            if edge % self.multiple or edge < self.smallest or edge > (self.largest or edge):
                limit = "" if self.largest is None else f" to {self.largest}"
                raise ModelError(
                    f"an edge of {edge} pixels does not suit this network",
                    f"use multiples of {self.multiple} from {self.smallest}{limit}",
                )

    def check(self, images: Tensor, valid: Tensor) -> None:
        """Refuse a batch of the wrong shape or scale; bytes are right by construction.

        Raises
        ------
        ModelError
            If bands, size or scale are wrong, a value is not a number, or validity is not true or false.
        """
        import torch

        self.check_shape(images.shape, valid.shape)
        if valid.dtype != torch.bool:
            raise ModelError(
                f"validity of {valid.dtype} is not true or false", "give booleans: true where the image has data"
            )
        if images.dtype == torch.uint8 or not images.numel():
            return
        # Both at once: a GPU is waited for a single time.
        low, high = torch.stack(images.aminmax()).tolist()
        if not (low >= -_ROUNDING and high <= _WHITE + _ROUNDING):
            raise ModelError(
                f"images from {low:g} to {high:g} are not bytes",
                "give the values 0..255 that the scene reader returns; NaN, counts of 16 bits and values less their "
                "mean are not among them",
            )
        if images.is_floating_point() and 0 < high <= 1 and bool((images != images.round()).any()):
            raise ModelError(
                f"images from {low:g} to {high:g} were divided already; the network scales them itself",
                "give the values 0..255 that the scene reader returns",
            )


def check_images(
    images: NDArray[np.generic], valid: NDArray[np.generic], bands: Sequence[str], multiple: int = 1
) -> None:
    """Refuse what no model of so many bands can be asked about.

    Parameters
    ----------
    images, valid
        Meant to be (n, bands, rows, columns) uint8 and (n, rows, columns) boolean.
    multiple
        Edges must be multiples of this.

    Raises
    ------
    ModelError
        If shape, bands, edges or the kind of numbers are others.
    """
    if images.ndim != 4 or images.shape[1] != len(bands):
        what = f"images of {images.shape[1]} bands" if images.ndim == 4 else f"images {images.shape}"
        raise ModelError(
            f"{what} do not suit this model, which takes {', '.join(bands)}",
            "give (n, bands, rows, columns), the bands by these names in this order",
        )
    rows, columns = images.shape[2:]
    if rows % multiple or columns % multiple or valid.shape != (len(images), rows, columns):
        raise ModelError(
            f"images {images.shape} with validity {valid.shape} do not suit this model",
            f"give (n, bands, rows, columns) and (n, rows, columns), edges being multiples of {multiple}",
        )
    check_bytes(images)
    if valid.dtype != np.bool_:
        raise ModelError(
            f"validity of {valid.dtype} is not true or false", "give booleans: true where the image has data"
        )


def check_bytes(image: NDArray[np.generic]) -> None:
    """Refuse an image that is no bytes: floats may hold NaN, and their scale is unknown.

    Raises
    ------
    ModelError
        If it is not uint8.
    """
    if image.dtype != np.uint8:
        raise ModelError(
            f"an image of {image.dtype} does not suit a model, which takes bytes",
            "stretch the scene to 0..255 as the training scenes were, and write 0 where there is no data",
        )
