"""Hiding patches of an image, and the error over what was hidden."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def draw_hidden(edge: int, patch: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which pixels of a square crop are hidden: a fixed share of its patches, drawn at random.

    Parameters
    ----------
    edge, patch
        Edges of the crop and of a patch in pixels; the first is a multiple of the second.
    share
        Share of the patches that is hidden, 0 to 1, rounded to whole patches.

    Returns
    -------
    ndarray
        (edge, edge), true where hidden.
    """
    side = edge // patch
    hidden = np.zeros(side * side, np.bool_)
    hidden[rng.permutation(side * side)[: round(share * side * side)]] = True
    return hidden.reshape(side, side).repeat(patch, axis=0).repeat(patch, axis=1)


def hidden_error(predicted: Tensor, image: Tensor, hidden: Tensor, valid: Tensor) -> Tensor:
    """Return the mean absolute error over the pixels that are hidden and valid (SimMIM, Xie et al. 2022).

    A pixel that is shown or invalid changes neither the value nor any gradient, whatever is predicted for it.

    Parameters
    ----------
    predicted, image
        (n, bands, rows, columns) in the same units.
    hidden, valid
        (n, rows, columns).

    Returns
    -------
    torch.Tensor
        A scalar, at least 0; exactly 0 with zero gradient where no pixel counts.
    """
    counts = hidden & valid
    if not bool(counts.any()):
        return predicted.nan_to_num(0, 0, 0).sum() * 0
    # Selecting keeps an undefined value of a pixel that does not count out, where a product with 0 would not.
    places = counts.unsqueeze(1).expand_as(predicted)
    return (predicted[places].float() - image[places].float()).abs().mean()


def mean_colour(image: Tensor, shown: Tensor) -> Tensor:
    """Return each crop's mean over what is shown, in all of its pixels: the guess that a network has to beat.

    Parameters
    ----------
    image
        (n, bands, rows, columns).
    shown
        (n, rows, columns), true where the pixel may be looked at. A crop that shows nothing gives 0.
    """
    weight = shown.unsqueeze(1)
    number = weight.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    return ((image * weight).sum(dim=(2, 3), keepdim=True) / number).expand_as(image)
