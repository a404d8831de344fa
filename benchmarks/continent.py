"""The production of Europe in virtual time: 40 000 scenes and 63 000 tiles through the real scheduler.

Tiles, chips and bytes are those that the program plans for the simulated coverage of benchmarks/europe.py; the order,
the retries and the quarantine are those of ``bocage.mapping.supervision``. Only reading, inference and writing are
stand-ins that take the time they would take. Nothing sleeps: events are taken from a heap.

A worker holds one GPU. It reads beside the model and writes beside the next tile, so a tile takes as long as the
slowest of four: its chips through the model, its bytes from a store that all workers share, its pixels through the
decoder and the resampling on the worker's cores, its raster to the store. Faults, where asked for: workers are lost and
take their tile along, some tiles kill every worker, some scenes cannot be read, and the store is slow for a while.

What the rates are worth is printed with them: measured figures name their source, the others are assumptions.

    python benchmarks/continent.py [--json] [--gpus 1 16 256] [--scenes N] [--chips-per-second X] ...
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from europe import GRID, SCENES, TILING, make_scenes

from bocage.grid import Bounds
from bocage.mapping.incidence import find_incidence
from bocage.mapping.lattice import Lattice
from bocage.mapping.machines import Load, Machine, estimate
from bocage.mapping.supervision import Done, Event, Give, Kill, Lost, Ready, Start, Supervisor
from bocage.mapping.volume import corners_of, read_shares

RATES = {
    "chips_per_second": (190.0, "assumption: 50 Mpx/s of 512 x 512 chips per GPU, the low end of a U-Net's range"),
    "store_mb_per_second": (5000.0, "assumption: what an object store gives all workers together"),
    "decode_mpx_per_second": (
        35.0, "measured: 4 bands of 16 bits, deflate, one core, 8192 x 8192 (rasterio, 2 cores, best of 3)"
    ),
    "warp_mpx_per_second": (20.0, "assumption: resampling to the lattice, one core"),
    "cores": (8.0, "assumption: cores that each GPU has beside it"),
    "write_seconds": (
        1.1, "measured: fusing and compressing 16.8 megapixels took 0.6 s on two cores, here 25; and 21 MB at 100 MB/s"
    ),
    "start_seconds": (60.0, "assumption: until a worker holds the model"),
    "price_per_hour": (2.0, "assumption: of a GPU with its cores, in EUR"),
    "hours_between_losses": (100.0, "assumption: mean life of a worker, with --faults"),
    "poisoned": (1e-4, "assumption: share of tiles that kill every worker, with --faults"),
    "unreadable": (1e-3, "assumption: share of scenes that cannot be read, with --faults"),
    "slow_hours": (2.0, "assumption: for so long, from the first hour on, the store gives a fifth, with --faults"),
}  # fmt: skip
TRIES = 3


@dataclass(frozen=True, slots=True)
class Work:
    """What each tile asks for.

    Attributes
    ----------
    chips, bytes, pixels
        (tiles,) chips through the model, bytes from the store, pixels of scenes to decode.
    tile, scene, pair_chips
        (pairs,) which scenes each tile sees, and the chips of each pair.
    """

    names: list[str]
    chips: np.ndarray
    bytes: np.ndarray
    pixels: np.ndarray
    tile: np.ndarray
    scene: np.ndarray
    pair_chips: np.ndarray
    scenes: int


@dataclass(slots=True)
class Tally:
    """What a run adds up to, in seconds of workers."""

    inference: float = 0.0
    waiting: dict[str, float] = field(default_factory=dict)
    lost: float = 0.0
    starting: float = 0.0
    losses: int = 0
    bytes: float = 0.0
    chips: float = 0.0


def make_work(count: int) -> Work:
    """Return the tiles of the coverage with what they ask for, as the program plans them."""
    scenes = list(make_scenes(count))
    footprints = np.array([scene.footprint for scene in scenes], dtype=object)
    lattice = Lattice.of(512, 0.25)
    pairs = find_incidence(footprints, TILING, lattice, GRID.window(Bounds(*shapely.total_bounds(footprints))))
    shares = read_shares(pairs, shapely.bounds(footprints), corners_of(scenes, GRID), TILING, lattice)
    codes, tile = np.unique(pairs.down * 10_000 + pairs.east, return_inverse=True)
    sizes = np.array([scene.size for scene in scenes])[pairs.scene]
    pixels = np.array([scene.shape[0] * scene.shape[1] for scene in scenes])[pairs.scene]
    names = [TILING.tile_at(int(code % 10_000), -int(code // 10_000) - 1).id for code in codes]
    return Work(
        names,
        np.bincount(tile, pairs.chips),
        np.bincount(tile, shares * sizes),
        np.bincount(tile, shares * pixels),
        tile,
        pairs.scene,
        pairs.chips,
        count,
    )


class Production:
    """One run in virtual time.

    Parameters
    ----------
    rates
        The rates, by their names.
    faults
        Whether anything goes wrong.
    """

    def __init__(self, work: Work, gpus: int, rates: dict[str, float], *, faults: bool, seed: int = 0) -> None:
        self._work, self._gpus, self._rates = work, gpus, rates
        self._faults = faults
        self._rng = np.random.default_rng(seed)
        self._place = {name: place for place, name in enumerate(work.names)}
        self._heap: list[tuple[float, int, Event]] = []
        self._sequence = 0
        self._running: dict[int, tuple[float, int, tuple[float, str, float]]] = {}
        self._tally = Tally()
        poisoned = max(1, round(rates["poisoned"] * len(work.names))) if faults else 0
        self._poisoned = set(self._rng.permutation(len(work.names))[:poisoned].tolist())
        self._share = np.ones(len(work.names))
        self._unread = 0
        if faults:
            bad = self._rng.random(work.scenes) < rates["unreadable"]
            lost = np.bincount(work.tile, work.pair_chips * bad[work.scene], len(work.names))
            self._share, self._unread = 1 - lost / work.chips, int((lost > 0).sum())
        # Lives of workers are drawn slot by slot; a loss takes what is under way along.
        self._death: dict[int, float] = {}

    def run(self) -> dict[str, Any]:
        """Run to the end and return the figures."""
        clock = time.perf_counter()
        supervisor = Supervisor(self._work.names, slots=self._gpus, tries=TRIES)
        todo = deque(supervisor.begin())
        now = 0.0
        while True:
            while todo:
                match todo.popleft():
                    case Start(slot):
                        self._tally.starting += self._rates["start_seconds"]
                        self._death[slot] = now + self._life()
                        self._push(now + self._rates["start_seconds"], Ready(slot))
                    case Give(slot, tile, _):
                        self._give(slot, self._place[tile], now)
                    case Kill(slot, reason):
                        self._push(now, Lost(slot, reason))
            if supervisor.finished:
                break
            now, _, event = heapq.heappop(self._heap)
            if isinstance(event, Done):
                self._settle(event.slot)
            elif isinstance(event, Lost) and event.slot in self._running:
                begun, _, _ = self._running.pop(event.slot)
                self._tally.lost += now - begun
                self._tally.losses += 1
            todo.extend(supervisor.handle(event, now))
        done, quarantined = len(supervisor.done), len(supervisor.quarantined)
        assert done + quarantined == len(self._work.names), "a tile was forgotten"
        assert quarantined == len(self._poisoned), "other tiles than the poisoned ones were quarantined"
        return self._figures(now, done, quarantined, time.perf_counter() - clock)

    def _life(self) -> float:
        return (
            float(self._rng.exponential(3600 * self._rates["hours_between_losses"])) if self._faults else float("inf")
        )

    def _push(self, when: float, event: Event) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, event))

    def _give(self, slot: int, tile: int, now: float) -> None:
        cost = self._cost(tile, now)
        self._running[slot] = (now, tile, cost)
        end = now + cost[0]
        if tile in self._poisoned:
            self._push(now + float(self._rng.uniform(0.1, 1)) * cost[0], Lost(slot, "the tile kills it"))
        elif self._death[slot] < end:
            self._push(max(self._death[slot], now), Lost(slot, "the machine was taken back"))
        else:
            self._push(end, Done(slot))

    def _cost(self, tile: int, now: float) -> tuple[float, str, float]:
        """Return the seconds of a tile, what sets them, and the seconds of its inference."""
        rates, share = self._rates, float(self._share[tile])
        slow = self._faults and 3600 <= now < 3600 * (1 + rates["slow_hours"])
        store = rates["store_mb_per_second"] * (0.2 if slow else 1.0) * 1e6 / max(len(self._running) + 1, 1)
        megapixels = self._work.pixels[tile] * share / 1e6
        parts = {
            "inference": self._work.chips[tile] * share / rates["chips_per_second"],
            "store": self._work.bytes[tile] * share / store,
            "decoding": megapixels
            * (1 / rates["decode_mpx_per_second"] + 1 / rates["warp_mpx_per_second"])
            / rates["cores"],
            "writing": rates["write_seconds"],
        }
        slowest = max(parts, key=lambda name: parts[name])
        return float(parts[slowest]), slowest, float(parts["inference"])

    def _settle(self, slot: int) -> None:
        _, tile, (seconds, slowest, inference) = self._running.pop(slot)
        tally = self._tally
        tally.inference += inference
        tally.waiting[slowest] = tally.waiting.get(slowest, 0.0) + seconds
        tally.bytes += float(self._work.bytes[tile] * self._share[tile])
        tally.chips += float(self._work.chips[tile] * self._share[tile])

    def _figures(self, makespan: float, done: int, quarantined: int, spent: float) -> dict[str, Any]:
        tally, hours = self._tally, makespan / 3600
        total = makespan * self._gpus
        held = sum(tally.waiting.values())
        load = Load(len(self._work.names), int(self._work.chips.sum()), int(self._work.bytes.sum()))
        machine = Machine("gpu", self._gpus, 1, self._rates["chips_per_second"],
                          self._rates["store_mb_per_second"] * 1e6 / self._gpus)  # fmt: skip
        return {
            "gpus": self._gpus,
            "faults": self._faults,
            "hours": round(hours, 3),
            "utilisation": round(tally.inference / total, 4),
            "bottleneck": max(tally.waiting, key=lambda name: tally.waiting[name]),
            "held_up_by": {name: round(part / held, 4) for name, part in sorted(tally.waiting.items())},
            "terabytes": round(tally.bytes / 1e12, 3),
            "chips": round(tally.chips),
            "cost_eur": round(hours * self._gpus * self._rates["price_per_hour"], 2),
            "lost_gpu_hours": round(tally.lost / 3600, 3),
            "starting_gpu_hours": round(tally.starting / 3600, 3),
            "idle_share": round(max(total - held - tally.lost - tally.starting, 0.0) / total, 4),
            "workers_lost": tally.losses,
            "tiles_done": done,
            "tiles_quarantined": quarantined,
            "tiles_without_a_scene": self._unread,
            "km2_per_hour": round(done * TILING.size**2 / 1e6 / hours),
            "planned_hours": round(estimate(load, [machine]).hours, 3),
            "simulated_in_seconds": round(spent, 2),
        }


def main() -> None:
    """Simulate each number of GPUs without faults and with them, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64, 128, 256])
    parser.add_argument("--scenes", type=int, default=SCENES, help="of the whole of Europe; fewer cover it thinly")
    parser.add_argument("--seed", type=int, default=0)
    for name, (value, words) in RATES.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=value, help=f"{words} (default {value:g})"
        )
    options = parser.parse_args()
    rates = {name: float(getattr(options, name)) for name in RATES}
    work = make_work(options.scenes)
    rows = [
        Production(work, gpus, rates, faults=faults, seed=options.seed).run()
        for gpus in options.gpus
        for faults in (False, True)
    ]
    sources = {name: {"value": rates[name], "source": words} for name, (_, words) in RATES.items()}
    for name, (value, _) in RATES.items():
        if rates[name] != value:
            sources[name]["source"] = "given"
    if options.json:
        json.dump({"scenes": options.scenes, "tiles": len(work.names), "rates": sources, "runs": rows}, sys.stdout)
        print()
        return
    print(f"{options.scenes} scenes, {len(work.names)} tiles, {work.chips.sum():,.0f} chips, "
          f"{work.bytes.sum() / 1e12:.1f} TB to read")  # fmt: skip
    for name, entry in sources.items():
        print(f"  {name:<22}{entry['value']:>10g}  {entry['source']}")
    print(f"{'GPUs':>5}{'faults':>8}{'hours':>10}{'planned':>10}{'GPU use':>9}{'EUR':>10}{'lost h':>8}"
          f"{'lost':>6}{'quarantined':>12}  held up by")  # fmt: skip
    for row in rows:
        held = ", ".join(f"{name} {100 * part:.0f} %" for name, part in row["held_up_by"].items() if part >= 0.005)
        print(
            f"{row['gpus']:>5}{'yes' if row['faults'] else 'no':>8}{row['hours']:>10.2f}{row['planned_hours']:>10.2f}"
            f"{row['utilisation']:>9.3f}{row['cost_eur']:>10.0f}{row['lost_gpu_hours']:>8.2f}{row['workers_lost']:>6}"
            f"{row['tiles_quarantined']:>12}  {held}"
        )


if __name__ == "__main__":
    main()
