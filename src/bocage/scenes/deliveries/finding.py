"""From what a person names to deliveries: folders, archives, single files, addresses of a store.

Archives within a folder are opened as trees of their own. Each folder is listed once, however many of its files are
named.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from bocage.errors import MetadataError, SceneError
from bocage.outcome import Refusal
from bocage.scenes.deliveries.archive import is_archive
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.deliveries.grouping import group
from bocage.scenes.deliveries.locations import open_files
from bocage.scenes.deliveries.merging import Reading
from bocage.scenes.deliveries.naming import is_document, is_known, is_raster, stem_of
from bocage.scenes.deliveries.store import Store
from bocage.scenes.deliveries.supplementing import supplemented
from bocage.scenes.deliveries.tree import Grouped, Problem
from bocage.scenes.dialects.registry import read_metadata

# Of a folder with more metadata files only those are read that are named like the files asked for.
_CROWD = 256

Found = tuple[list[Delivery], list[Refusal]]


def find_deliveries(source: str) -> Found:
    """Return the deliveries at a place, and why others cannot be used. No pixel is read.

    Parameters
    ----------
    source
        A folder, a zip or tar archive, a raster, a metadata file, a STAC Item, or the ``s3://`` URL of any of them. A
        file gives the one delivery to which it belongs.
    """
    return find_all([source])


def find_all(sources: Iterable[str]) -> Found:
    """Return the deliveries at several places as :func:`find_deliveries` does, each once."""
    deliveries: list[Delivery] = []
    refusals: list[Refusal] = []
    whole: list[str] = []
    named: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        try:
            parent, name = _locate(source)
        except SceneError as error:
            refusals.append(Refusal.of(source, error))
            continue
        if name:
            named[parent].append(name)
        else:
            whole.append(parent)
    for place in dict.fromkeys(whole):
        _add(_whole(place), deliveries, refusals)
    for place, names in named.items():
        _add(_named(place, list(dict.fromkeys(names))), deliveries, refusals)
    return deliveries, refusals


def _add(found: Found, deliveries: list[Delivery], refusals: list[Refusal]) -> None:
    known = {_first(delivery) for delivery in deliveries}
    deliveries += [delivery for delivery in found[0] if _first(delivery) not in known]
    refusals += [refusal for refusal in found[1] if refusal not in refusals]


def _first(delivery: Delivery) -> tuple[str, str]:
    return delivery.files.root, delivery.parts[0].name


def _locate(source: str) -> tuple[str, str]:
    """Return a tree and the name of a file in it; the name is empty where the whole tree is meant."""
    if source.startswith("s3://"):
        place = source.rstrip("/")
        parent, _, name = place.rpartition("/")
        return (parent, name) if is_known(name) and not source.endswith("/") and parent != "s3:/" else (place, "")
    if "://" in source:
        raise SceneError(f"{source} is an address that Bocage does not read", "download it, or name an s3:// URL")
    path = Path(os.path.normpath(Path(source).absolute()))
    if path.is_dir():
        return str(path), ""
    if not path.is_file():
        raise SceneError(f"{source} is not there", "check the path of the delivery")
    if not is_known(path.name):
        raise SceneError(
            f"{source} is no raster (.tif, .tiff, .jp2), archive (.zip, .tar, .tar.gz) or metadata file",
            "name the folder, archive or metadata file of the delivery",
        )
    return str(path.parent), path.name


def _whole(place: str) -> Found:
    try:
        files = open_files(place)
        grouped = group(files, files.names, read_metadata)
    except SceneError as error:
        return [], [Refusal.of(place, error)]
    deliveries, refusals = _finish(files, grouped, [name for name in files.names if is_archive(name)])
    if isinstance(files, Folder):
        refusals += [_link(files, name) for name in files.links if is_known(name) or Path(files.href(name)).is_dir()]
    if not deliveries and not refusals:
        refusals.append(
            Refusal(place, f"{place} holds no raster (.tif, .tiff, .jp2)", "name a raster or a folder that holds some")
        )
    return deliveries, refusals


def _link(files: Folder, name: str) -> Refusal:
    href = files.href(name)
    return Refusal(
        href, f"{href} is a link that leads out of the folder or to another folder", "add what it points at by its name"
    )


def _named(place: str, names: Sequence[str]) -> Found:
    """Return the deliveries to which files of one folder belong."""
    try:
        remote = place.startswith("s3://")
        files: DeliveryFiles = Store(place, shallow=True) if remote else Folder(place, shallow=True, trusted=names)
        listed = frozenset(files.names)
        absent = [Refusal(f"{place}/{name}", *_absent(place, name)) for name in names if name not in listed]
        grouped = group(files, _neighbours(files, names), read_metadata)
    except SceneError as error:
        return [], [Refusal.of(f"{place}/{name}", error) for name in names]
    wanted = set(names)
    known = {part.name for delivery in grouped.deliveries for part in delivery.parts}
    known |= {raster for problem in grouped.problems for raster in problem.rasters}
    asked = [name for name in names if is_raster(name) and name in listed and name not in known]
    # A preview is a scene where a person asks for it by its name.
    grouped.deliveries += group(files, asked, read_metadata).deliveries
    grouped.deliveries = [
        delivery
        for delivery in grouped.deliveries
        if not wanted.isdisjoint([*delivery.documents, *(part.name for part in delivery.parts)])
    ]
    grouped.problems = [
        problem for problem in grouped.problems if problem.name in wanted or not wanted.isdisjoint(problem.rasters)
    ]
    deliveries, refusals = _finish(files, grouped, [name for name in names if is_archive(name) and name in listed])
    told = {document for delivery in grouped.deliveries for document in delivery.documents}
    told |= {problem.name for problem in grouped.problems}
    told |= {reading.name for readings in grouped.supplements.values() for reading in readings}
    for name in names:
        if is_document(name) and name not in told and name in listed:
            refusals.append(
                Refusal(
                    f"{place}/{name}",
                    f"{place}/{name} is not metadata of a product that Bocage knows",
                    "name the folder of the delivery, its archive or its raster",
                )
            )
    return deliveries, refusals + absent


def _absent(place: str, name: str) -> tuple[str, str]:
    return f"{place}/{name} is not there", "check the path of the delivery"


def _neighbours(files: DeliveryFiles, names: Sequence[str]) -> list[str]:
    """Return the files that may belong to the named ones: all, or in a crowded folder those named alike."""
    documents = [name for name in files.names if is_document(name)]
    if len(documents) <= _CROWD:
        return list(files.names)
    stems = {stem_of(name) for name in names}
    alike = (
        {name for name in documents if any(_akin(stem_of(name), stem) for stem in stems)}
        if len(stems) < _CROWD
        else set(documents)
    )
    return [name for name in files.names if not is_document(name) or name in alike]


def _akin(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _finish(files: DeliveryFiles, grouped: Grouped, archives: Iterable[str]) -> Found:
    """Open the archives of a tree, and turn problems into refusals."""
    deliveries = list(grouped.deliveries)
    problems = list(grouped.problems)
    refusals: list[Refusal] = []
    inside = "!/" in files.root or (is_archive(files.root) and not Path(files.root).is_dir())
    for name in archives:
        href = f"{files.root}{'!' if inside else ''}/{name}"
        if inside:
            refusals.append(
                Refusal(
                    href, f"{href} is an archive within an archive, which is not read", "unpack the outer one first"
                )
            )
            continue
        found, refused = _whole(href)
        for reading in grouped.supplements.get(name, []):
            try:
                found = _with(found, reading, href, files)
            except MetadataError as error:
                found = []
                problems.append(Problem(reading.name, error))
        deliveries += found
        refusals += refused
    by_reason = {problem.error.problem: problem for problem in reversed(problems)}
    for problem in reversed(by_reason.values()):
        refusals.append(Refusal.of(f"{files.root}/{problem.name}", problem.error))
    return deliveries, refusals


def _with(found: list[Delivery], reading: Reading, archive: str, around: DeliveryFiles) -> list[Delivery]:
    if len(found) > 1:
        raise MetadataError(
            f"{reading.name} describes one delivery but {archive} holds {len(found)}", "unpack it and sort them"
        )
    return [supplemented(delivery, reading, around) for delivery in found]
