"""What a check says about a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one rule for one file.

    Attributes
    ----------
    file
        Name of the file.
    rule
        Name of the rule, e.g. "origin".
    passed
        False where the service would refuse the file.
    detail
        What was found, in words.
    warning
        True where the service would accept the file with a remark.
    """

    file: str
    rule: str
    passed: bool
    detail: str = ""
    warning: bool = False
