"""How objects are made and forests grown: the numbers that were tuned, once, on validation scenes (decision 17)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Parameters of the GEOBIA forest.

    Attributes
    ----------
    scale, smallest
        Of the objects: see :func:`bocage.models.forest.objects.image_objects`.
    trees
        Trees per forest.
    leaf
        Least share of the labelled pixels' weight in a leaf, as a number of objects.
    considered
        Share of the features that a split chooses among.
    answering
        How many training images answer for an image that was not trained on, where each has a forest.
    most
        Objects that a forest is grown from at most; of more, a random share is kept.
    """

    scale: float = 4.0
    smallest: int = 6
    trees: int = 100
    leaf: int = 4
    considered: float = 0.2
    answering: int = 3
    most: int = 400_000
