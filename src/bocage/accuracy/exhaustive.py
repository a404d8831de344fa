"""Comparing a map with a complete reference, pixel by pixel: confusion, IoU, F1 and the fit of the boundaries.

Where truth is complete nothing has to be estimated. The counts of windows add up, so that the figures of a scene or of
an area do not depend on how it was cut into windows.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

NODATA = 255
BOUNDARY_PIXELS = 2

# What a pixel is, in the three low bits of its flags; the boundary bits lie above.
_REJECTED, _FALSE, _MISSED, _HIT, _NO_REFERENCE, _NO_MAP = range(6)
_EDGE_MAP, _EDGE_MAP_MET, _EDGE_TRUTH, _EDGE_TRUTH_MET = 8, 16, 32, 64


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of pixels; tallies of disjoint windows can be added.

    Attributes
    ----------
    hit, false, missed, rejected
        True and false positives, false and true negatives of tree.
    no_reference, no_map
        Pixels that are left out because truth or map is nodata.
    edge_map, edge_map_met, edge_truth, edge_truth_met
        Boundary pixels of tree in the map and in truth, and those with one of the other within the tolerance.
    """

    hit: int = 0
    false: int = 0
    missed: int = 0
    rejected: int = 0
    no_reference: int = 0
    no_map: int = 0
    edge_map: int = 0
    edge_map_met: int = 0
    edge_truth: int = 0
    edge_truth_met: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(own + its for own, its in zip(astuple(self), astuple(other), strict=True)))

    @property
    def decided(self) -> int:
        """Pixels with a class in both."""
        return self.hit + self.false + self.missed + self.rejected

    @property
    def iou(self) -> float | None:
        """Intersection over union of tree, None where neither holds tree."""
        return _share(self.hit, self.hit + self.false + self.missed)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall of tree."""
        return _share(2 * self.hit, 2 * self.hit + self.false + self.missed)

    @property
    def precision(self) -> float | None:
        """Share of mapped tree that is tree (user's accuracy)."""
        return _share(self.hit, self.hit + self.false)

    @property
    def recall(self) -> float | None:
        """Share of true tree that is mapped (producer's accuracy)."""
        return _share(self.hit, self.hit + self.missed)

    @property
    def overall(self) -> float | None:
        """Share of pixels that agree."""
        return _share(self.hit + self.rejected, self.decided)

    @property
    def boundary_f1(self) -> float | None:
        """Harmonic mean of the shares of boundary pixels that meet one of the other within the tolerance.

        Csurka et al. (2013), What is a good evaluation measure for semantic segmentation?, BMVC.
        """
        if not self.edge_map or not self.edge_truth:
            return None
        precision, recall = self.edge_map_met / self.edge_map, self.edge_truth_met / self.edge_truth
        return _share(2 * precision * recall, precision + recall) if precision + recall else 0.0

    def figures(self) -> dict[str, float | int | None]:
        """Return all figures and counts as a JSON-like dictionary."""
        return {
            "iou": self.iou,
            "f1": self.f1,
            "precision": self.precision,
            "recall": self.recall,
            "overall": self.overall,
            "boundary_f1": self.boundary_f1,
            "pixels": self.decided,
            "hit": self.hit,
            "false": self.false,
            "missed": self.missed,
            "rejected": self.rejected,
            "no_reference": self.no_reference,
            "no_map": self.no_map,
        }


def compare(mapped: NDArray[np.uint8], truth: NDArray[np.uint8], reach: int = BOUNDARY_PIXELS) -> NDArray[np.uint8]:
    """Return what each pixel is, as flags for :func:`tally`.

    Parameters
    ----------
    mapped, truth
        (rows, columns) 0 background, 1 tree, 255 nodata.
    reach
        Tolerance of the boundary in pixels.

    Notes
    -----
    Boundaries look ``reach`` + 1 pixels around: pass a margin of that width and cut it off. The edge of the data is no
    boundary.
    """
    state = (2 * (truth == 1) + (mapped == 1)).astype(np.uint8)
    state[truth == NODATA] = _NO_REFERENCE
    state[mapped == NODATA] = _NO_MAP
    decided = state <= _HIT
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    edges = [_boundary(classes) for classes in (mapped, truth)]
    near = [cv2.dilate(edge.astype(np.uint8), kernel) == 1 for edge in edges]
    flags: NDArray[np.uint8] = state.copy()
    for own, other, is_edge, is_met in (
        (0, 1, _EDGE_MAP, _EDGE_MAP_MET),
        (1, 0, _EDGE_TRUTH, _EDGE_TRUTH_MET),
    ):
        edge = edges[own] & decided
        flags[edge] |= is_edge
        flags[edge & near[other]] |= is_met
    return flags


def tally(flags: NDArray[np.uint8], inside: NDArray[np.bool_] | None = None) -> Tally:
    """Count the flags of :func:`compare`, of all pixels or of those ``inside``."""
    counts = np.bincount(flags.ravel() if inside is None else flags[inside], minlength=128)
    values = np.arange(128)

    def number(chosen: NDArray[np.bool_]) -> int:
        return int(counts[chosen].sum())

    state = values & 7
    return Tally(
        hit=number(state == _HIT),
        false=number(state == _FALSE),
        missed=number(state == _MISSED),
        rejected=number(state == _REJECTED),
        no_reference=number(state == _NO_REFERENCE),
        no_map=number(state == _NO_MAP),
        edge_map=number(values & _EDGE_MAP > 0),
        edge_map_met=number(values & _EDGE_MAP_MET > 0),
        edge_truth=number(values & _EDGE_TRUTH > 0),
        edge_truth_met=number(values & _EDGE_TRUTH_MET > 0),
    )


def _boundary(classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return tree pixels with a background pixel above, below, left or right."""
    background = (classes == 0).astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    touching = cv2.dilate(background, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    near: NDArray[np.bool_] = (touching == 1) & (classes == 1)
    return near


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
