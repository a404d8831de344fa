"""Hiding patches of an image, and the error over what was hidden."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bocage.scenes.bands import BANDS


def draw_hidden(
    edge: int, patch: int, share: float, apart: float, rng: np.random.Generator, bands: int = len(BANDS)
) -> NDArray[np.bool_]:
    """Return what of a square crop is hidden: a fixed share of its patches, drawn at random.

    Patches are hidden in all bands together, so that they have to be told from their surroundings; or each band has
    patches of its own, and what is hidden in one can be told from the others at the same place.

    Parameters
    ----------
    edge, patch
        Edges of the crop and of a patch in pixels; the first is a multiple of the second.
    share
        Share of the patches that is hidden, 0 to 1, rounded to whole patches.
    apart
        Chance, 0 to 1, that the bands have holes of their own.

    Returns
    -------
    ndarray
        (bands, edge, edge), true where hidden.
    """
    side = edge // patch
    draws = bands if rng.random() < apart else 1
    hidden = np.zeros((draws, side * side), np.bool_)
    for band in hidden:
        band[rng.permutation(side * side)[: round(share * side * side)]] = True
    whole = hidden.reshape(draws, side, side).repeat(patch, axis=1).repeat(patch, axis=2)
    return np.broadcast_to(whole, (bands, edge, edge))


def hidden_error(predicted: Tensor, image: Tensor, hidden: Tensor, valid: Tensor) -> Tensor:
    """Return the mean absolute error over the pixels that are hidden and valid (SimMIM, Xie et al. 2022).

    A pixel that is shown or invalid changes neither the value nor any gradient, whatever is predicted for it.

    Parameters
    ----------
    predicted, image
        (n, bands, rows, columns) in the same units.
    hidden
        (n, bands, rows, columns).
    valid
        (n, rows, columns).

    Returns
    -------
    torch.Tensor
        A scalar, at least 0; exactly 0 with zero gradient where no pixel counts.
    """
    # Selecting keeps an undefined value of a pixel that does not count out, where a product with 0 would not. Their
    # places are found once: to count them, a GPU has to be waited for.
    counts = (hidden & valid.unsqueeze(1)).nonzero(as_tuple=True)
    differences = (predicted[counts].float() - image[counts].float()).abs()
    return differences.sum() / max(1, differences.numel())


def mean_colour(image: Tensor, shown: Tensor) -> Tensor:
    """Return the mean of each band of each crop over what is shown, everywhere: what a network has to beat.

    Parameters
    ----------
    image, shown
        (n, bands, rows, columns); the second is true where a number may be seen. Bands that show nothing give 0.
    """
    number = shown.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    return ((image * shown).sum(dim=(2, 3), keepdim=True) / number).expand_as(image)
