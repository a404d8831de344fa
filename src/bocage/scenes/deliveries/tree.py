"""One tree of files sorted by what they are, and what was found in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bocage.errors import BocageError, SceneError
from bocage.scenes.deliveries.archive import is_archive
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.header import contains
from bocage.scenes.deliveries.merging import Reading
from bocage.scenes.deliveries.naming import Pairing, folder_of, is_document, is_raster


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be used, and the rasters that it makes unusable."""

    name: str
    error: BocageError
    rasters: frozenset[str] = frozenset()


@dataclass(slots=True)
class Grouped:
    """What was found in one tree.

    Attributes
    ----------
    deliveries
        The deliveries, in the order of their first file.
    problems
        What cannot be used.
    supplements
        By archive of the tree: metadata that describe the delivery in it.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    supplements: dict[str, list[Reading]] = field(default_factory=lambda: defaultdict(list))


class Tree:
    """The files of one tree by what they are, and by folder."""

    def __init__(self, files: DeliveryFiles, names: Sequence[str]) -> None:
        self.files = files
        self.rasters = [name for name in names if is_raster(name)]
        self.archives = [name for name in names if is_archive(name)]
        self.documents = [name for name in names if is_document(name)]
        self.rasters_in: dict[str, list[str]] = defaultdict(list)
        self.documents_in: dict[str, list[str]] = defaultdict(list)
        for name in self.rasters:
            self.rasters_in[folder_of(name)].append(name)
        for name in self.documents:
            self.documents_in[folder_of(name)].append(name)
        self._spelled: dict[str, str] | None = None
        self._pairings: dict[str, Pairing] = {}

    def pairing(self, folder: str) -> Pairing:
        """Return which rasters of a folder are named after which of all its metadata files."""
        if folder not in self._pairings:
            self._pairings[folder] = Pairing(self.rasters_in.get(folder, ()), self.documents_in.get(folder, ()))
        return self._pairings[folder]

    def resolve(self, document: str, named: str) -> str:
        """Return the name in the tree of a file that a metadata file names.

        Raises
        ------
        SceneError
            If it is not there.
        """
        if named.startswith("s3://"):
            root = f"{self.files.root}/"
            return named.removeprefix(root) if named.startswith(root) else named
        folder = folder_of(document)
        name = f"{folder}/{named}" if folder else named
        if contains(self.files, name):
            return name
        if self._spelled is None:
            # Products are made on systems that do not tell capital letters from small ones.
            self._spelled = {name.lower(): name for name in reversed(self.files.names)}
        if name.lower() in self._spelled:
            return self._spelled[name.lower()]
        try:
            self.files.state(name)
        except SceneError as error:
            raise SceneError(
                f"{self.files.root}/{document} names {named}, which is not there", "deliver it with the scene"
            ) from error
        return name


def folders_above(name: str) -> list[str]:
    """Return the folder of a file and those above it, the root as an empty text."""
    return ["" if str(parent) == "." else str(parent) for parent in PurePosixPath(name).parents]
