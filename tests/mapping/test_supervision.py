"""Every tile ends done or quarantined exactly once, whatever becomes of the workers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import BocageError, MappingError, ModelError, StorageError
from bocage.mapping.supervision import (
    Command,
    Done,
    Event,
    Failed,
    Give,
    Halt,
    Kill,
    Lost,
    Ready,
    Start,
    Supervisor,
    Tick,
)

TILES = tuple("abcdefgh")
FULL = StorageError("the disk is full", "free some space")


@dataclass
class Crew:
    """What a real crew would know: which slots start, wait or work. It checks that no command asks the impossible."""

    supervisor: Supervisor
    starting: set[int] = field(default_factory=set)
    at_once: int = 1
    tiles: dict[int, list[str]] = field(default_factory=dict)
    given: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def busy(self) -> dict[int, str]:
        """The first tile of every worker that has one."""
        return {slot: tiles[0] for slot, tiles in self.tiles.items() if tiles}

    def perform(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Start(slot):
                    assert slot not in self.starting | self.tiles.keys()
                    self.starting.add(slot)
                case Give(slot, tile, attempt):
                    assert not any(tile in tiles for tiles in self.tiles.values())
                    others = {other: number for other_slot, other, number in self.given if other_slot == slot}
                    assert all(others[other] == 1 for other in self.tiles[slot]), "a repeated tile is not alone"
                    assert attempt == 1 or not self.tiles[slot], "a repeated tile is not alone"
                    self.tiles[slot].append(tile)
                    assert len(self.tiles[slot]) <= self.at_once
                    self.given.append((slot, tile, attempt))
                case Kill(slot):
                    assert self.tiles[slot]

    def report(self, event: Event, now: float = 0.0) -> list[Command]:
        match event:
            case Ready(slot):
                self.starting.remove(slot)
                self.tiles[slot] = []
            case Done(slot, tile) | Failed(slot, _, tile):
                self.tiles[slot].remove(tile or self.tiles[slot][0])
            case Halt(_, slot, tile) if slot is not None:
                self.tiles[slot].remove(tile or self.tiles[slot][0])
            case Lost(slot):
                self.starting.discard(slot)
                self.tiles.pop(slot, None)
            case _:
                pass
        commands = self.supervisor.handle(event, now)
        self.perform(commands)
        for slot, tiles in self.tiles.items():
            assert self.supervisor.tiles_of(slot) == tuple(tiles)
        return commands


def crew_of(tiles: str, slots: int, tries: int = 3, limit: float | None = None, at_once: int = 1) -> Crew:
    supervisor = Supervisor(tuple(tiles), slots=slots, tries=tries, limit=limit, at_once=at_once)
    crew = Crew(supervisor, at_once=at_once)
    crew.perform(crew.supervisor.begin())
    return crew


def all_ready(crew: Crew) -> Crew:
    for slot in sorted(crew.starting):
        crew.report(Ready(slot))
    return crew


def possible(crew: Crew, halting: bool) -> list[Event]:
    """Return every event that can come next."""
    events: list[Event] = [Ready(slot) for slot in sorted(crew.starting)]
    events += [Lost(slot, "dead") for slot in sorted(crew.starting | crew.tiles.keys())]
    for slot, tiles in sorted(crew.tiles.items()):
        for tile in tiles:
            events += [Done(slot, tile), Failed(slot, ModelError("not finite"), tile)]
            if halting:
                events.append(Halt(FULL, slot, tile))
    return events


@given(
    count=st.integers(0, len(TILES)),
    slots=st.integers(1, 4),
    tries=st.integers(1, 4),
    at_once=st.integers(1, 3),
    choices=st.lists(st.integers(0, 10**6), max_size=80),
    halting=st.booleans(),
    losing=st.booleans(),
)
def test_every_tile_ends_once(
    count: int, slots: int, tries: int, at_once: int, choices: list[int], halting: bool, losing: bool
) -> None:
    tiles = TILES[:count]
    crew = Crew(Supervisor(tiles, slots=slots, tries=tries, at_once=at_once), at_once=at_once)
    answers = [crew.supervisor.begin()]
    crew.perform(answers[0])
    events: list[Event] = []
    pending = deque(choices)
    while not crew.supervisor.finished:
        open_ = possible(crew, halting)
        assert open_, "tiles are left, and nothing can happen any more"
        if pending:
            event = open_[pending.popleft() % len(open_)]
        else:
            # Then it only goes on well, or only badly, and must come to an end either way.
            good = [each for each in open_ if isinstance(each, Ready | Done)]
            event = open_[-1] if losing else good[0]
        events.append(event)
        answers.append(crew.report(event))
        assert len(events) < 1000, "it does not come to an end"

    supervisor = crew.supervisor
    ends = [*supervisor.done, *supervisor.quarantined, *supervisor.left]
    assert sorted(ends) == sorted(tiles)
    assert bool(supervisor.left) <= (supervisor.error is not None)
    assert not crew.busy
    for tile in tiles:
        attempts = [number for _, each, number in crew.given if each == tile]
        assert attempts == list(range(1, len(attempts) + 1))
        assert len(attempts) <= tries
        assert (tile in supervisor.quarantined) <= (len(attempts) == tries)

    again = Supervisor(tiles, slots=slots, tries=tries, at_once=at_once)
    assert [again.begin(), *(again.handle(event) for event in events)] == answers, "the same events, other commands"


@given(
    poisoned=st.sets(st.sampled_from(TILES)),
    slots=st.integers(1, 3),
    tries=st.integers(2, 3),
    at_once=st.integers(1, 3),
    order=st.randoms(use_true_random=False),
)
def test_exactly_the_poisoned_tiles_are_quarantined(
    poisoned: set[str], slots: int, tries: int, at_once: int, order: object
) -> None:
    """A tile that kills its worker takes others along at first, but none of them is blamed for good."""
    crew = all_ready(crew_of("".join(TILES), slots, tries, at_once=at_once))
    while not crew.supervisor.finished:
        slot = order.choice(sorted(crew.busy.keys() | crew.starting))  # type: ignore[attr-defined]
        if slot in crew.starting:
            crew.report(Ready(slot))
        else:
            crew.report(Lost(slot, "killed") if crew.busy[slot] in poisoned else Done(slot))
    assert set(crew.supervisor.quarantined) == poisoned
    assert crew.supervisor.error is None


def test_tiles_are_given_in_order_and_repeats_come_last() -> None:
    crew = all_ready(crew_of("abcd", 1))
    crew.report(Failed(0, ModelError("not finite")))
    for _ in range(4):
        crew.report(Done(0))
    assert crew.given == [(0, "a", 1), (0, "b", 1), (0, "c", 1), (0, "d", 1), (0, "a", 2)]
    assert crew.supervisor.done == ("b", "c", "d", "a")


def test_a_tile_is_repeated_in_another_slot() -> None:
    crew = all_ready(crew_of("ab", 2))
    crew.report(Failed(0, ModelError("not finite")))
    assert crew.tiles[0] == [], "slot 0 took the tile again that it had failed"
    crew.report(Done(1))
    assert crew.given[-1] == (1, "a", 2)
    crew.report(Failed(1, ModelError("not finite")))
    assert crew.given[-1] == (0, "a", 3), "both slots have failed it, so the first that is free takes it"


def test_a_broken_slot_fails_no_tile_for_good() -> None:
    crew = all_ready(crew_of("abcdefgh", 2, tries=2))
    while not crew.supervisor.finished:
        if 0 in crew.busy:
            crew.report(Failed(0, ModelError("this GPU is broken")))
        else:
            crew.report(Done(1))
    assert sorted(crew.supervisor.done) == list(TILES)


def test_quarantine_names_every_different_reason_once() -> None:
    crew = all_ready(crew_of("a", 1))
    crew.report(Lost(0, "its worker was killed"))
    crew.report(Ready(0))
    crew.report(Failed(0, ModelError("not finite", "train it again")))
    crew.report(Failed(0, ModelError("not finite", "train it again")))
    refusal = crew.supervisor.quarantined["a"]
    assert refusal.reason == "tile a is quarantined after 3 tries: its worker was killed; not finite"
    assert refusal.mend == "train it again"


def test_a_full_disk_lets_the_others_end_and_names_what_is_left() -> None:
    crew = all_ready(crew_of("abcde", 3))
    crew.report(Halt(FULL, 1))
    assert not crew.supervisor.finished
    crew.report(Done(0))
    crew.report(Lost(2, "killed"))
    supervisor = crew.supervisor
    assert supervisor.finished
    assert (supervisor.done, supervisor.left, supervisor.error) == (("a",), ("b", "c", "d", "e"), FULL)
    assert len(crew.given) == 3
    assert not supervisor.quarantined
    assert not crew.starting, "a worker is started though nothing is left to do"


def test_the_first_error_is_reported() -> None:
    crew = all_ready(crew_of("ab", 2))
    crew.report(Halt(FULL, 0))
    crew.report(Halt(StorageError("another"), 1))
    assert crew.supervisor.error is FULL


def test_workers_that_never_start_end_the_run() -> None:
    crew = crew_of("abc", 2, tries=2)
    for slot in (0, 0, 1, 1):
        assert not crew.supervisor.finished
        crew.report(Lost(slot, "its worker died of SIGSEGV"))
    assert crew.supervisor.finished
    assert isinstance(crew.supervisor.error, MappingError)
    assert "no worker of the mapping stays alive: its worker died of SIGSEGV" in str(crew.supervisor.error)
    assert crew.supervisor.left == ("a", "b", "c")


def test_a_slot_that_never_starts_leaves_the_work_to_the_others() -> None:
    crew = crew_of("abc", 2, tries=2)
    crew.report(Lost(1, "dead"))
    crew.report(Lost(1, "dead"))
    crew.report(Ready(0))
    for _ in range(3):
        crew.report(Done(0))
    assert crew.supervisor.done == ("a", "b", "c")
    assert crew.supervisor.error is None


def test_a_hung_worker_is_killed_once_and_its_tile_repeated() -> None:
    crew = crew_of("ab", 2, limit=10.0)
    crew.report(Ready(0), 1.0)
    assert crew.supervisor.deadline == 11.0
    crew.report(Ready(1), 5.0)
    assert crew.report(Tick(), 10.9) == []
    (kill,) = crew.report(Tick(), 11.0)
    assert kill == Kill(0, "tile a took longer than 10 s")
    assert crew.supervisor.deadline == 15.0
    assert crew.report(Tick(), 12.0) == []
    crew.report(Lost(0, "tile a took longer than 10 s"), 12.0)
    crew.report(Done(1), 13.0)
    assert crew.given[-1] == (1, "a", 2)


def test_workers_have_tiles_ahead_until_few_are_left() -> None:
    crew = all_ready(crew_of("abcdefgh", 2, at_once=2))
    assert crew.tiles == {0: ["a", "b"], 1: ["c", "d"]}
    crew.report(Done(1, "d"))
    crew.report(Done(0, "a"))
    assert crew.tiles == {0: ["b", "f"], 1: ["c", "e"]}
    crew.report(Done(0, "b"))
    assert crew.tiles[0] == ["f"], "two are left for two workers, whoever is free first"
    crew.report(Done(0))
    assert crew.tiles == {0: ["g"], 1: ["c", "e"]}


def test_few_tiles_are_shared_out_though_one_worker_is_ready_first() -> None:
    crew = crew_of("abc", 3, at_once=2)
    crew.report(Ready(2))
    assert crew.tiles == {2: ["a"]}
    assert all_ready(crew).tiles == {0: ["b"], 1: ["c"], 2: ["a"]}


def test_clock_of_a_tile_ahead_begins_when_the_one_before_it_ends() -> None:
    crew = crew_of("abc", 1, limit=10.0, at_once=2)
    crew.report(Ready(0), 0.0)
    assert crew.tiles == {0: ["a", "b"]}
    crew.report(Done(0), 9.0)
    assert crew.supervisor.deadline == 19.0


def test_without_a_limit_no_worker_is_late() -> None:
    crew = all_ready(crew_of("a", 1))
    assert crew.supervisor.deadline is None
    assert crew.report(Tick(), 1e9) == []


def test_no_more_workers_than_tiles() -> None:
    assert crew_of("ab", 9).starting == {0, 1}
    assert crew_of("", 9).supervisor.finished


@pytest.mark.parametrize("event", [Ready(0), Done(1), Failed(1, BocageError("x")), Lost(7, "dead"), Halt(FULL, 1)])
def test_an_event_that_cannot_be_is_an_error(event: Event) -> None:
    supervisor = Supervisor(["a", "b"], slots=2)
    supervisor.begin()
    supervisor.handle(Ready(0))
    with pytest.raises(ValueError, match="slot"):
        supervisor.handle(event)


@pytest.mark.parametrize(("tiles", "slots", "tries"), [(["a", "a"], 1, 1), (["a"], 0, 1), (["a"], 1, 0)])
def test_a_run_that_cannot_be_is_an_error(tiles: list[str], slots: int, tries: int) -> None:
    with pytest.raises(ValueError, match="tiles"):
        Supervisor(tiles, slots=slots, tries=tries)
