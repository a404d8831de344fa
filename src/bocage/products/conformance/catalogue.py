"""All rules in one list, and the reference page that is made of it."""

from __future__ import annotations

from typing import Any

from bocage.products.conformance.checking import FILE_RULES, OTHER_RULES, OWN_RULES
from bocage.products.conformance.delivery_rules import PAIR_RULES, UNIT_RULES
from bocage.products.conformance.metadata_rules import METADATA_RULES
from bocage.products.conformance.naming_rules import NAMING_RULES
from bocage.products.conformance.raster_rules import RASTER_RULES
from bocage.products.conformance.rule import FIRST, INSPIRE, LAST, MANUAL, METHOD, NAMES, OWN, QC, SAMPLE, Rule
from bocage.products.conformance.shape_rules import SHAPE_RULES
from bocage.products.conformance.table_rules import TABLE_RULES
from bocage.products.conformance.vector_rules import VECTOR_RULES

# Rules of every subject; only what they say is asked of them here.
RULES: tuple[Rule[Any], ...] = (
    *FILE_RULES, *NAMING_RULES, *RASTER_RULES, *TABLE_RULES, *VECTOR_RULES, *SHAPE_RULES, *METADATA_RULES,
    *PAIR_RULES, *UNIT_RULES, *OWN_RULES, *OTHER_RULES,
)  # fmt: skip

_FAMILIES = {
    "file": "Files",
    "name": "Names",
    "raster": "Rasters",
    "vector": "Polygons",
    "shape": "Shapes of polygons",
    "metadata": "INSPIRE metadata",
    "set": "Layers that belong together",
}
_SOURCES = {
    QC: "eea/copernicus_quality_tools, release 2.4.5: product definitions and checks",
    MANUAL: "CLMS_PUM_HRLSLF_v1.1 (2025-11-04)",
    METHOD: "CLMS_ATBD_HRLSLF_v1.1 (2025-11-20)",
    NAMES: "eea/CLMS_documents, clms-filenaming_design-principles_v1 (2026-07-24)",
    INSPIRE: "Technical guidance for the implementation of INSPIRE dataset and service metadata 2.0.1; ISO/TS 19139",
    SAMPLE: "read off files that the service has published, since no document says it",
    OWN: "no document says it; Bocage holds it to be meant",
}
_HEAD = """# Rules for products

`bocage products check` tests every rule below; `bocage products rules` prints them. This page is made of the rules
themselves (`bocage products rules --markdown`). How to run it: [Check a delivery](../how-to/check-a-delivery.md); why
it is so: [decision 29](../decisions/0029-conformance.md).

An **error** is what the service refuses, a **warning** what it accepts with a remark, and **information** is for the
reader.
"""


def years_text(rule: Rule[Any]) -> str:
    """Return the years of a rule in words."""
    first, last = rule.years
    if (first, last) == (FIRST, LAST):
        return "all"
    if last == LAST:
        return f"{first} on"
    return str(first) if first == last else f"{first} to {last}"


def layers_text(rule: Rule[Any]) -> str:
    """Return the kinds of layers of a rule in words."""
    return ", ".join(rule.layers) or "all"


def as_page() -> str:
    """Return the reference page on the rules in Markdown."""
    lines = [_HEAD]
    for family, title in _FAMILIES.items():
        rules = [rule for rule in RULES if rule.id.startswith(f"{family}.")]
        lines += [f"## {title}", "", "| rule | | what must be | layers | years | source |", "|---|---|---|---|---|---|"]
        lines += [
            f"| `{rule.id}` | {rule.severity} | {rule.statement} | {layers_text(rule)} | {years_text(rule)} | "
            f"{rule.source} |"
            for rule in rules
        ]
        lines.append("")
    lines += ["## Sources", "", *(f"- **{name}**: {where}." for name, where in _SOURCES.items()), ""]
    return "\n".join(lines)
