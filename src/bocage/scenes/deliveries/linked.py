"""A tree of files together with files out of it: objects that a STAC Item names by their URL, a report beside it."""

from __future__ import annotations

from functools import lru_cache

from bocage.scenes.deliveries.files import METADATA_LIMIT, Beside, DeliveryFiles, FileState
from bocage.scenes.deliveries.store import Store


class Linked:
    """The files of ``base``, and others by where they lie as names. Errors are those of the trees.

    Parameters
    ----------
    base
        The tree of the delivery.
    around
        The tree in which an archive ``base`` lies; its files have names that begin with its root.
    """

    def __init__(self, base: DeliveryFiles, around: DeliveryFiles | None = None) -> None:
        self._base, self._around = base, around

    @property
    def root(self) -> str:
        """The root of the tree in which the Item lies."""
        return self._base.root

    @property
    def names(self) -> tuple[str, ...]:
        """The files of the tree; those out of it are not among them."""
        return self._base.names

    def beside(self, name: str) -> Beside:
        """Return what lies in the folder of a file by its last name in small letters."""
        files, own = self._find(name)
        return files.beside(own)

    def state(self, name: str) -> FileState:
        """Return size and version."""
        files, own = self._find(name)
        return files.state(own)

    def read(self, name: str, limit: int = METADATA_LIMIT) -> bytes:
        """Return the content of a small file."""
        files, own = self._find(name)
        return files.read(own, limit)

    def head(self, name: str, size: int = 4096) -> bytes:
        """Return the first bytes."""
        files, own = self._find(name)
        return files.head(own, size)

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` on."""
        files, own = self._find(name)
        return files.read_range(own, offset, size)

    def href(self, name: str) -> str:
        """Return where the file lies."""
        files, own = self._find(name)
        return files.href(own)

    def _find(self, name: str) -> tuple[DeliveryFiles, str]:
        if self._around is not None and name.startswith(f"{self._around.root}/"):
            return self._around, name.removeprefix(f"{self._around.root}/")
        if not name.startswith("s3://"):
            return self._base, name
        folder, _, own = name.rpartition("/")
        return _store(folder), own


@lru_cache(maxsize=64)
def _store(url: str) -> Store:
    return Store(url, shallow=True)
