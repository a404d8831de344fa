"""Broken deliveries break the rule that they should, and no other one that the service would refuse them for."""

from collections import Counter
from pathlib import Path

import pytest

from bocage.products.conformance import RULES, Verdict, check_products
from tests.products.conformance.breakages import BREAKAGES, Breakage
from tests.products.conformance.conftest import Copy

SEVERITY = {rule.id: rule.severity for rule in RULES}


def broken(verdicts: list[Verdict], outcome: str = "error") -> set[str]:
    return {verdict.rule for verdict in verdicts if verdict.outcome == outcome}


@pytest.mark.parametrize("year", [2015, 2018, 2021])
def test_a_well_formed_delivery_keeps_every_rule(year: int, deliveries: dict[int, Path]) -> None:
    verdicts = check_products(deliveries[year])
    found = [verdict for verdict in verdicts if verdict.outcome in {"error", "warning"}]
    assert found == []
    assert len({verdict.rule for verdict in verdicts if verdict.outcome == "pass"}) > 30
    # The tiles are small ones, which is nothing worse than a note.
    assert broken(verdicts, "information") <= {"raster.whole_cell"}


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.what)
def test_a_breakage_breaks_its_rule_and_no_other(breakage: Breakage, copy: Copy) -> None:
    folder = copy(breakage.year, breakage.only)
    breakage.do(folder)
    verdicts = check_products(folder)
    own = {breakage.rule} if SEVERITY[breakage.rule] == "error" else set()
    assert broken(verdicts) == own | {rule for rule in breakage.joined if SEVERITY[rule] == "error"}
    found = [verdict for verdict in verdicts if verdict.rule == breakage.rule and verdict.detail and verdict.mend]
    assert found, f"{breakage.rule} has not been broken"
    assert {verdict.outcome for verdict in found} == {SEVERITY[breakage.rule]}


def test_every_rule_that_can_be_broken_is_broken_by_one_at_least() -> None:
    """A rule that nothing breaks may test nothing."""
    elsewhere = {
        "file.own", "file.other", "name.zeros", "name.provisional", "name.forced", "raster.whole_cell", "set.sum_2015",
    }  # fmt: skip
    counts = Counter(breakage.rule for breakage in BREAKAGES)
    assert set(counts) == set(SEVERITY) - elsewhere
    assert sum(SEVERITY[rule] == "error" for rule in counts.elements()) >= 40
    assert len({breakage.what for breakage in BREAKAGES}) == len(BREAKAGES)
