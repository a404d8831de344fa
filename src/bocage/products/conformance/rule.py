"""A rule of the service as an object: where it holds, how grave a breach is, who says so, and the test itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bocage.products.conformance.names import Layer
from bocage.products.conformance.verdict import Finding, Severity, Skip, Verdict

# Short names of the sources; docs/reference/product-rules.md gives them in full.
QC = "quality tool 2.4.5"
MANUAL = "user manual of HRL SLF v1.1"
METHOD = "method description of HRL SLF v1.1"
NAMES = "design principles of file names v1"
INSPIRE = "INSPIRE technical guidance for metadata 2.0, ISO 19139"
SAMPLE = "published files of the service"
OWN = "reading of Bocage"

FIRST, LAST = 2015, 9999


@dataclass(frozen=True, slots=True)
class Rule[Subject]:
    """One rule and its test.

    Attributes
    ----------
    id
        Family and name, e.g. "raster.origin".
    severity
        What breaking it means; see :class:`~bocage.products.conformance.verdict.Verdict`.
    statement
        What must be, as one sentence.
    source
        Where it is said.
    check
        The test: a finding where the rule is broken, a skip where it cannot be tested, None where it is kept.
    layers
        Kinds of layers it holds for ("swf r5m"); empty for all that its subject can be.
    years
        First and last product year whose rules contain it.
    """

    id: str
    severity: Severity
    statement: str
    source: str
    check: Callable[[Subject], Finding | Skip | None]
    layers: tuple[str, ...] = ()
    years: tuple[int, int] = (FIRST, LAST)

    def applies(self, layer: Layer | None) -> bool:
        """Whether the rule holds for a layer; one that is not known is held to what holds for all."""
        if layer is None:
            return not self.layers and self.years == (FIRST, LAST)
        return (not self.layers or layer.kind in self.layers) and self.years[0] <= layer.profile <= self.years[1]

    def judge(self, subject: Subject, file: str, layer: Layer | None) -> Verdict:
        """Test a subject and say what came out."""
        found = self.check(subject)
        text = "" if layer is None else layer.text
        if found is None:
            return Verdict(file, self.id, self.severity, "pass", layer=text)
        if isinstance(found, Skip):
            return Verdict(file, self.id, self.severity, "not tested", found.reason, layer=text)
        return Verdict(file, self.id, self.severity, self.severity, found.problem, found.mend, text)


def rule[Subject](
    id: str,  # noqa: A002 - the word of the attribute that it becomes
    severity: Severity,
    statement: str,
    source: str,
    *,
    layers: tuple[str, ...] = (),
    years: tuple[int, int] = (FIRST, LAST),
) -> Callable[[Callable[[Subject], Finding | Skip | None]], Rule[Subject]]:
    """Make a rule of the function that tests it."""

    def make(check: Callable[[Subject], Finding | Skip | None]) -> Rule[Subject]:
        return Rule(id, severity, statement, source, check, layers, years)

    return make


def judge_all[Subject](
    rules: Iterable[Rule[Subject]], subject: Subject, file: str, layer: Layer | None
) -> Iterator[Verdict]:
    """Judge a subject by every rule that applies to its layer."""
    for one in rules:
        if one.applies(layer):
            yield one.judge(subject, file, layer)
