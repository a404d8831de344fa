"""The decision table of feature types: what each measure says about the type of a feature, and why.

Each row gives *points*: 2.5 points multiply the odds of a type by e, -2.5 divide them. A row speaks fully beyond the
second number of its condition, not at all beyond the first, and in part between the two; where several measures are
named all must hold. A row whose measure is unknown is silent. The points of all rows are added to those that a type
starts with; the type with most points is taken, and its share of the odds is the confidence
(:mod:`bocage.features.types`). Nothing else decides: this file is the whole table.

The measures are those of :func:`bocage.features.measures.measures_of`. The page ``docs/reference/types.md`` is made
from this table (``python -m bocage.features.types_page``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HEDGE, TREE_LINE, GROVE, SCRUB, RIPARIAN, ISOLATED_TREE = TYPES = (
    "hedge", "tree line", "grove", "scrub", "riparian", "isolated tree",
)  # fmt: skip

# Where a definition or a number comes from.
SOURCES: Mapping[str, str] = {
    "EUNIS V4": "EUNIS 2021, V4 hedgerows (V41 to V44; SA and FA before): woody strips of shrubs, or of trees that are "
    "cut to less than 5 m, between grassland or fields or along roads",
    "EUNIS V63": "EUNIS 2021, V63 lines of planted trees (G5.1 before): strips of trees that reach 5 m or more and "
    "are not cut below",
    "EUNIS T4": "EUNIS 2021, T4 (G5 before): stands of trees above 5 m, in strips or woods of less than about 0.5 ha",
    "EUNIS S91": "EUNIS 2021, S91 temperate riparian scrub, and T1 riparian forests",
    "EUNIS S3": "EUNIS 2021, S3 temperate scrub: woody plants that stay below 5 m",
    "FAO": "FAO, Forest Resources Assessment, terms and definitions: a tree reaches 5 m",
    "Defra": "Defra 2007, Hedgerow Survey Handbook: longer than 20 m, less than 5 m wide at the base, gaps up to 20 m",
    "CLMS": "Copernicus HRL Small Landscape Features, user manual v1.1: linear up to 30 m wide, patches 200 to 5000 m2",
    "simulation": "measured on the landscape with exact truth (benchmarks/feature_types.py)",
}

# So many points multiply the odds by e. The rows are not independent, and the fit gave 2; 2.5 makes confidences true
# where heights are those of a model with a mean error of 2.8 m.
POINTS_PER_NAT = 2.5

START: Mapping[str, float] = {HEDGE: 2, TREE_LINE: 0.5, GROVE: 0, SCRUB: 0, RIPARIAN: -5, ISOLATED_TREE: -4}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name
        What the row has seen, in words; features list the names of the rows that spoke.
    when
        By measure, (silent, full): the row is silent at the first value and beyond, and full at the second and beyond.
        The first may be the larger one.
    points
        What a full row adds for each type.
    reason, sources
        Why, and the keys of :data:`SOURCES`.
    """

    name: str
    when: Mapping[str, tuple[float, float]]
    points: Mapping[str, float]
    reason: str
    sources: tuple[str, ...]


TABLE: tuple[Row, ...] = (
    # Form.
    Row(
        "elongated",
        {"elongation": (3, 6)},
        {GROVE: -5, SCRUB: -4, ISOLATED_TREE: -8},
        "a strip; groves and scrub cover ground in two directions",
        ("EUNIS T4", "CLMS"),
    ),
    Row(
        "compact",
        {"elongation": (4, 2)},
        {HEDGE: -5, TREE_LINE: -5},
        "hardly longer than broad, so no row of anything, however the service counts it",
        ("CLMS", "simulation"),
    ),
    Row(
        "in many directions",
        {"straightness": (0.75, 0.4)},
        {HEDGE: -1, TREE_LINE: -2, GROVE: 2, SCRUB: 1},
        "rows keep to a direction; the cells of an open wood or scrub run in all of them",
        ("EUNIS S3", "simulation"),
    ),
    Row(
        "wider than a strip",
        {"breadth_m": (30, 36)},
        {HEDGE: -8, TREE_LINE: -8},
        "a linear feature is at most 30 m wide",
        ("CLMS",),
    ),
    Row(
        "a crown's size",
        {"area_m2": (330, 180), "elongation": (3, 2)},
        {ISOLATED_TREE: 6},
        "a large crown is 12 to 18 m across",
        ("simulation",),
    ),
    Row(
        "larger than a crown",
        {"area_m2": (250, 400)},
        {ISOLATED_TREE: -10},
        "no single crown covers 400 m2 (23 m across)",
        ("simulation",),
    ),
    Row(
        "narrow",
        {"axis_width_m": (6.5, 4.5)},
        {HEDGE: 1},
        "a hedge is less than 5 m wide at its base; a row of grown crowns is broader",
        ("Defra", "simulation"),
    ),
    Row(
        "broad strip",
        {"axis_width_m": (7, 11)},
        {HEDGE: -5},
        "no hedge that is kept is as broad: crowns, or two rows of them",
        ("Defra", "simulation"),
    ),
    Row(
        "more than three rows",
        {"axis_width_m": (11, 16)},
        {TREE_LINE: -3, GROVE: 2},
        "a line of trees has one to three rows; broader strips are small woods",
        ("EUNIS V63", "EUNIS T4"),
    ),
    # Height.
    Row(
        "tall",
        {"canopy_m": (4, 7)},
        {HEDGE: -2, SCRUB: -7},
        "shrubs and cut hedges stay below 5 m; the model of canopy height errs by 2.8 m, so the limit is a slope",
        ("EUNIS V4", "EUNIS V63", "FAO"),
    ),
    Row(
        "low",
        {"canopy_m": (6, 3.5)},
        {TREE_LINE: -2, GROVE: -7, ISOLATED_TREE: -4},
        "trees reach 5 m",
        ("EUNIS V4", "EUNIS S3", "FAO"),
    ),
    Row(
        "low and broad",
        {"canopy_m": (6, 3.5), "axis_width_m": (7, 10)},
        {SCRUB: 5},
        "a low strip that is broader than a hedge",
        ("EUNIS S3", "Defra"),
    ),
    Row(
        "tall all along",
        {"tall_share": (0.5, 0.9)},
        {HEDGE: -5, SCRUB: -2},
        "few standard trees do not make a hedge a tree line, an unbroken row of them does",
        ("EUNIS V63", "Defra"),
    ),
    Row(
        "hardly a tall tree",
        {"tall_share": (0.4, 0.1)},
        {TREE_LINE: -1, GROVE: -2},
        "few of its cells reach 5 m",
        ("EUNIS V4", "FAO"),
    ),
    # Gaps and crown rhythm.
    Row(
        "crowns at one spacing",
        {"rhythm": (0.1, 0.5)},
        {TREE_LINE: 2},
        "planted trees stand at one distance",
        ("EUNIS V63", "simulation"),
    ),
    Row(
        "gappy",
        {"gap_share": (0.1, 0.3)},
        {TREE_LINE: 2},
        "a kept hedge has gaps on less than a tenth of its length",
        ("Defra",),
    ),
    # Context.
    Row(
        "along a stream",
        {"along_streams": (0.2, 0.6)},
        {RIPARIAN: 6},
        "its axis follows running water",
        ("EUNIS S91",),
    ),
    Row(
        "beside a stream",
        {"near_streams": (0.2, 0.6)},
        {RIPARIAN: 7},
        "most of it stands on the bank",
        ("EUNIS S91",),
    ),
    Row(
        "no stream",
        {"near_streams": (0.1, 0.0)},
        {RIPARIAN: -12},
        "running water is known, and none is near",
        ("EUNIS S91",),
    ),
    Row(
        "along a road",
        {"along_roads": (0.5, 0.9)},
        {TREE_LINE: 2, SCRUB: -1},
        "avenues and roadside rows",
        ("EUNIS V63", "CLMS"),
    ),
    Row(
        "along the edge of a field",
        {"along_fields": (0.4, 0.8)},
        {HEDGE: 2, TREE_LINE: 1, SCRUB: -1, GROVE: -1},
        "hedges and rows bound fields",
        ("EUNIS V4", "CLMS"),
    ),
    Row(
        "off the edges of fields",
        {"along_fields": (0.4, 0.1)},
        {HEDGE: -2, TREE_LINE: -1, SCRUB: 1},
        "fields are known, and its axis follows the edge of none",
        ("EUNIS V4", "simulation"),
    ),
    Row(
        "in a settlement",
        {"near_built_up": (0.5, 0.9)},
        {ISOLATED_TREE: 1, SCRUB: -1},
        "garden trees; scrub is cleared there",
        ("simulation",),
    ),
)
