"""Metadata that describe a delivery which has metadata of its own, such as those of a contributing mission.

They lie beside the delivery, above it or beside the archive that holds it, and fill what its own metadata do not say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from bocage.errors import MetadataError, SceneError
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.linked import Linked
from bocage.scenes.deliveries.merging import Reading, merged
from bocage.scenes.deliveries.naming import folder_of, stem_of
from bocage.scenes.deliveries.tree import Grouped, Problem, Tree, folders_above

SUPPLEMENT = "contributing"
"""The dialect that describes a delivery which has metadata of its own."""


def supplemented(delivery: Delivery, reading: Reading, around: DeliveryFiles | None = None) -> Delivery:
    """Return a delivery with what a further metadata file says; ``around``: the tree of the file, if not its own.

    Raises
    ------
    MetadataError
        If they contradict each other.
    """
    metadata = merged(delivery.metadata, reading) if delivery.metadata is not None else reading.metadata
    files, name = delivery.files, reading.name
    if around is not None:
        files, name = Linked(files, around), f"{around.root}/{name}"
    return replace(delivery, files=files, metadata=metadata, documents=(*delivery.documents, name))


def supplement(tree: Tree, readings: Iterable[Reading], found: Grouped) -> None:
    """Give metadata that describe another delivery to that delivery, or to the archive in which it lies."""
    below: dict[str, list[int | str]] = defaultdict(list)
    for number, delivery in enumerate(found.deliveries):
        for folder in folders_above(delivery.parts[0].name):
            below[folder].append(number)
    for archive in tree.archives:
        below[folder_of(archive)].append(archive)
    refused: set[int] = set()
    for reading in readings:
        targets = below.get(folder_of(reading.name), [])
        if len(targets) > 1:
            own = {stem_of(reading.name), reading.metadata.product.lower()} - {""}
            targets = [target for target in targets if _alike(own, _stems(target, found))]
        target = targets[0] if len(targets) == 1 else None
        if isinstance(target, str):
            found.supplements[target].append(reading)
        elif target is None:
            folder = folder_of(reading.name)
            if any(folder in folders_above(problem.name) for problem in found.problems):
                continue  # What it describes was refused, with its own reason.
            error = SceneError(
                f"{tree.files.root}/{reading.name} describes a delivery that is missing or one of several",
                "put it into the folder of its delivery",
            )
            found.problems.append(Problem(reading.name, error))
        elif target not in refused:
            delivery = found.deliveries[target]
            try:
                found.deliveries[target] = supplemented(delivery, reading)
            except MetadataError as error:
                rasters = frozenset(part.name for part in delivery.parts)
                found.problems.append(Problem(reading.name, error, rasters))
                refused.add(target)
    found.deliveries = [delivery for number, delivery in enumerate(found.deliveries) if number not in refused]


def _stems(target: int | str, found: Grouped) -> list[str]:
    if isinstance(target, str):
        return [stem_of(target)]
    delivery = found.deliveries[target]
    return [delivery.id, *map(stem_of, (*delivery.documents, delivery.parts[0].name))]


def _alike(own: Iterable[str], others: Iterable[str]) -> bool:
    return any(one in other.lower() or other.lower() in one for one in own for other in others if other)
