"""Features with all their measures and their labels on the cells, as the benchmark of types needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from bocage.features import features_of
from bocage.features.axis import axes_of, axis_sums
from bocage.features.context import Context, context_sums
from bocage.features.measures import measures_of
from bocage.features.patch import Patch
from bocage.features.shape import shape_sums
from bocage.features.sums import Sums
from bocage.features.types import typed

HEIGHT = ("canopy_m", "tall_share")


@dataclass(frozen=True, slots=True)
class Typed:
    """Features as the stage draws them.

    Attributes
    ----------
    table
        One row per feature: measures, ``slf_type``, ``type_confidence``, ``slf_class``.
    labels
        (rows, columns): row of the table plus 1, 0 where no feature is.
    """

    table: pd.DataFrame
    labels: NDArray[np.int32]


def typed_features(
    cover: NDArray[np.floating],
    transform: Affine,
    crs: str,
    *,
    threshold: float = 0.5,
    height: NDArray[np.floating] | None = None,
    context: Context | None = None,
    forest: NDArray[np.bool_] | None = None,
) -> Typed:
    """Derive the features of a cover (0 to 1, NaN unknown) and measure them on the cells of their outlines."""
    known = ~np.isnan(cover)
    mask = np.nan_to_num(cover) >= threshold - 1e-5
    found = features_of(mask, transform, crs, valid=known, probability=cover, forest=forest, types=False)
    numbers = zip(found.geometry, range(1, len(found) + 1), strict=True)
    labels = (
        rasterize(numbers, out_shape=cover.shape, transform=transform, dtype="int32")
        if len(found)
        else np.zeros(cover.shape, np.int32)
    )
    kinds = np.concatenate([[0], found["slf_class"].to_numpy(int)])
    resolution = float(transform.a)
    patch = Patch.whole(
        labels, kinds[labels] == 1, len(found), resolution, row=round(-transform.f / resolution),
        column=round(transform.c / resolution), cover=cover, height=height,
    )  # fmt: skip
    axes = axes_of(patch)
    sums = Sums.merged([axis_sums(patch, axes), shape_sums(patch), context_sums(patch, axes, context or Context({}))])
    measures = measures_of(sums, resolution, kinds[1:] == 1)
    return Typed(measures.join(typed(measures)).assign(slf_class=kinds[1:]), labels)
