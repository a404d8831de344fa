"""The learning curve that was published for this task: Satlas against a U-Net, over their numbers of samples.

Made on other imagery, with other labels and another unit of annotation, so its heights are not to be compared with
ours; what it claims is the distance between the two curves.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedCurve:
    """IoU of one published model by its number of training samples."""

    name: str
    samples: tuple[int, ...]
    iou: tuple[float, ...]


PUBLISHED = (
    PublishedCurve("Satlas", (5, 50, 500, 5000, 10000), (0.539, 0.623, 0.706, 0.711, 0.702)),
    PublishedCurve("U-Net", (5, 50, 500, 5000, 10000), (0.393, 0.579, 0.649, 0.672, 0.698)),
)
