"""What a pixel counts in the loss: the confidence of its label, and the weight of the sample that it lies in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bocage.errors import TrainingError
from bocage.files import digest_json
from bocage.grid import Window
from bocage.project import Project
from bocage.reference.labels import read_confidence
from bocage.samples import Samples
from bocage.settings import RunSettings
from bocage.training.chips import Chip

FULL = 250
"""The byte that stands for a weight of 1."""
_CERTAIN = 100


@dataclass(frozen=True)
class Weighting:
    """Weights of the pixels of some chips, as bytes of 0 to ``FULL``.

    The weight of a sample is taken relative to the largest, so that none is above 1; a share below 1 / 250 counts as
    that much.

    Attributes
    ----------
    confidence
        (rows, columns) uint8 0 to 100 by sample id, or empty where confidence does not count.
    sample
        0..1 by sample id.
    """

    confidence: dict[str, NDArray[np.uint8]]
    sample: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project, run: RunSettings, chips: Sequence[Chip]) -> Weighting | None:
        """Return what the run wants pixels to count by, or None where all count the same.

        Raises
        ------
        ProjectError
            If the confidence is wanted and no labels were built here.
        TrainingError
            If it is known of no decided pixel.
        """
        if not run.weights:
            return None
        largest = max(chip.weight for chip in chips)
        sample = {chip.sample_id: chip.weight / largest if "sample" in run.weights else 1.0 for chip in chips}
        confidence: dict[str, NDArray[np.uint8]] = {}
        if "confidence" in run.weights:
            samples = Samples.read(project)
            windows = dict(zip(samples.table["sample_id"], samples.windows(), strict=True))

            def read(chip: Chip) -> NDArray[np.uint8]:
                window: Window = windows[chip.sample_id]
                return read_confidence(project, window)

            with ThreadPoolExecutor(4) as pool:
                confidence = dict(zip(sample, pool.map(read, chips), strict=True))
            if not any(one.any() for one in confidence.values()):
                raise TrainingError(
                    f"run {run.name}: the confidence of the labels is 0 in all {len(chips)} chips to train with",
                    'drop "confidence" from weights, or build the labels of the area of the samples',
                )
        return cls(confidence, sample)

    @property
    def digest(self) -> str:
        """SHA-256 of all weights."""
        pixels = {name: hashlib.sha256(one.tobytes()).hexdigest() for name, one in self.confidence.items()}
        return digest_json([self.sample, pixels])

    def crop(self, chip: Chip, row: int, column: int, edge: int) -> NDArray[np.uint8]:
        """Return the weights of a square crop; 0 where it leaves the chip."""
        share = self.sample.get(chip.sample_id, 1.0)
        rows, columns = chip.shape
        top, left, bottom, right = max(row, 0), max(column, 0), min(row + edge, rows), min(column + edge, columns)
        result = np.zeros((edge, edge), np.float32)
        inside = np.s_[top - row : bottom - row, left - column : right - column]
        whole = self.confidence.get(chip.sample_id)
        result[inside] = share if whole is None else share * whole[top:bottom, left:right] / _CERTAIN
        # What counts at all must not be rounded to nothing.
        return np.where(result > 0, np.maximum(1, np.rint(result * FULL)), 0).astype(np.uint8)
