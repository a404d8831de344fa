"""The type of each feature with a confidence, by the table of :mod:`bocage.features.decision_table`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bocage.features.decision_table import POINTS_PER_NAT, START, TABLE, TYPES, Row
from bocage.features.measures import measures_of
from bocage.features.sums import Sums

# Rows that speak less than this are not named.
_NAMED = 0.5

COLUMNS: Mapping[str, str] = {
    "slf_type": "str", "type_confidence": "float64", "type_rules": "str",
    "axis_length_m": "float64", "axis_width_m": "float64", "width_max_m": "float64", "orientation_deg": "float64",
    "straightness": "float64", "gaps": "float64", "gap_share": "float64", "rhythm": "float64", "rhythm_m": "float64",
    "near_streams": "float64", "along_streams": "float64", "near_roads": "float64", "along_roads": "float64",
    "near_fields": "float64", "along_fields": "float64", "near_built_up": "float64",
}  # fmt: skip
"""The columns that a table of features takes from here, with their types."""


def type_columns(sums: Sums, resolution: float, linear: NDArray[np.bool_]) -> pd.DataFrame:
    """Return :data:`COLUMNS` of components from their joined sums; the measures are those of ``measures_of``."""
    measures = measures_of(sums, resolution, linear)
    return typed(measures).join(measures)[list(COLUMNS)].astype(dict(COLUMNS))


def typed(measures: pd.DataFrame) -> pd.DataFrame:
    """Return the types of features from their measures.

    Returns
    -------
    pandas.DataFrame
        On the same index: ``slf_type``, one of :data:`bocage.features.decision_table.TYPES`; ``type_confidence``, its
        share of the odds, 1 / number of types where nothing is known to nearly 1; ``type_rules``, the names of the rows
        that spoke, in the order of the table, separated by "; ".
    """
    points, voices = points_of(measures)
    odds = np.exp((points - points.max(axis=1, keepdims=True)) / POINTS_PER_NAT)
    names = np.array([row.name for row in TABLE], object)
    best = odds.argmax(axis=1)
    return pd.DataFrame(
        {
            "slf_type": pd.Series(np.array(TYPES, object)[best], measures.index, "str"),
            "type_confidence": pd.Series(
                odds[np.arange(len(best)), best] / odds.sum(axis=1), measures.index, "float64"
            ),
            "type_rules": pd.Series(["; ".join(names[said]) for said in voices >= _NAMED], measures.index, "str"),
        }
    )


def points_of(measures: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (features, types) points and (features, rows) how far each row of the table speaks."""
    points = np.tile([START[name] for name in TYPES], (len(measures), 1)).astype(np.float64)
    voices = np.zeros((len(measures), len(TABLE)))
    for number, row in enumerate(TABLE):
        voices[:, number] = strength(row, measures)
        points += voices[:, [number]] * np.array([row.points.get(name, 0.0) for name in TYPES])
    return points, voices


def strength(row: Row, measures: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far a row speaks about each feature, 0 to 1; 0 where one of its measures is unknown."""
    result = np.ones(len(measures))
    for name, (silent, full) in row.when.items():
        share = (measures[name].to_numpy(np.float64) - silent) / (full - silent)
        result *= np.nan_to_num(np.clip(share, 0, 1))
    return result
