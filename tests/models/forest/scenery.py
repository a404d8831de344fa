"""Small images of crowns on grass, and a recipe that grows in no time."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bocage.models.forest.recipe import Recipe

QUICK = Recipe(trees=7, answering=2)


def scenery(seed: int, edge: int = 40, light: float = 1.0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return an image (4, edge, edge) of dark, rough crowns on bright grass, and its label with an undecided corner."""
    rng = np.random.default_rng(seed)
    tree = cv2.GaussianBlur(rng.standard_normal((edge, edge)), (0, 0), 4) > 0.02
    image = rng.normal(110, 5, (4, edge, edge))
    image[3] += 40
    image[:, tree] += rng.normal(-40, 20, (4, int(tree.sum())))
    label = tree.astype(np.uint8)
    label[:6, :6] = 255
    return (image * light).clip(1, 255).astype(np.uint8), label
