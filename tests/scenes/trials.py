"""One trial of a damaged file: what is attempted, and what is to be said of a mutant that was accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Of an accepted mutant: what is wrong with that, and whether it holds other values than the file did before."""

    fault: str = ""
    altered: bool = False


@dataclass(frozen=True)
class Trial:
    """A mutant of the file ``name``.

    ``work`` returns a verdict, or what is wrong; a refusal must hold ``word``. ``clean`` removes what was written.
    """

    name: str
    work: Callable[[], Verdict | str]
    word: str = ""
    clean: Callable[[], None] = lambda: None

    def attempt(self) -> Verdict:
        found = self.work()
        return Verdict(found) if isinstance(found, str) else found
