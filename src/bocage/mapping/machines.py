"""How long and how dear a mapping is on given machines, and what holds it up there.

A worker reads beside the model, so the slower of the two sets its pace; of that pace workers were measured to reach a
share from scene to tile. Beside its chips a tile costs a time of its own (fusing, compressing, writing), and so does
each of its scenes (opening it, adding it). Before the first tile the model is loaded, and after the last one the
borders of all tiles are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bocage.mapping.rates import Rates
from bocage.settings import MachineSettings


@dataclass(frozen=True, slots=True)
class Machine:
    """One kind of machine.

    Attributes
    ----------
    count, workers
        How many there are, and how many workers each has: one per GPU, or those of the CPU.
    chips_per_second
        Chips that one worker brings through the model.
    bytes_per_second
        Bytes that one machine reads, or None where nothing is known of it.
    price
        Of a machine for an hour, in ``currency``; None where it is not given.
    tile_seconds, scene_seconds
        What a worker spends on a tile, and on each scene of a tile, beside its chips.
    """

    name: str
    count: int
    workers: int
    chips_per_second: float
    bytes_per_second: float | None = None
    price: float | None = None
    currency: str = "EUR"
    tile_seconds: float = 0.0
    scene_seconds: float = 0.0

    @classmethod
    def of(cls, settings: MachineSettings, rates: Rates) -> Machine:
        """Return the machine of the settings; what they leave open is as it was measured here."""
        speed = settings.chips_per_second or (settings.factor or 1.0) * rates.chips_per_second
        reading = None if rates.bytes_per_second is None else settings.workers * rates.bytes_per_second
        if settings.read_mb_per_second is not None:
            reading = settings.read_mb_per_second * 1e6
        return cls(
            settings.name,
            settings.count,
            settings.workers,
            speed,
            reading,
            settings.price_per_hour,
            settings.currency,
            rates.tile_seconds,
            rates.scene_seconds,
        )


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be done.

    Attributes
    ----------
    tiles
        Tiles to map.
    chips
        Chips that go through the model.
    bytes
        Bytes that are read.
    observations
        Scenes of these tiles, added over the tiles.
    borders
        Borders between two tiles of the mosaic, which are compared at the end.
    """

    tiles: int
    chips: int
    bytes: int
    observations: int = 0
    borders: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one kind of machine does of a load: its pace, and "inference", "reading" or "handling" that holds it up."""

    machine: Machine
    chips_per_second: float
    bottleneck: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a load takes.

    Attributes
    ----------
    seconds
        From the start of the command to its end.
    costs
        Of all machines for that time, by currency; machines without a price are left out.
    bottleneck
        "inference", "reading", "handling" (all that a tile costs beside its chips), or "tiles": more workers than
        tiles are left.
    shares
        What each kind of machine does of it.
    startup, ending
        Of these, the seconds before the first tile and after the last one.
    """

    seconds: float
    costs: dict[str, float]
    bottleneck: str
    shares: tuple[Share, ...]
    startup: float = 0.0
    ending: float = 0.0

    @property
    def mapping(self) -> float:
        """The seconds of the tiles themselves."""
        return self.seconds - self.startup - self.ending

    @property
    def hours(self) -> float:
        """The time in hours."""
        return self.seconds / 3600

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, JSON-like."""
        return {
            "hours": round(self.hours, 6),
            "costs": {currency: round(cost, 2) for currency, cost in self.costs.items()},
            "bottleneck": self.bottleneck,
            "machines": [
                {
                    "name": share.machine.name,
                    "count": share.machine.count,
                    "workers": share.machine.count * share.machine.workers,
                    "chips_per_second": round(share.chips_per_second, 3),
                    "bottleneck": share.bottleneck,
                }
                for share in self.shares
            ],
        }


def estimate(
    load: Load, machines: Sequence[Machine], efficiency: float = 1.0, startup: float = 0.0, ending: float = 0.0
) -> Estimate:
    """Return time, cost and bottleneck of a load on machines that take tiles as they become free.

    Parameters
    ----------
    efficiency
        Share of the pace of model or reading, whichever is slower, at which chips come from scene to tile.
    startup, ending
        Seconds before the first tile, and after the last one.
    """
    shares = tuple(_share(load, machine, efficiency) for machine in machines)
    pace = sum(share.chips_per_second for share in shares)
    seconds = load.chips / pace if load.chips else 0.0
    slowest = max(shares, key=lambda share: share.chips_per_second)
    bottleneck = slowest.bottleneck
    workers = sum(machine.count * machine.workers for machine in machines)
    if load.tiles:
        # No worker does less than a tile: the last ones wait.
        rounds = math.ceil(load.tiles / workers) * workers / load.tiles
        if workers > load.tiles:
            bottleneck = "tiles"
        seconds = seconds * max(rounds, 1.0) + startup + ending
    else:
        startup = ending = 0.0
    costs: dict[str, float] = {}
    for machine in machines:
        if machine.price is not None:
            cost = machine.count * machine.price * seconds / 3600
            costs[machine.currency] = costs.get(machine.currency, 0.0) + cost
    return Estimate(seconds, costs, bottleneck, shares, startup, ending)


def _share(load: Load, machine: Machine, efficiency: float) -> Share:
    """Return the pace of a kind of machine: from what one of its workers spends on a chip of the load, all in all."""
    chips = max(load.chips, 1)
    parts = {"inference": 1 / machine.chips_per_second, "reading": 0.0}
    if machine.bytes_per_second is not None:
        parts["reading"] = machine.workers * load.bytes / chips / machine.bytes_per_second
    slower = max(parts, key=lambda name: parts[name])
    handling = (load.tiles * machine.tile_seconds + load.observations * machine.scene_seconds) / chips
    spent = parts[slower] / efficiency + handling
    bottleneck = slower if parts[slower] / efficiency >= handling else "handling"
    return Share(machine, machine.count * machine.workers / spent, bottleneck)
