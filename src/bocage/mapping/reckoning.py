"""A run beside its plan: what was expected of it, and what it took."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bocage.mapping.machines import Estimate, Load
from bocage.mapping.receipt import TileSummary

_log = logging.getLogger("bocage")


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Planned and actual seconds, chips and bytes of a run.

    Attributes
    ----------
    bytes
        What the workers read from files; None where the system does not count it. What is read from a store over the
        network is not counted.
    workers
        How many tiles were mapped at once.
    source
        What the plan's rates were measured on.
    """

    planned_seconds: float
    seconds: float
    planned_chips: int
    chips: int
    planned_bytes: int
    bytes: int | None
    workers: int
    source: str

    @classmethod
    def of(
        cls,
        planned: Estimate,
        load: Load,
        mapped: Sequence[TileSummary],
        *,
        seconds: float,
        workers: int,
        source: str,
    ) -> Reckoning:
        """Return what came of an estimate once its tiles are mapped.

        Parameters
        ----------
        load
            What the estimate is of.
        seconds
            Wall time from the first tile to the last.
        """
        read = [each.inspection.bytes_read for each in mapped if each.inspection is not None]
        counted = [each for each in read if each is not None]
        return cls(
            planned.seconds,
            seconds,
            load.chips,
            sum(each.chips for each in mapped),
            load.bytes,
            sum(counted) if counted and len(counted) == len(mapped) else None,
            workers,
            source,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, JSON-like; ``ratio`` is actual over planned seconds, ``chips_ratio`` chips likewise."""
        return {
            "planned_seconds": round(self.planned_seconds, 3),
            "seconds": round(self.seconds, 3),
            "ratio": _ratio(self.seconds, self.planned_seconds),
            "planned_chips": self.planned_chips,
            "chips": self.chips,
            "chips_ratio": _ratio(self.chips, self.planned_chips),
            "planned_bytes": self.planned_bytes,
            "bytes": self.bytes,
            "workers": self.workers,
            "rates_from": self.source,
        }

    def log(self) -> None:
        """Say how the run compares with its plan."""
        _log.info(
            "planned %.1f s by %s, took %.1f s (%.2f of it); chips %d of %d planned",
            self.planned_seconds,
            self.source,
            self.seconds,
            self.seconds / max(self.planned_seconds, 1e-9),
            self.chips,
            self.planned_chips,
        )


def _ratio(actual: float, planned: float) -> float | None:
    return round(actual / planned, 4) if planned else None
