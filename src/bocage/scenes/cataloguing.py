"""The stage "scenes": recognise every delivery that is new or has changed, refuse the bad ones, write the catalogue.

A production of 40 000 deliveries takes hours, so the catalogue is written about once a minute: a run that was stopped
goes on where it was.
"""

from __future__ import annotations

import logging
import os
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version

from pyproj.exceptions import ProjError
from rasterio.errors import RasterioError
from shapely.errors import ShapelyError

from bocage.errors import BocageError, MissingExtraError, SceneError, StorageError
from bocage.files import digest_json, finished, write_bytes
from bocage.outcome import Outcome, Refusal
from bocage.progress import bar
from bocage.project import Project
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.identity import checksum, state_digest
from bocage.scenes.footprint import polygonal
from bocage.scenes.levelling import bring_in_line
from bocage.scenes.quicklook import jpeg
from bocage.scenes.recognition import Rules, recognise_delivery
from bocage.scenes.register import Entry, Record, Register
from bocage.scenes.rows import SceneRows
from bocage.scenes.scene import Scene
from bocage.scenes.sources import Candidate, Gathering, gather

_log = logging.getLogger("bocage")
# Changes whenever recognition would find something else in the same files.
_VERSION = 3
_CHECKPOINT_SECONDS = 60.0
# Of the time of a run, at most this share goes into writing what it has so far.
_CHECKPOINT_SHARE = 0.1
QUICKLOOKS = "quicklooks"


def catalogue_scenes(
    project: Project, paths: Sequence[str] | None = None, bands: Sequence[str] | None = None, *, decode: bool = False
) -> Outcome:
    """Bring ``scenes.parquet`` up to date with the deliveries.

    A delivery whose files have the size and time, or the checksum, that the catalogue knows is not opened. Deliveries
    of the settings come in, and those that were added by name stay in as long as they exist; an entry whose files are
    gone is dropped. A store that cannot be reached is told, and what is catalogued of it stays.

    Parameters
    ----------
    project
        The project.
    paths
        Rasters, folders, archives, metadata files, STAC Items, patterns or ``s3://`` URLs to add beyond
        ``scenes.paths``; relative to the current folder, else to the project.
    bands
        Band names in file order of the added deliveries (of all where ``paths`` is None).
    decode
        Whether every pixel is decoded, as with ``scenes.verify = "pixels"``.

    Returns
    -------
    Outcome
        The catalogue; figures: scenes, recognised anew, unchanged, left out since their files are gone, sensors, and
        where scenes are harmonised the median
        difference of overlapping scenes before and after, in grey values; every refused delivery with its reason, and
        every given path that holds none.

    Raises
    ------
    SceneError
        If no scene is left.
    MissingExtraError
        If clouds are to be detected and the extra ``clouds`` is not installed.
    StorageError
        If the catalogue or a quick-look cannot be written. What was recognised until then is kept where possible.
    """
    register = Register(project.scenes_file, project.grid)
    found = gather(project, paths, register.records)
    run = _Run(project, register, None if bands is None else tuple(bands), paths is None, decode)
    stay = {name for name, record in register.records.items() if found.keeps(record)}
    _check_any(project, found, stay)
    fresh, accepted = run.recognise(found, stay)
    left = accepted | stay
    if not left:
        first, *others = found.refused
        for refusal in others:
            _log.warning("refused %s", refusal)
        raise SceneError(
            f"no scenes: all {len(found.refused)} deliveries were refused; first: {first.reason}", first.mend
        )
    gone = set(register.records) - left
    differences = bring_in_line(project, register, left, changed=bool(fresh or gone), refused=found.refused)
    for name in sorted(gone):
        _log.warning("scene %s is left out of the catalogue: its files are gone or were refused", name)
        register.drop(name)
    register.write()
    for path in finished(project.folder / QUICKLOOKS, "*.jpg"):
        if path.stem not in left:
            path.unlink(missing_ok=True)
    figures = {
        "scenes": len(left),
        "recognised": len(fresh),
        "unchanged": len(left) - len(fresh),
        "refused": len(found.refused),
        "sensors": register.sensors(),
        **({"left_out": len(gone)} if gone else {}),
        **differences,
    }
    return Outcome((project.scenes_file,), figures, tuple(found.refused))


def _check_any(project: Project, found: Gathering, stay: set[str]) -> None:
    if found.candidates or stay:
        return
    if found.refused:
        raise SceneError(f"no scenes: {found.refused[0].reason}", found.refused[0].mend)
    raise SceneError(
        f"no scenes: {', '.join(project.settings.scenes.paths)} matches no file in {project.folder}",
        "put the scenes there or correct scenes.paths",
    )


@dataclass(frozen=True)
class _Run:
    """One run of the stage: what it is to do with a delivery.

    Attributes
    ----------
    stated
        Band names that a person states now, or None.
    stated_for_all
        Whether they are those of all deliveries, not only of those that are named now.
    decode
        Whether every pixel is decoded.
    """

    project: Project
    register: Register
    stated: tuple[str, ...] | None
    stated_for_all: bool
    decode: bool

    @cached_property
    def rules(self) -> Rules:
        settings = self.project.settings.scenes
        return Rules(
            settings.stretch,
            settings.percentiles,
            settings.bands,
            mask_saturated=settings.mask_saturated,
            decode=self.decode or settings.verify == "pixels",
        )

    @cached_property
    def rows(self) -> SceneRows:
        """The catalogue as it was when somebody first asked."""
        return SceneRows(self.project.scenes_file, self.project.grid)

    def recognise(self, found: Gathering, stay: set[str]) -> tuple[set[str], set[str]]:
        """Recognise what is new or has changed; return the ids of those, and of all deliveries that are accepted."""
        fresh: set[str] = set()
        accepted: set[str] = set()
        refused: list[tuple[str, Refusal]] = []
        groups: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in found.candidates:
            groups[candidate.delivery.id].append(candidate)
        # More threads than processors: some wait for a disk or a store while others decode.
        pool = ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1)))
        due = time.monotonic() + _CHECKPOINT_SECONDS
        try:
            with bar("Recognising scenes", len(groups)) as advance:
                tasks = {pool.submit(self._first_good, group, name in stay): name for name, group in groups.items()}
                for task in as_completed(tasks):
                    result, name = task.result(), tasks.pop(task)
                    advance(1)
                    refused += [(name, refusal) for refusal in result.refused]
                    if result.accepted:
                        accepted.add(name)
                    if result.entry is not None:
                        self.register.put(result.entry)
                    if result.fresh:
                        fresh.add(name)
                    if (start := time.monotonic()) > due:
                        self.register.write()
                        spent = time.monotonic() - start
                        due = start + spent + max(_CHECKPOINT_SECONDS, spent / _CHECKPOINT_SHARE)
        except BaseException as error:
            # Whatever ended the run, what it has done is worth keeping.
            pool.shutdown(cancel_futures=True)
            if not isinstance(error, StorageError):
                self.register.write()
            raise
        pool.shutdown()
        found.refused += [refusal for _, refusal in sorted(refused, key=lambda pair: pair[0])]
        return fresh, accepted

    def _first_good(self, group: Sequence[Candidate], taken: bool) -> _Result:
        """Return the result of the first delivery of an id that can be used; ids are unique, so the others cannot."""
        refused: list[Refusal] = []
        done: _Result | None = None
        for candidate in group:
            href = candidate.delivery.files.href(candidate.delivery.parts[0].name)
            if taken or done is not None:
                reason = f"{href}: another scene is named {candidate.delivery.id}"
                refused.append(Refusal(href, reason, "rename the file or the folder of one of them"))
                continue
            try:
                done = self._one(candidate)
            except (StorageError, MissingExtraError):
                # What is wrong with the machine is wrong for every scene.
                raise
            except BocageError as error:
                refused.append(Refusal.of(href, error))
            except (RasterioError, ShapelyError, ProjError, OSError, ValueError, ArithmeticError) as error:
                # Not foreseen, and no reason to stop the thousands that follow.
                reason = f"{href} could not be recognised: {type(error).__name__}: {error}"
                refused.append(Refusal(href, reason, "deliver it again, or report it with its file"))
        done = done or _Result(accepted=False)
        return replace(done, refused=tuple(refused))

    def _one(self, candidate: Candidate) -> _Result:
        """Return the entry of a delivery; no entry where the one of the catalogue stays as it is."""
        delivery = candidate.delivery
        old = self.register.records.get(delivery.id)
        if old is not None and old.key != candidate.key:
            old = None
        stated = old.stated if old is not None else None
        if self.stated is not None and (self.stated_for_all or candidate.given):
            stated = self.stated
        record = Record(
            key=candidate.key,
            state=state_digest(delivery),
            recipe=self._recipe(stated),
            source=candidate.source,
            added=candidate.added,
            stated=stated,
            decoded=self.rules.decode,
        )
        if (
            old is not None
            and (old.state, old.recipe) == (record.state, record.recipe)
            and old.decoded >= record.decoded
        ):
            same = replace(old, source=record.source, added=record.added, stated=record.stated)
            # The row is made anew only where its record has changed, not for 40 000 that have not.
            entry = None if same == old else Entry(self._known(delivery.id), same)
            return _Result(accepted=True, entry=entry)
        scene = self._recognised(delivery, stated)
        if record.decoded:
            record = replace(record, checksum=checksum(delivery))
        return _Result(accepted=True, fresh=True, entry=Entry(scene, record))

    def _recognised(self, delivery: Delivery, stated: tuple[str, ...] | None) -> Scene:
        found = recognise_delivery(delivery, self.project.grid, self.rules, stated)
        scene, area = found.scene, self.project.bounds
        if area is not None and not scene.footprint.intersects(area.polygon()):
            raise SceneError(f"{scene.href} lies outside the area {area.as_tuple()}", "remove it or widen area.bbox")
        if self.project.settings.scenes.clouds == "detect" and not delivery.masks and scene.calibration is not None:
            from bocage.scenes.cloudnet import cloud_outline  # few projects look for clouds themselves
            from bocage.scenes.reader import open_scene

            clouds = cloud_outline(scene, self.project.grid, open_scene) if scene.has_nir else None
            scene = replace(scene, clouds=None if clouds is None else polygonal(clouds))
        if not scene.has_nir:
            _log.warning("%s has no near infrared: it can be looked at, and models refuse it", scene.href)
        picture = self.project.folder / QUICKLOOKS / f"{scene.id}.jpg"
        write_bytes(picture, jpeg(found.picture))
        return replace(scene, quicklook=picture)

    def _known(self, name: str) -> Scene:
        return self.rows[bisect_left(self.rows.ids, name)]

    def _recipe(self, stated: tuple[str, ...] | None) -> str:
        """Return the digest of all that decides a scene apart from its files and from harmonising."""
        settings = self.project.settings
        own = settings.scenes
        return digest_json(
            [
                _VERSION,
                own.stretch,
                own.percentiles,
                own.bands,
                own.mask_saturated,
                _finder() if own.clouds == "detect" else own.clouds,
                stated,
                settings.grid.crs,
                settings.grid.resolution,
                settings.area.bbox,
            ]
        )


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of the deliveries of one id."""

    accepted: bool
    fresh: bool = False
    entry: Entry | None = None
    refused: tuple[Refusal, ...] = ()


@cache
def _finder() -> tuple[str, ...]:
    """Return what decides which clouds are found; another release of the network finds others."""
    try:
        return "detect", *(version(name) for name in ("ukis-csmask", "onnxruntime"))
    except PackageNotFoundError:
        return ("detect",)
