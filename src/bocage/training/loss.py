"""The loss: weighted cross entropy and soft Dice over the decided pixels, as if the ignored ones did not exist."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional

IGNORE = 255


def masked_loss(logit: Tensor, label: Tensor, weight: Tensor | None = None, *, dice: bool = True) -> Tensor:
    """Return sum(w e) / sum(w) of the cross entropy e, and with ``dice`` 1 - Dice, over pixels whose label is not 255.

    All sums are over the decided pixels of the whole batch, so an ignored pixel changes neither the value nor any
    gradient, and a batch without trees still has a gradient (from the cross entropy). Dice is
    2 sum(w p t) / (sum(w p) + sum(w t)), with 1 added above and below (Milletari et al. 2016). Where several processes
    share a batch the sums are over all of them, so that the loss does not depend on how it was shared.

    Parameters
    ----------
    logit
        (n, rows, columns).
    label
        The same shape: 0 other, 1 tree, 255 ignore.
    weight
        The same shape, 0..1, what a pixel counts; None is 1 everywhere. What it says of an ignored pixel is not read.

    Returns
    -------
    torch.Tensor
        A scalar, at least 0; exactly 0 with zero gradient where no pixel is decided.
    """
    # Selecting keeps an infinite or undefined logit of an ignored pixel out, where a product with 0 would not. Their
    # places are found once: to count them, a GPU has to be waited for.
    decided = (label != IGNORE).nonzero(as_tuple=True)
    logit, truth = logit[decided].float(), (label[decided] == 1).float()
    counts = torch.ones_like(truth) if weight is None else weight[decided].float()
    error = functional.binary_cross_entropy_with_logits(logit, truth, reduction="none")
    terms = [counts * error, counts]
    if dice:
        seen = counts * logit.sigmoid()
        terms += [seen * truth, seen, counts * truth]
    sums = torch.stack([term.sum() for term in terms])
    if distributed.is_available() and distributed.is_initialized():
        sums = _SumOfAll.apply(sums)
    # Without a decided pixel the sums are 0, and so is what is divided here.
    loss = sums[0] / sums[1].clamp(min=torch.finfo(sums.dtype).tiny)
    if dice:
        loss = loss + 1 - (2 * sums[2] + 1) / (sums[3] + sums[4] + 1)
    return loss


def weight_sum(label: Tensor, weight: Tensor | None) -> float:
    """Return the sum of the weights of the decided pixels: what the loss of a part of a batch counts in the whole."""
    decided = label != IGNORE
    return float(decided.sum()) if weight is None else float(weight[decided].sum())


class _SumOfAll(torch.autograd.Function):
    """The sum of a tensor over all processes, in each of them.

    Every process has the whole loss, and the mean of their gradients is taken afterwards: so what flows back is the sum
    of what flows in, and the mean is the gradient of one process with the whole batch.
    """

    @staticmethod
    def forward(_context: Any, own: Tensor) -> Tensor:
        total = own.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total
