"""Which deliveries the stage "scenes" looks at: those of the settings, those named now, those named before."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from bocage.outcome import Refusal
from bocage.progress import bar
from bocage.project import Project
from bocage.scenes.deliveries.archive import is_archive
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.finding import find_all
from bocage.scenes.deliveries.locations import split_member
from bocage.scenes.deliveries.naming import is_document, is_raster
from bocage.scenes.register import Record

_HELD = "{} holds no raster (.tif, .tiff, .jp2)"
_NAME_ONE = "name a raster or a folder that holds some"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A delivery that was found.

    Attributes
    ----------
    delivery
        The files and what their metadata say.
    key
        Its first raster, relative to the project where it lies inside.
    source
        What finds it again.
    given
        Whether a person named it now.
    added
        Whether a person named it now or before, beyond the settings.
    """

    delivery: Delivery
    key: str
    source: str
    given: bool = False
    added: bool = False


@dataclass(slots=True)
class Gathering:
    """What was found.

    Attributes
    ----------
    candidates
        The deliveries, each once, ordered by the place of their first raster.
    refused
        What cannot be used, with reasons.
    unreachable
        Places in a store that could not be read.
    """

    candidates: list[Candidate] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)

    def keeps(self, record: Record) -> bool:
        """Say whether a scene lies where nothing could be read now: it stays, for a store may come back."""
        return not self.unreachable.isdisjoint({record.source.rstrip("/"), split_member(record.key)[0]})


@dataclass(slots=True)
class _Wanted:
    """Sources by how much is expected of them."""

    settings: dict[str, None] = field(default_factory=dict)
    given: dict[str, None] = field(default_factory=dict)
    kept: dict[str, None] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    patterns: dict[str, list[str]] = field(default_factory=dict)


def gather(project: Project, paths: Sequence[str] | None, records: Mapping[str, Record]) -> Gathering:
    """Find the deliveries of the settings, of the given paths and of those that were added by name before.

    Parameters
    ----------
    project
        The project, for its settings and as the folder in which relative patterns start.
    paths
        Rasters, folders, archives, metadata files, patterns or URLs; relative to the current folder, else to the
        project. Each is expected to hold a delivery.
    records
        What is catalogued.
    """
    wanted, found = _Wanted(), Gathering()
    for pattern in project.settings.scenes.paths:
        _expand(project, pattern, wanted.settings, wanted)
    for pattern in paths or ():
        here = Path(pattern).absolute()
        if "://" in pattern or here.exists():
            wanted.given.setdefault(pattern if "://" in pattern else str(here))
            continue
        before = len(wanted.given)
        _expand(project, pattern, wanted.given, wanted)
        if len(wanted.given) == before:
            # Who names a path expects a scene of it: silence would read as success.
            if any(sign in pattern for sign in "*?["):
                found.refused.append(Refusal(pattern, _HELD.format(pattern), _NAME_ONE))
            else:
                found.refused.append(Refusal(pattern, f"{pattern} is not there", "check the path"))
    added = {record.key for record in records.values() if record.added}
    for record in records.values():
        remote = record.source.startswith("s3://")
        if record.added and (remote or os.path.exists(record.source)):  # noqa: PTH110 - quick for 40 000
            wanted.kept.setdefault(record.source)
    sources = dict.fromkeys([*wanted.settings, *wanted.given, *wanted.kept])
    best: dict[str, Candidate] = {}
    for candidate, origin in _find(project, sources, wanted.silent, found):
        given, kept = origin in wanted.given, candidate.key in added
        if not (given or kept or origin in wanted.settings):
            continue
        candidate = replace(candidate, given=given, added=given or kept)  # noqa: PLW2901 - the same with its origin
        known = best.get(candidate.key)
        if known is None or (candidate.given, candidate.added) > (known.given, known.added):
            best[candidate.key] = candidate
    found.candidates = sorted(best.values(), key=lambda candidate: candidate.key)
    return found


def _expand(project: Project, pattern: str, target: dict[str, None], wanted: _Wanted) -> None:
    """Add the files and folders that a pattern names; as in a shell, hidden ones only where it begins with a dot."""
    place = project.location(pattern)
    if isinstance(place, str) or "://" in pattern:
        target.setdefault(place if isinstance(place, str) else pattern)
        return
    matches = project.paths(pattern)
    if len(matches) == 1 and not any(sign in pattern for sign in "*?["):
        # Without a wildcard the path itself is meant, also where it is not there.
        if matches[0].exists() or target is wanted.settings:
            target.setdefault(str(matches[0]))
        return
    hidden = Path(pattern).name.startswith(".")
    matches = [path for path in matches if hidden or not path.name.startswith(".")]
    held = [path for path in matches if is_raster(path.name) or is_archive(path.name) or path.is_dir()]
    # Beside rasters, metadata are companions; a pattern that matches nothing else means them.
    for path in held or [path for path in matches if is_document(path.name)]:
        target.setdefault(str(path))
        if path.is_dir():
            wanted.silent.add(str(path))


def find_again(project: Project, records: Mapping[str, Record]) -> tuple[dict[str, Delivery], list[Refusal]]:
    """Return the deliveries of catalogued scenes by their ids, as far as they are there, and what cannot be used."""
    names = {record.key: name for name, record in records.items()}
    found = Gathering()
    sources = dict.fromkeys(record.source for record in records.values())
    again = _find(project, sources, frozenset(), found)
    return {names[each.key]: each.delivery for each, _ in again if each.key in names}, found.refused


def _find(
    project: Project, sources: Iterable[str], silent: Collection[str], found: Gathering
) -> Iterator[tuple[Candidate, str]]:
    """Yield candidates with the source of which each is; collect refusals and unreachable sources."""
    groups: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        alone = "://" in source or is_archive(source) or Path(source).is_dir()
        # The files of a folder are looked for together, since they share their metadata.
        groups[source if alone else f"{Path(source).parent}/"].append(source)
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool, bar("Finding deliveries", len(groups)) as advance:
        for group, (deliveries, refusals) in zip(groups.values(), pool.map(find_all, groups.values()), strict=True):
            advance(1)
            for refusal in refusals:
                if refusal.subject in silent and refusal.reason == _HELD.format(refusal.subject):
                    continue
                found.refused.append(refusal)
                gone = refusal.reason in {_HELD.format(refusal.subject), f"{refusal.subject} is not there"}
                if refusal.subject.startswith("s3://") and not gone:
                    found.unreachable.add(refusal.subject)
            for delivery in deliveries:
                yield _candidate(project, delivery, group)


def _candidate(project: Project, delivery: Delivery, group: Sequence[str]) -> tuple[Candidate, str]:
    href = delivery.files.href(delivery.parts[0].name)
    key = href.removeprefix(f"{project.folder}/")
    if len(group) == 1:
        return Candidate(delivery, key, group[0]), group[0]
    own = [delivery.files.href(part.name) for part in delivery.parts]
    own += [delivery.files.href(name) for name in delivery.documents]
    origin = next((source for source in group if source in set(own)), group[0])
    return Candidate(delivery, key, split_member(href)[0]), origin
