"""The type of each feature with a confidence, by the table of :mod:`bocage.features.decision_table`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bocage.features.decision_table import START, TABLE, TYPES, Row

# Rows that speak less than this are not named.
_NAMED = 0.5

COLUMNS = {"slf_type": "str", "type_confidence": "float64", "type_rules": "str"}


def typed(measures: pd.DataFrame) -> pd.DataFrame:
    """Return the types of features from their measures.

    Returns
    -------
    pandas.DataFrame
        On the same index: ``slf_type``, one of :data:`bocage.features.decision_table.TYPES`; ``type_confidence``, its
        share of the odds, 1 / number of types where nothing is known to nearly 1; ``type_rules``, the names of the rows
        that spoke, in the order of the table, separated by "; ".
    """
    count = len(measures)
    points = np.tile([START[name] for name in TYPES], (count, 1)).astype(np.float64)
    voices = np.zeros((count, len(TABLE)))
    for number, row in enumerate(TABLE):
        voices[:, number] = strength(row, measures)
        points += voices[:, [number]] * np.array([row.points.get(name, 0.0) for name in TYPES])
    odds = np.exp((points - points.max(axis=1, keepdims=True)) / 2) if count else points
    names = np.array([row.name for row in TABLE], object)
    best = odds.argmax(axis=1)
    return pd.DataFrame(
        {
            "slf_type": pd.Series(np.array(TYPES, object)[best], measures.index, "str"),
            "type_confidence": pd.Series(odds[np.arange(count), best] / odds.sum(axis=1), measures.index, "float64"),
            "type_rules": pd.Series(["; ".join(names[said]) for said in voices >= _NAMED], measures.index, "str"),
        }
    )


def strength(row: Row, measures: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far a row speaks about each feature, 0 to 1; 0 where one of its measures is unknown."""
    result = np.ones(len(measures))
    for name, (silent, full) in row.when.items():
        share = (measures[name].to_numpy(np.float64) - silent) / (full - silent)
        result *= np.nan_to_num(np.clip(share, 0, 1))
    return result
