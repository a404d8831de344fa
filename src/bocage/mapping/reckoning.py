"""A run beside its plan: what was expected of it, and what it took."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bocage.mapping.machines import Estimate, Load
from bocage.mapping.rates import held_seconds
from bocage.mapping.receipt import TileSummary
from bocage.mapping.staff import Staff

_log = logging.getLogger("bocage")


@dataclass(frozen=True, slots=True)
class Course:
    """How long the parts of a run took, in seconds of wall time.

    Attributes
    ----------
    preparing
        Loading the model, making the plan, and mapping tiles on trial where there were some.
    starting
        Starting the engine, and until a worker had its first tile; 0 where that is not known, since the first tile was
        given up.
    mapping
        From then to the last tile.
    ending
        Comparing the borders of tiles and writing the report.
    staff
        Who mapped the tiles.
    """

    preparing: float
    starting: float
    mapping: float
    ending: float = 0.0
    staff: Staff = field(default_factory=Staff)

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.preparing + self.starting + self.mapping + self.ending


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Planned and actual seconds, chips and bytes of a run.

    Attributes
    ----------
    planned, course
        How long it should take, and took.
    bytes
        What the workers read from files; None where the system does not count it. What is read from a store over the
        network is not counted.
    pace
        Seconds of a worker for each second that the receipts of its tiles tell of.
    source
        What the plan's rates were measured on.
    """

    planned: Estimate
    course: Course
    load: Load
    chips: int
    bytes: int | None
    pace: float
    source: str

    @classmethod
    def of(
        cls, planned: Estimate, load: Load, mapped: Sequence[TileSummary], course: Course, *, source: str
    ) -> Reckoning:
        """Return what came of an estimate once its tiles are mapped.

        Parameters
        ----------
        load
            What the estimate is of.
        """
        read = [each.inspection.bytes_read for each in mapped if each.inspection is not None]
        counted = [each for each in read if each is not None]
        told = sum(held_seconds(each) for each in mapped)
        return cls(
            planned,
            course,
            load,
            sum(each.chips for each in mapped),
            sum(counted) if counted and len(counted) == len(mapped) else None,
            course.staff.workers * course.mapping / told if told else 1.0,
            source,
        )

    @property
    def parts(self) -> dict[str, tuple[float, float]]:
        """Planned and actual seconds before the first tile, of the tiles, and after them."""
        planned, course = self.planned, self.course
        return {
            "start": (planned.startup, course.preparing + course.starting),
            "tiles": (planned.mapping, course.mapping),
            "borders": (planned.ending, course.ending),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, JSON-like; ``ratio`` is actual over planned seconds, ``chips_ratio`` chips likewise."""
        planned, course = self.planned, self.course
        return {
            "planned_seconds": round(planned.seconds, 3),
            "seconds": round(course.seconds, 3),
            "ratio": _ratio(course.seconds, planned.seconds),
            "parts": {
                name: {"planned_seconds": round(one, 3), "seconds": round(two, 3)}
                for name, (one, two) in self.parts.items()
            },
            "planned_chips": self.load.chips,
            "chips": self.chips,
            "chips_ratio": _ratio(self.chips, self.load.chips),
            "planned_bytes": self.load.bytes,
            "bytes": self.bytes,
            "workers": course.staff.workers,
            "abreast": course.staff.abreast,
            "pace": round(self.pace, 4),
            "start_seconds": round(course.starting, 3) if course.staff.isolated and course.starting else None,
            "border_seconds": round(course.ending / self.load.borders, 6) if self.load.borders else 0.0,
            "rates_from": self.source,
        }

    def log(self) -> None:
        """Say how the run compares with its plan."""
        planned, took = self.planned.seconds, self.course.seconds
        parts = ", ".join(f"{name} {two:.1f} of {one:.1f}" for name, (one, two) in self.parts.items())
        _log.info(
            "planned %.1f s by %s, took %.1f s (%.2f of it: %s); chips %d of %d planned",
            planned,
            self.source,
            took,
            took / max(planned, 1e-9),
            parts,
            self.chips,
            self.load.chips,
        )


def _ratio(actual: float, planned: float) -> float | None:
    return round(actual / planned, 4) if planned else None
