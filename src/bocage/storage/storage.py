"""What every storage promises: objects of bytes by name, each there whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as a listing shows it.

    Attributes
    ----------
    size
        Bytes.
    tag
        Is another when the content is: the entity tag of a store, time and size of a file. The same content may get
        another tag by being copied, so an equal tag proves more than an unequal one.
    """

    size: int
    tag: str


class Storage(Protocol):
    """Objects by name, in one folder or under one prefix. It is pickled as its place and holds no secret.

    Names are those of files: without a slash, and not hidden. Every method raises
    :class:`~bocage.errors.StorageError` where the storage cannot be reached, is full or refuses.
    """

    @property
    def root(self) -> str:
        """The folder or the URL of the prefix."""

    def href(self, name: str) -> str:
        """Return what GDAL opens for an object."""

    def list(self) -> dict[str, Stored]:
        """Return all objects by name, sorted, without what is half written; none where there is no such folder."""

    def find(self, name: str) -> Stored | None:
        """Return what a listing would say of one object, or None where it is not there."""

    def read(self, name: str) -> bytes:
        """Return the whole content of an object."""

    def write(self, name: str, content: bytes) -> Stored:
        """Put an object in place, whole: until it is, and if it fails, readers see what was there before."""

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""
