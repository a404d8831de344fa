"""Scoring a model, or the colour threshold, on whole chips: in all and per scene."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocage.models.segmenter import Segmenter
from bocage.progress import track
from bocage.training.boundary import BoundaryAgreement
from bocage.training.chips import ChipStore
from bocage.training.scores import Agreement

THRESHOLD = 0.5
"""Probability from which a pixel counts as tree in the scores."""


def evaluate(segmenter: Segmenter, store: ChipStore, description: str | None = None) -> dict[str, Agreement]:
    """Return the agreement of each scene's chips with their labels, by scene id.

    Every chip is predicted whole, padded with invalid pixels up to the model's multiple. With a description, a progress
    bar is shown; inside another bar there can be none.
    """
    result: dict[str, Agreement] = {}
    indices: Iterable[int] = range(len(store))
    for index in indices if description is None else track(indices, description, total=len(store)):
        image, label = store.read(index)
        scene = store.chips[index].scene_id
        predicted = predict_chip(segmenter, image) >= THRESHOLD
        agreement = replace(Agreement.of(predicted, label), boundary=BoundaryAgreement.of(predicted, label))
        result[scene] = result.get(scene, Agreement()) + agreement
    return dict(sorted(result.items()))


def predict_chip(segmenter: Segmenter, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probabilities of one image (4, rows, columns) of any size."""
    _, rows, columns = image.shape
    padding = ((0, 0), (0, -rows % segmenter.multiple), (0, -columns % segmenter.multiple))
    padded = np.pad(image, padding)
    return segmenter.predict(padded[np.newaxis], padded.any(axis=0)[np.newaxis])[0, :rows, :columns]


def total(agreements: Mapping[str, Agreement]) -> Agreement:
    """Return the agreement over all scenes: every pixel counts the same."""
    return sum(agreements.values(), Agreement())


def figures(agreements: Mapping[str, Agreement]) -> dict[str, Any]:
    """Return the scores over all pixels and, under "scenes", those of each scene with its counts."""
    scenes = {scene: {**agreement.scores(), "counts": agreement.counts()} for scene, agreement in agreements.items()}
    return {**total(agreements).scores(), "scenes": scenes}
