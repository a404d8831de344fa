"""The tables of codes accept what the products hold and nothing else."""

import numpy as np
import pytest

from bocage.reference.codes import TABLES
from bocage.settings import LayerKind


@pytest.mark.parametrize(
    ("kind", "values", "unknown"),
    [
        ("tree_cover_density", [0, 37, 100, 254, 255], []),
        ("tree_cover_density", [101, 50, 200], [101, 200]),
        ("small_woody_features", [0, 1, 2, 3, 254, 255], []),
        ("small_woody_features", [4], [4]),
        ("crop_types", [0, 1110, 2100, 3200, 65535], []),
        ("crop_types", [1, 2100], [1]),
        ("canopy_height", [0.0, 38.5, 255.0, np.nan], []),
        ("canopy_height", [140.0, -9.0], [-9.0, 140.0]),
        ("classes", [0, 4, 77], []),
    ],
)
def test_a_value_outside_the_table_is_unknown(kind: LayerKind, values: list[float], unknown: list[float]) -> None:
    assert TABLES[kind].unknown(np.array(values)) == unknown
