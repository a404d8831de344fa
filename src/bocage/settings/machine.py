"""The settings of a kind of machine that a mapping is planned for: a ``[[mapping.machines]]`` of the settings file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from bocage.settings.section import Count, Positive, Section


class MachineSettings(Section):
    """One kind of machine: how many there are, how fast they are, and what they cost. It changes no run, only plans.

    A machine has ``workers``, one per GPU, and each maps ``chips_per_second`` through the model, or ``factor`` times as
    many as a worker was measured to map here. Without both it is as fast as one here. ``read_mb_per_second`` is what
    the machine reads from where the scenes lie, in MB (10^6 bytes); without it, as much as its workers would read here.
    ``price_per_hour`` is that of the machine, in ``currency``.
    """

    name: Annotated[str, Field(min_length=1, pattern=r"^[^=]+$")]
    count: Count = 1
    workers: Count = 1
    chips_per_second: Positive | None = None
    factor: Positive | None = None
    read_mb_per_second: Positive | None = None
    price_per_hour: Annotated[float, Field(ge=0)] | None = None
    currency: str = "EUR"

    @model_validator(mode="after")
    def _one_speed(self) -> Self:
        if self.chips_per_second is not None and self.factor is not None:
            raise ValueError(f"{self.name} has chips_per_second and a factor; give one of them")
        return self
