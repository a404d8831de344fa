"""A storage that is a folder: files appear by renaming, as :mod:`bocage.files` does it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bocage.errors import StorageError
from bocage.files import write_bytes
from bocage.storage.storage import Stored


@dataclass(frozen=True, slots=True)
class FolderStorage:
    """The files of a folder, which need not be there yet; see :class:`~bocage.storage.Storage`."""

    folder: Path

    @property
    def root(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def href(self, name: str) -> str:
        """Return the path of a file."""
        return str(self.folder / name)

    def list(self) -> dict[str, Stored]:
        """Return the files of the folder that are complete."""
        try:
            with os.scandir(self.folder) as entries:
                found = {
                    entry.name: _stored(entry.stat())
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_file()
                }
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unreadable(self.folder, error) from error
        return dict(sorted(found.items()))

    def find(self, name: str) -> Stored | None:
        """Return size and tag of a file, or None."""
        path = self.folder / name
        try:
            return _stored(path.stat()) if path.is_file() else None
        except OSError as error:
            raise _unreadable(path, error) from error

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        path = self.folder / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error

    def write(self, name: str, content: bytes) -> Stored:
        """Write a file under a temporary name and rename it."""
        path = self.folder / name
        write_bytes(path, content)
        return _stored(path.stat())

    def delete(self, name: str) -> None:
        """Remove a file."""
        path = self.folder / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"{path} could not be removed: {os.strerror(error.errno or 0)}",
                "make the folder writable for this user",
            ) from error


def _stored(stat: os.stat_result) -> Stored:
    return Stored(stat.st_size, f"{stat.st_mtime_ns:x}-{stat.st_size:x}")


def _unreadable(path: Path, error: OSError) -> StorageError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return StorageError(f"{path} cannot be read: {reason}", "check that it is there and readable for this user")
