"""A tree of files together with objects of a store that a STAC Item in it names by their full URL."""

from __future__ import annotations

from functools import lru_cache

from bocage.scenes.deliveries.files import METADATA_LIMIT, DeliveryFiles, FileState
from bocage.scenes.deliveries.store import Store


class Linked:
    """The files of ``base``, and objects by their ``s3://`` URLs as names. Errors are those of the two."""

    def __init__(self, base: DeliveryFiles) -> None:
        self._base = base

    @property
    def root(self) -> str:
        """The root of the tree in which the Item lies."""
        return self._base.root

    @property
    def names(self) -> tuple[str, ...]:
        """The files of the tree; the objects are not among them."""
        return self._base.names

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
        if not name.startswith("s3://"):
            return self._base, name
        folder, _, own = name.rpartition("/")
        return _store(folder), own


@lru_cache(maxsize=64)
def _store(url: str) -> Store:
    return Store(url, shallow=True)
