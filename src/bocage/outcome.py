"""What a stage gives back: what it made, what it refused and figures for a person and for the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bocage.errors import BocageError


@dataclass(frozen=True, slots=True)
class Refusal:
    """A scene, tile, layer or sample that a stage left out: its name, the reason and the mend."""

    subject: str
    reason: str
    mend: str = ""

    @classmethod
    def of(cls, subject: str, error: BocageError) -> Refusal:
        """Return the refusal that an error of ours stands for."""
        return cls(subject, error.problem, error.mend)

    def __str__(self) -> str:
        named = self.reason.startswith((f"{self.subject} ", f"tile {self.subject} "))
        return self.reason if named else f"{self.subject}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one stage.

    Attributes
    ----------
    outputs
        The files and folders that the stage owns and has brought up to date.
    figures
        JSON-like figures of the run: counts, areas, metrics.
    refused
        What was left out. A stage that refused something still wrote the rest.
    left
        Names of what failed for reasons that may not hold the next time (a worker died): the stage is not up to date
        while there are any, although nothing that it reads has changed.
    buckets
        ``s3://`` URLs of prefixes that the stage owns and has brought up to date, as it has the outputs.
    """

    outputs: tuple[Path, ...]
    figures: dict[str, Any] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    left: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
