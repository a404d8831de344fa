"""The values that each kind of reference layer may hold, with the document that says so.

A value that is in no table stops the work: it means another product, another release or a damaged file, and a label
made from it would be wrong without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocage.settings import LayerKind, LayerSettings

VINEYARD = 2100
WOODY_CROPS = (2200, 2310, 2320, 3200)
ARABLE_CROPS = (1110, 1120, 1130, 1140, 1150, 1210, 1220, 1310, 1320, 1410, 1420, 1430, 1440, 3100)
TALLEST_CANOPY = 130.0
BACKBONE_TREES = (2, 3, 4)
BACKBONE_SHRUBS = 5
BACKBONE_SEA = 253
WORLDCOVER_TREES = 10
WORLDCOVER_SHRUBS = 20
WORLDCOVER_MANGROVES = 95
# Urban Atlas writes five digits; those that begin with 1 are artificial surfaces.
URBAN_ATLAS_ARTIFICIAL = (
    11100, 11210, 11220, 11230, 11240, 11300, 12100, 12210, 12220, 12230, 12300, 12400, 13100, 13300, 13400, 14100,
    14200,
)  # fmt: skip
URBAN_ATLAS_OTHER = (21000, 22000, 23000, 24000, 25000, 31000, 32000, 33000, 40000, 50000)
URBAN_ATLAS_UNKNOWN = (91000, 92000)
ZONES: Mapping[str, int] = MappingProxyType(
    {
        name: number
        for number, name in enumerate(
            "ALN BOR NEM ATN ALS CON ATC PAN LUS ANA MDM MDN MDS MAC ARC".split(),  # noqa: SIM905 - read as a row
            start=1,
        )
    }
)
"""The environmental zones by their letters; a layer of polygons with letters is read as these numbers."""


@dataclass(frozen=True, slots=True)
class CodeTable:
    """What the values of one kind of layer mean.

    Attributes
    ----------
    codes
        Every value that the product may hold, nodata among them; empty for a continuous layer and for an open table.
    nodata
        The values that say "nothing is known here". For a product with a table they hold whatever the file declares:
        deliveries that declare 0 as nodata occur, and there 0 is a finding.
    limits
        Lowest and highest plausible value of a continuous layer.
    source
        Where the table stands.
    pixels
        Smallest and largest pixel of the product in metres, or None where anything goes: a file with other pixels is
        another product, whose values would be misread.
    """

    kind: LayerKind
    codes: frozenset[int]
    nodata: tuple[int, ...]
    limits: tuple[float, float] | None
    source: str
    pixels: tuple[float, float] | None = None

    def unknown(self, values: NDArray[Any]) -> list[float]:
        """Return the distinct values that the table does not hold, sorted; NaN counts as nodata."""
        if self.limits is not None:
            low, high = self.limits
            given = values[np.isfinite(values) & ~np.isin(values, self.nodata)]
            return sorted({float(value) for value in np.unique(given[(given < low) | (given > high)])})
        found = [float(value) for value in np.unique(values)]
        if not self.codes:
            return [value for value in found if not value.is_integer()]
        return [value for value in found if value not in self.codes]


def _masks(kind: LayerKind, source: str) -> CodeTable:
    return CodeTable(kind, frozenset((0, 1, 255)), (255,), None, source)


TABLES: Mapping[LayerKind, CodeTable] = MappingProxyType(
    {
        table.kind: table
        for table in (
            CodeTable(
                "classes",
                frozenset(),
                (),
                None,
                "the project's own map: `tree`, `other` and `ignore` in bocage.toml say what its codes mean",
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
                (0.0, 20.0),
            ),
            CodeTable(
                "small_woody_density",
                frozenset((*range(101), 254, 255)),
                (254, 255),
                None,
                "HRL Small Woody Features at 100 m, % of the cell: PUM HRLSLF v1.1",
                (50.0, 2000.0),
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
            CodeTable(
                "clc_backbone",
                frozenset((*range(1, 12), BACKBONE_SEA, 254, 255)),
                (BACKBONE_SEA, 254, 255),
                None,
                "CLC+ Backbone at 10 m: EEA quality checks of 2018, 2021 and 2023; 2 to 4 trees, 5 shrubs, 253 sea "
                "buffer, 254 outside area, 255 no data",
            ),
            CodeTable(
                "worldcover",
                frozenset((0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)),
                (0,),
                None,
                "ESA WorldCover at 10 m, v100 and v200; 10 trees, 20 shrubs, 95 mangroves, 0 no data",
            ),
            _masks("forest_mask", "HRL forest mask at 5 m: PUM HRLSLF v1.1; 1 forest, 255 outside area"),
            _masks("crop_mask", "HRL crop mask at 5 m: PUM HRLSLF v1.1; 1 agricultural, 255 outside area"),
            CodeTable(
                "urban",
                frozenset((0, 1, 255, *URBAN_ATLAS_ARTIFICIAL, *URBAN_ATLAS_OTHER, *URBAN_ATLAS_UNKNOWN)),
                (255, *URBAN_ATLAS_UNKNOWN),
                None,
                "1 urban and 0 not, or Urban Atlas 2012 to 2021: EEA quality checks; 91000 and 92000 no data",
            ),
            CodeTable(
                "environmental_zones",
                frozenset((0, *ZONES.values(), 255)),
                (0, 255),
                None,
                "the 13 zones of the Environmental Stratification of Europe, with Macaronesia and Arctic as in the "
                "EEA's Environmental zones 2018; give other = [codes] for zones of your own",
            ),
        )
    }
)

_WOODY_2015 = frozenset((0, 1, 2, 3, 254, 255))
_WOODY_MERGED = frozenset((0, 1, 254, 255))


def table_of(settings: LayerSettings) -> CodeTable:
    """Return the codes of a layer, by its kind, year, release and table in the settings.

    The year matters for small woody features only: up to 2017 they tell linear, patchy and additional ones apart, from
    2018 on all are 1. Without a year the codes of all years pass.
    """
    table, year = TABLES[settings.kind], settings.year
    if settings.kind == "small_woody_features" and year is not None:
        codes = _WOODY_2015 if year < 2018 else _WOODY_MERGED
        listed = ", ".join(str(code) for code in sorted(codes))
        # QC accepts 254 for 2021 although the manual of that year no longer lists it.
        return replace(table, codes=codes, source=f"HRL Small Woody Features of {year} at 5 m has {listed}")
    if settings.kind == "canopy_height" and settings.release == "v2":
        source = "canopy height v2 of Meta and WRI, metres; it declares no nodata, and what was never imaged is 0"
        return replace(table, source=source)
    if settings.other:
        own = frozenset((*settings.tree, *settings.other, *settings.ignore))
        source = "its table is tree, other and ignore in bocage.toml"
        return replace(table, codes=own, nodata=settings.ignore, source=source)
    return table
