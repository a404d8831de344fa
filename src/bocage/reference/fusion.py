"""Fusing the votes of the layers to one label and a confidence: pure, and the same in whichever order they come.

This is the method "rules"; :mod:`bocage.reference.latent` is the other one, with the same outputs.

========================================  ==========  ==================================================================
what the votes say                        label       why
========================================  ==========  ==================================================================
no layer says anything                    255         nodata is a third state, never background
decisive votes, all for the same class    that class  a complete map or a rule of the product outranks coarse layers
decisive votes against each other         255         two authorities disagree: a person must look
summed points at or above ``CERTAIN``     1           the layers together make "tree" at least 4 times as likely
summed points at or below ``-CERTAIN``    0           the same for "no tree"
summed points between                     255         doubt is not taught to a model
========================================  ==========  ==================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bocage.errors import LayerError
from bocage.reference.votes import DECISIVE, Vote

# In half nats: exp(3 / 2) = 4.5 times as likely.
CERTAIN = 3
IGNORE = 255


def fuse(votes: Sequence[Vote]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Fuse votes on one window.

    Returns
    -------
    label
        (rows, columns) uint8: 1 tree, 0 no tree, 255 doubt or nothing known.
    confidence
        (rows, columns) uint8: how far the evidence lies from doubt, 0 (none, or in balance) to 100 (certain);
        255 where nothing is known. It is ``100 |2 p - 1|`` with p the logistic of the evidence in nats.

    Raises
    ------
    LayerError
        If there is no vote, or votes differ in shape.
    """
    if not votes or len({vote.points.shape for vote in votes}) != 1:
        raise LayerError("no votes of one shape to fuse", "register at least one reference layer in bocage.toml")
    shape = votes[0].points.shape
    total = np.zeros(shape, np.int32)
    known, for_tree, against = (np.zeros(shape, np.bool_) for _ in range(3))
    for vote in votes:
        known |= vote.valid
        decisive = vote.valid & (np.abs(vote.points) >= DECISIVE)
        for_tree |= decisive & (vote.points > 0)
        against |= decisive & (vote.points < 0)
        total += np.where(vote.valid & ~decisive, vote.points, 0)
    settled, conflict = for_tree ^ against, for_tree & against

    label = np.full(shape, IGNORE, np.uint8)
    label[known & (total >= CERTAIN)] = 1
    label[known & (total <= -CERTAIN)] = 0
    label[settled] = for_tree[settled]
    label[conflict] = IGNORE

    confidence = np.rint(100 * np.abs(np.tanh(total / 4))).astype(np.uint8)
    confidence[settled] = 100
    confidence[conflict] = 0
    confidence[~known] = IGNORE
    return label, confidence
