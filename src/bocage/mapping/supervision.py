"""Which worker gets which tile, and what becomes of a tile whose worker fails or dies: a state machine without a clock.

It knows nothing of processes, clusters or files. What happened goes in as an event, what is to be done comes out as
commands, so that the engines on one machine and on a cluster, and a simulation of a continent, keep the same rules:

1. Tiles are given out in the order of the plan, to a worker of a lower slot first. A worker may have several under way,
   so that it reads the next and writes the last while its model works; the last tiles of all go to those without one.
2. A tile that failed, or whose worker died, is tried again behind all untried tiles, in the order of the failures. It
   goes to a slot in which it has not failed yet while such a slot has a worker: one broken machine fails no tile for
   good. And it goes alone, so that no other tile is blamed for the next death.
3. A tile that failed ``tries`` times is quarantined with its reasons. The rest goes on.
4. A worker that dies is replaced in its slot. A slot whose worker dies ``tries`` times without a tile, and without
   having finished one in between, is closed. Where every slot is closed the run halts.
5. A run that halts (the disk is full) gives out no further tile; those under way end. What is left is named.

The same events in the same order give the same commands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from bocage.errors import BocageError, MappingError
from bocage.outcome import Refusal


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker of a slot is there and holds the model."""

    slot: int


@dataclass(frozen=True, slots=True)
class Done:
    """The worker of a slot has finished a tile: the first that it was given, where none is named."""

    slot: int
    tile: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker of a slot lives, and a tile, the first where none is named, could not be mapped."""

    slot: int
    error: BocageError
    tile: str | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker of a slot is dead, and with it the tiles that it had under way, if any."""

    slot: int
    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """No further tile can succeed. ``slot`` and ``tile`` are those that met the error, if any did."""

    error: BocageError
    slot: int | None = None
    tile: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start a worker in a slot; it answers with :class:`Ready` or :class:`Lost`."""

    slot: int


@dataclass(frozen=True, slots=True)
class Give:
    """Give a tile to the worker of a slot; it answers with ``Done``, ``Failed``, ``Halt`` or ``Lost``.

    Attributes
    ----------
    attempt
        1 for the first try of the tile.
    """

    slot: int
    tile: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End the worker of a slot, which takes longer than the limit, and report it as :class:`Lost` for this reason."""

    slot: int
    reason: str


type Event = Ready | Done | Failed | Lost | Halt | Tick
type Command = Start | Give | Kill


@dataclass(slots=True)
class _Worker:
    """A worker that is there: the tiles under way, in the order given, and since when it is at the first of them."""

    tiles: list[str] = field(default_factory=list)
    since: float = 0.0
    killed: bool = False


class Supervisor:
    """The state of a run: tiles that wait, are under way, done or quarantined, and the slots of the workers.

    Parameters
    ----------
    tiles
        Names of the tiles, in the order in which they are to be mapped.
    slots
        How many workers there may be at once; no more are used than there are tiles.
    tries
        How many times a tile is tried before it is quarantined, and a worker started that dies without a tile.
    limit
        Seconds after which a worker that ends no tile counts as hung, or None for no limit.
    at_once
        How many tiles a worker may have under way.

    Raises
    ------
    ValueError
        If a tile is named twice, or there is no slot, no try or no tile at once.
    """

    def __init__(
        self, tiles: Sequence[str], *, slots: int, tries: int = 3, limit: float | None = None, at_once: int = 1
    ) -> None:
        if len(set(tiles)) != len(tiles) or min(slots, tries, at_once) < 1:
            counts = f"{len(tiles)} tiles, {len(set(tiles))} of them different, {slots} slots"
            raise ValueError(f"{counts}, {tries} tries, {at_once} at once")
        self._at_once = at_once
        self._tries = tries
        self._limit = limit
        self._order = {tile: place for place, tile in enumerate(tiles)}
        self._fresh = deque(tiles)
        self._again: dict[str, None] = {}
        self._failures: dict[str, list[tuple[int, BocageError]]] = {}
        self._done: dict[str, None] = {}
        self._quarantined: dict[str, Refusal] = {}
        self._left: set[str] = set()
        self._starting: set[int] = set()
        self._up: dict[int, _Worker] = {}
        self._room: set[int] = set()
        self._under_way = 0
        self._deaths = [0] * min(slots, len(tiles))
        self._error: BocageError | None = None

    @property
    def slots(self) -> int:
        """How many workers there may be at once."""
        return len(self._deaths)

    @property
    def finished(self) -> bool:
        """Whether nothing is under way and nothing more will be given out."""
        return not (self._under_way or self._fresh or self._again)

    @property
    def done(self) -> tuple[str, ...]:
        """Tiles that are mapped, in the order in which they were finished."""
        return tuple(self._done)

    @property
    def quarantined(self) -> Mapping[str, Refusal]:
        """Tiles that were given up, with the reasons of all their tries."""
        return MappingProxyType(self._quarantined)

    @property
    def left(self) -> tuple[str, ...]:
        """Tiles that a run which halted did not map, in the order of the plan."""
        return tuple(sorted(self._left, key=self._order.__getitem__))

    @property
    def error(self) -> BocageError | None:
        """Why the run halted, or None."""
        return self._error

    @property
    def deadline(self) -> float | None:
        """The moment at which a :class:`Tick` is due, or None where no worker can be late."""
        if self._limit is None:
            return None
        busy = (worker for worker in self._up.values() if worker.tiles and not worker.killed)
        return min((worker.since + self._limit for worker in busy), default=None)

    def tiles_of(self, slot: int) -> tuple[str, ...]:
        """Return the tiles that the worker of a slot has under way, in the order in which it was given them."""
        return tuple(self._up[slot].tiles) if slot in self._up else ()

    def begin(self) -> list[Command]:
        """Return the commands that start the workers."""
        self._starting.update(range(self.slots))
        return [Start(slot) for slot in range(self.slots)]

    def handle(self, event: Event, now: float = 0.0) -> list[Command]:
        """Take note of an event and return what is to be done about it, in this order.

        Parameters
        ----------
        now
            Seconds on any clock that does not go backwards; it decides only which worker is late.

        Raises
        ------
        ValueError
            If the event cannot be: a worker that is not there is ready, or a tile done that was not given.
        """
        commands: list[Command] = []
        match event:
            case Ready(slot):
                if slot not in self._starting:
                    raise ValueError(f"no worker was started in slot {slot}")
                self._starting.remove(slot)
                self._up[slot] = _Worker()
                self._room.add(slot)
            case Done(slot, tile):
                self._done[self._free(slot, tile, now)] = None
                self._deaths[slot] = 0
            case Failed(slot, error, tile):
                self._fail(slot, self._free(slot, tile, now), error)
            case Lost(slot, reason):
                commands += self._lose(slot, reason)
            case Halt(error, slot, tile):
                if slot is not None:
                    self._left.add(self._free(slot, tile, now))
                self._halt(error)
            case Tick():
                pass
        commands += self._give(now)
        commands += self._late(now)
        return commands

    def _free(self, slot: int, tile: str | None, now: float) -> str:
        """Take a tile from the worker of a slot, which then has room for another."""
        worker = self._up.get(slot)
        if worker is None or not worker.tiles or (tile is not None and tile not in worker.tiles):
            raise ValueError(f"the worker of slot {slot} does not have {tile or 'a tile'} under way")
        tile = worker.tiles[0] if tile is None else tile
        worker.tiles.remove(tile)
        worker.since = now
        self._under_way -= 1
        self._room.add(slot)
        return tile

    def _fail(self, slot: int, tile: str, error: BocageError) -> None:
        failures = self._failures.setdefault(tile, [])
        failures.append((slot, error))
        if self._error is not None:
            self._left.add(tile)
        elif len(failures) < self._tries:
            self._again[tile] = None
        else:
            self._quarantined[tile] = _refusal(tile, [error for _, error in failures])

    def _lose(self, slot: int, reason: str) -> list[Command]:
        if slot not in self._up and slot not in self._starting:
            raise ValueError(f"there is no worker in slot {slot}")
        worker = self._up.pop(slot, _Worker())
        self._starting.discard(slot)
        self._room.discard(slot)
        self._under_way -= len(worker.tiles)
        for tile in worker.tiles:
            self._fail(slot, tile, MappingError(reason, _DEATH))
        self._deaths[slot] += not worker.tiles
        if self._deaths[slot] >= self._tries:
            if not (self._starting or self._up) and not self.finished:
                self._halt(MappingError(f"no worker of the mapping stays alive: {reason}", _DEATH))
            return []
        if self.finished or self._error is not None:
            return []
        self._starting.add(slot)
        return [Start(slot)]

    def _halt(self, error: BocageError) -> None:
        """Give out nothing more. The first error is the one that is reported."""
        self._error = self._error or error
        self._left.update(self._fresh, self._again)
        self._fresh.clear()
        self._again.clear()

    def _give(self, now: float) -> list[Command]:
        commands: list[Command] = []
        for taken in range(self._at_once if self._fresh or self._again else 0):
            for slot in sorted(slot for slot in self._room if len(self._up[slot].tiles) == taken):
                tile = self._next(slot, ahead=taken > 0)
                if tile is not None:
                    worker = self._up[slot]
                    worker.since = worker.since if worker.tiles else now
                    worker.tiles.append(tile)
                    self._under_way += 1
                    if len(worker.tiles) == self._at_once or tile in self._failures:
                        self._room.remove(slot)
                    commands.append(Give(slot, tile, len(self._failures.get(tile, ())) + 1))
        return commands

    def _next(self, slot: int, *, ahead: bool) -> str | None:
        """Return the tile that the worker of a slot is given now, or None where it is to wait."""
        if len(self._fresh) > (len(self._starting) + len(self._up) if ahead else 0):
            return self._fresh.popleft()
        for tile in () if ahead or self._fresh else self._again:
            failed = {each for each, _ in self._failures[tile]}
            if slot not in failed or failed >= self._up.keys():
                del self._again[tile]
                return tile
        return None

    def _late(self, now: float) -> list[Command]:
        commands: list[Command] = []
        for slot, worker in sorted(self._up.items()) if self._limit is not None else ():
            if worker.tiles and not worker.killed and now - worker.since >= (self._limit or 0.0):
                worker.killed = True
                commands.append(Kill(slot, f"tile {worker.tiles[0]} took longer than {self._limit:g} s"))
        return commands


_DEATH = "look at the memory of the machine and run the same command again, perhaps with fewer workers"


def _refusal(tile: str, errors: Sequence[BocageError]) -> Refusal:
    """Return the refusal of a tile, with every different reason once, in their order."""
    reasons = list(dict.fromkeys(error.problem for error in errors))
    mend = next((error.mend for error in reversed(errors) if error.mend), "")
    return Refusal(tile, f"tile {tile} is quarantined after {len(errors)} tries: {'; '.join(reasons)}", mend)
