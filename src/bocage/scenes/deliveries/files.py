"""The files of a delivery, wherever they lie: in a folder, in an archive or in an object store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
