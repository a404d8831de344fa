"""What a check says about a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "information"]
Outcome = Literal["pass", "not tested", "information", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where, and what to do about it.

    Attributes
    ----------
    problem
        A clause that says what was found and where ("3 polygons overlap, first in row 9 near 4174300, 2881000").
    mend
        What to do, as an instruction.
    """

    problem: str
    mend: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a rule could not be tested: what it looks at is not there or is wrong itself, which another rule says."""

    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one rule for one file.

    Attributes
    ----------
    file
        Path of the file below the folder that was checked; its name where a single file was.
    layer
        What the name says it is, e.g. "swf r5m 2021"; empty where it says nothing.
    rule
        Identifier of the rule, e.g. "raster.origin".
    severity
        What breaking the rule means: the service refuses the file (error), accepts it with a remark (warning), or the
        reader should know (information).
    outcome
        "pass", the severity where the rule is broken, or "not tested".
    detail, mend
        What was found and where; what to do. Empty for a rule that is kept.
    """

    file: str
    rule: str
    severity: Severity
    outcome: Outcome
    detail: str = ""
    mend: str = ""
    layer: str = ""

    @property
    def passed(self) -> bool:
        """False where the service would refuse the file."""
        return self.outcome != "error"

    @property
    def warning(self) -> bool:
        """True where the service would accept the file with a remark."""
        return self.outcome == "warning"

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values for JSON."""
        return {
            "file": self.file,
            "layer": self.layer,
            "rule": self.rule,
            "severity": self.severity,
            "outcome": self.outcome,
            "passed": self.passed,
            "detail": self.detail,
            "mend": self.mend,
        }
