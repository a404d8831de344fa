"""The files of a delivery, wherever they lie: in a folder, in an archive or in an object store."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Beside = Mapping[str, Sequence[str]]
"""Last names in one folder by the same in small letters."""

METADATA_LIMIT = 64 << 20
"""A metadata file of more bytes is refused: the largest real ones have less than 1 MB."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What says whether a file has changed without reading it.

    Attributes
    ----------
    size
        Bytes.
    version
        Time of the last change in nanoseconds, the checksum within an archive or the entity tag of a store, as text.
    """

    size: int
    version: str


class DeliveryFiles(Protocol):
    """A tree of files that can be listed and read. Names are relative, with slashes, without ``..``."""

    @property
    def root(self) -> str:
        """The folder, archive or ``s3://`` prefix, for messages."""

    @property
    def names(self) -> tuple[str, ...]:
        """All files, sorted; hidden ones are left out."""

    def beside(self, name: str) -> Beside:
        """Return what lies in the folder of a file by its last name in small letters, also links and folders there.

        Raises
        ------
        SceneError
            If the folder cannot be listed.
        """

    def state(self, name: str) -> FileState:
        """Return size and version of a file.

        Raises
        ------
        SceneError
            If there is no such file.
        """

    def read(self, name: str, limit: int = METADATA_LIMIT) -> bytes:
        """Return the content of a small file.

        Raises
        ------
        SceneError
            If it is missing, cannot be read or is larger than ``limit``.
        """

    def head(self, name: str, size: int = 4096) -> bytes:
        """Return the first bytes of a file."""

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` on; fewer at the end of the file.

        Raises
        ------
        SceneError
            If the file is missing or cannot be read.
        """

    def href(self, name: str) -> str:
        """Return where the file lies: an absolute path, ``s3://bucket/key`` or ``/path/archive.zip!/member``."""


def entries(names: Sequence[str], name: str) -> Beside:
    """Return what lies in the folder of a file, from the sorted names of a tree."""
    folder, slash, _ = name.rpartition("/")
    start = f"{folder}{slash}"
    # The sign after the slash ends what begins with the folder.
    first, last = (bisect_left(names, start), bisect_left(names, f"{folder}0")) if slash else (0, len(names))
    return by_small_letters({each[len(start) :].partition("/")[0] for each in names[first:last]})


def by_small_letters(names: Iterable[str]) -> Beside:
    """Return names by the same in small letters."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        found.setdefault(name.lower(), []).append(name)
    return found
