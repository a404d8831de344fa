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
        Least number of objects in a leaf.
    answering
        How many training images answer for an image that was not trained on, where each has a forest.
    most
        Objects that a forest is grown from at most; of more, a random share is kept.
    """

    scale: float = 4.0
    smallest: int = 6
    trees: int = 60
    leaf: int = 4
    answering: int = 3
    most: int = 400_000
