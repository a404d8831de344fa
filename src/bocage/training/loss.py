"""The loss: cross entropy and soft Dice over the decided pixels, as if the ignored ones did not exist."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

IGNORE = 255


def masked_loss(logit: Tensor, label: Tensor) -> Tensor:
    """Return binary cross entropy + (1 - Dice) over the pixels whose label is not 255.

    Both terms are sums over the decided pixels of the whole batch divided by sums over the same pixels, so an ignored
    pixel changes neither the value nor any gradient, and a batch without trees still has a gradient (from the cross
    entropy). Dice is 2 sum(p t) / (sum(p) + sum(t)), with 1 added above and below (Milletari et al. 2016).

    Parameters
    ----------
    logit
        (n, rows, columns).
    label
        The same shape: 0 other, 1 tree, 255 ignore.

    Returns
    -------
    torch.Tensor
        A scalar, at least 0; exactly 0 with zero gradient where no pixel is decided.
    """
    decided = label != IGNORE
    if not bool(decided.any()):
        return logit.sum() * 0
    # Selecting keeps an infinite or undefined logit of an ignored pixel out, where a product with 0 would not.
    logit, truth = logit[decided].float(), (label[decided] == 1).float()
    probability = logit.sigmoid()
    dice = (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)
    return functional.binary_cross_entropy_with_logits(logit, truth) + 1 - dice
