"""The values that each kind of reference layer may hold, with the document that says so.

A value that is in no table stops the work: it means another product, another release or a damaged file, and a label
made from it would be wrong without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocage.settings import LayerKind

VINEYARD = 2100
WOODY_CROPS = (2200, 2310, 2320, 3200)
ARABLE_CROPS = (1110, 1120, 1130, 1140, 1150, 1210, 1220, 1310, 1320, 1410, 1420, 1430, 1440, 3100)
TALLEST_CANOPY = 130.0


@dataclass(frozen=True, slots=True)
class CodeTable:
    """What the values of one kind of layer mean.

    Attributes
    ----------
    codes
        Every value that the product may hold, nodata among them; empty for a continuous layer.
    nodata
        The values that say "nothing is known here". For a product with a table they hold whatever the file declares:
        deliveries that declare 0 as nodata occur, and there 0 is a finding.
    limits
        Lowest and highest plausible value of a continuous layer.
    source
        Where the table stands.
    """

    kind: LayerKind
    codes: frozenset[int]
    nodata: tuple[int, ...]
    limits: tuple[float, float] | None
    source: str

    def unknown(self, values: NDArray[Any]) -> list[float]:
        """Return the distinct values that the table does not hold, sorted; NaN counts as nodata."""
        if self.limits is not None:
            low, high = self.limits
            given = values[np.isfinite(values) & ~np.isin(values, self.nodata)]
            return sorted({float(value) for value in np.unique(given[(given < low) | (given > high)])})
        if not self.codes:
            return []
        return [float(value) for value in np.unique(values) if float(value) not in self.codes]


TABLES: Mapping[LayerKind, CodeTable] = MappingProxyType(
    {
        table.kind: table
        for table in (
            CodeTable(
                "classes",
                frozenset(),
                (),
                None,
                "the project's own map: `tree` and `ignore` in bocage.toml say what its codes mean",
            ),
            CodeTable(
                "tree_cover_density",
                frozenset((*range(101), 254, 255)),
                (254, 255),
                None,
                "HRL Tree Cover Density, % at 10 m: PUM Tree Cover and Forests 2018-present; 254 unclassifiable, "
                "255 outside area",
            ),
            CodeTable(
                "small_woody_features",
                frozenset((0, 1, 2, 3, 254, 255)),
                (254, 255),
                None,
                "HRL Small Woody Features at 5 m: PUM HRLSLF v1.1; 2015 has 1 linear, 2 patchy, 3 additional woody",
            ),
            CodeTable(
                "canopy_height",
                frozenset(),
                (255,),
                (-5.0, TALLEST_CANOPY),
                "Meta and WRI canopy height, metres; 255 nodata; the tallest tree on Earth has 116 m",
            ),
            CodeTable(
                "crop_types",
                frozenset((0, *ARABLE_CROPS, VINEYARD, *WOODY_CROPS, 65535)),
                (65535,),
                None,
                "HRL Crop Types at 10 m: PUM Croplands 2017-present v2; 65535 outside area",
            ),
        )
    }
)
