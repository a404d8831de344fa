"""Which files of one tree belong together: metadata first, names only where metadata do not say.

A file that could be part of a refused delivery is never taken as a scene of its own: what is damaged or not supported
would come back as a scene without sensor, date and calibration.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import PurePosixPath

from bocage.errors import BocageError, MetadataError, SceneError
from bocage.scenes.deliveries.archive import is_archive
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.linked import Linked
from bocage.scenes.deliveries.merging import Reading, merged, principal
from bocage.scenes.deliveries.naming import (
    Pairing,
    folder_of,
    is_document,
    is_picture,
    is_raster,
    stem_of,
    tile_of,
)  # fmt: skip
from bocage.scenes.deliveries.supplementing import SUPPLEMENT, supplement
from bocage.scenes.deliveries.tree import Grouped, Problem, Tree, folders_above
from bocage.scenes.dialects import stac
from bocage.scenes.documents import safe_name
from bocage.scenes.metadata import PartRecord, ProductMetadata

_log = logging.getLogger("bocage")

Reader = Callable[[str, DeliveryFiles], ProductMetadata | None]

_MEND = "deliver the product again with all its files"
_READERS = 8


def group(files: DeliveryFiles, names: Sequence[str], read: Reader) -> Grouped:
    """Find the deliveries among files of one tree; archives in it are left to the caller.

    Parameters
    ----------
    files
        The tree.
    names
        Those of its files that are looked at.
    read
        Reads one metadata file; None for a file that describes no product.
    """
    found = Grouped()
    odd = [name for name in names if not name.isprintable()]
    for name in odd:
        if is_raster(name) or is_document(name) or is_archive(name):
            error = SceneError(f"{files.root}: the file {name!r} has a name that is no text", "rename it")
            found.problems.append(Problem(repr(name), error))
    tree = Tree(files, [name for name in names if name not in odd] if odd else names)
    readings = _read_all(tree, read, found)
    supplements = [reading for reading in readings if reading.metadata.dialect == SUPPLEMENT]
    naming, silent = _resolve_all(
        tree, [reading for reading in readings if reading.metadata.dialect != SUPPLEMENT], found
    )
    groups = _join(naming)
    _pair(tree, groups, silent, found)
    blocked = _blocked(tree, {raster for one in groups for raster in _rasters(one)}, found)
    groups = [one for one in groups if blocked.isdisjoint(_rasters(one))]
    taken = blocked | {raster for one in groups for raster in _rasters(one)}
    described = {folder_of(reading.name) for reading in readings} | {folder_of(one.name) for one in found.problems}
    alone = [
        name
        for name in tree.rasters
        if name not in taken and not (is_picture(name) and not described.isdisjoint(folders_above(name)))
    ]
    found.deliveries += [Delivery(_identifier(name), files, (PartRecord(name),)) for name in alone]
    for one in groups:
        try:
            found.deliveries.append(_delivery(tree, one))
        except SceneError as error:
            found.problems.append(Problem(principal(one).name, error, frozenset(_rasters(one))))
    supplement(tree, supplements, found)
    found.deliveries.sort(key=lambda delivery: delivery.parts[0].name)
    return found


def _read_all(tree: Tree, read: Reader, found: Grouped) -> list[Reading]:
    def one(name: str) -> Reading | Problem | None:
        try:
            metadata = read(name, tree.files)
            if metadata is None and name.lower().endswith(".json"):
                # A sidecar is known by its name; what it says must then be a STAC Item.
                beside = any(_stem(raster) == _stem(name) for raster in tree.pairing(folder_of(name)).same(name))
                metadata = stac.parse(name, tree.files) if beside else None
        except BocageError as error:
            return Problem(name, error)
        return Reading(name, metadata) if metadata is not None else None

    for name in tree.documents:
        tree.pairing(folder_of(name))
    with ThreadPoolExecutor(_READERS) as pool:
        results = list(pool.map(one, tree.documents))
    found.problems += [result for result in results if isinstance(result, Problem)]
    return [result for result in results if isinstance(result, Reading)]


def _resolve_all(tree: Tree, readings: Iterable[Reading], found: Grouped) -> tuple[list[Reading], list[Reading]]:
    """Return the readings that name their rasters, found, and those that name none."""
    naming: list[Reading] = []
    silent: list[Reading] = []
    for reading in readings:
        if not reading.metadata.parts:
            silent.append(reading)
            continue
        rasters: list[str] = []
        missing: SceneError | None = None
        for part in reading.metadata.parts:
            try:
                rasters.append(tree.resolve(reading.name, part.name))
            except SceneError as error:
                missing = missing or error
        if missing is not None:
            found.problems.append(Problem(reading.name, missing, frozenset(rasters)))
        else:
            naming.append(replace(reading, rasters=tuple(rasters)))
    return naming, silent


def _join(readings: Iterable[Reading]) -> list[list[Reading]]:
    """Return the readings in groups that share rasters."""
    groups: dict[int, list[Reading]] = {}
    owner: dict[str, int] = {}
    for number, reading in enumerate(readings):
        joined = sorted({owner[raster] for raster in reading.rasters if raster in owner})
        members = [member for other in joined for member in groups.pop(other)] + [reading]
        groups[number] = members
        owner |= {raster: number for member in members for raster in member.rasters}
    return list(groups.values())


def _pair(tree: Tree, groups: list[list[Reading]], silent: Sequence[Reading], found: Grouped) -> None:
    """Join metadata that name no files to the images that are named like them."""
    owner = {raster: one for one in groups for raster in _rasters(one)}
    speakers: dict[str, list[str]] = defaultdict(list)
    for reading in silent:
        speakers[folder_of(reading.name)].append(reading.name)
    pairings = {folder: Pairing(tree.rasters_in.get(folder, ()), names) for folder, names in speakers.items()}
    lonely = {folder for folder, names in speakers.items() if len({stem_of(name) for name in names}) == 1}
    for reading in silent:
        folder = folder_of(reading.name)
        own = pairings[folder].find(reading.name)
        if not own and folder in lonely:
            free = [raster for raster in tree.rasters_in.get(folder, ()) if raster not in owner]
            own = free if len(free) == 1 else []
        joined = next((owner[raster] for raster in own if raster in owner), None)
        if joined is not None:
            joined.append(reading)
            continue
        tiles = [tile_of(raster) for raster in own]
        if not own:
            error = SceneError(f"{tree.files.root}/{reading.name} describes an image that is not there", _MEND)
            found.problems.append(Problem(reading.name, error))
        elif len(own) > 1 and (None in tiles or len(set(tiles)) < len(tiles)):
            error = SceneError(
                f"{tree.files.root}/{reading.name} names no image, and {len(own)} are named after it", _MEND
            )
            found.problems.append(Problem(reading.name, error, frozenset(own)))
        else:
            parts = tuple(
                PartRecord(raster[len(folder) :].lstrip("/"), tile=tile or (1, 1))
                for raster, tile in zip(own, tiles if len(own) > 1 else [None], strict=True)
            )
            members = [Reading(reading.name, replace(reading.metadata, parts=parts), tuple(own))]
            groups.append(members)
            owner |= dict.fromkeys(own, members)


def _blocked(tree: Tree, claimed: set[str], found: Grouped) -> set[str]:
    """Return the rasters that belong, or may belong, to what cannot be used; the problems are told of theirs."""
    blocked: set[str] = set()
    unclaimed: dict[str, frozenset[str]] = {}
    for number, problem in enumerate(found.problems):
        folder = folder_of(problem.name)
        own = problem.rasters | set(tree.pairing(folder).find(problem.name))
        error = problem.error
        if not own:
            if folder not in unclaimed:
                unclaimed[folder] = frozenset(tree.rasters_in.get(folder, ())) - claimed
            own = unclaimed[folder]
            if own:
                left = f"; the rasters beside it are left out with it, as some may be its own: {len(own)}"
                error = type(error)(error.problem + left, error.mend)
        found.problems[number] = Problem(problem.name, error, own)
        blocked |= own
    return blocked


def _delivery(tree: Tree, readings: Sequence[Reading]) -> Delivery:
    first = principal(readings)
    if set(first.rasters) < _rasters(readings):
        raise MetadataError(
            f"{tree.files.root}/{first.name} and {len(readings) - 1} further metadata files name different images",
            _MEND,
        )
    metadata = first.metadata
    for reading in readings:
        if reading is not first:
            metadata = merged(metadata, reading)
    parts = tuple(replace(part, name=raster) for part, raster in zip(first.metadata.parts, first.rasters, strict=True))
    single = len(parts) == 1 and first.metadata.dialect == stac.NAME
    name = _identifier(parts[0].name if single else metadata.product or first.name)
    linked = any(part.name.startswith("s3://") for part in parts)
    return Delivery(
        id=name,
        files=Linked(tree.files) if linked else tree.files,
        parts=parts,
        metadata=metadata,
        documents=tuple(sorted({reading.name for reading in readings})),
        masks=_masks(tree, readings),
    )


def _masks(tree: Tree, readings: Sequence[Reading]) -> tuple[str, ...]:
    """Return the cloud masks that are there; a STAC Item is written for Bocage, so what it names must be there."""
    masks: dict[str, None] = {}
    for reading in readings:
        for mask in reading.metadata.cloud_masks:
            try:
                masks[tree.resolve(reading.name, mask)] = None
            except SceneError:
                if reading.metadata.dialect == stac.NAME:
                    raise
                _log.warning("%s names the cloud mask %s, which was not delivered", reading.name, mask)
    return tuple(masks)


def _rasters(readings: Iterable[Reading]) -> set[str]:
    return {raster for reading in readings for raster in reading.rasters}


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _identifier(name: str) -> str:
    """Return a name for the scene from that of a file or product."""
    last = name.rpartition("/")[2]
    stem = PurePosixPath(last).stem if is_raster(last) or is_document(last) else last
    return safe_name(stem) or f"scene_{stem.encode().hex()[:16]}"
