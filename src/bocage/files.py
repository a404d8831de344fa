"""Writing so that an output appears whole or not at all, and digests that say what was read.

A file is written under a temporary name in its own folder and renamed when it is complete. A killed run leaves at most
hidden temporary files: the next run that writes into the folder removes them, and stages that list a folder by
:func:`finished` never see them.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bocage.errors import StorageError

_BLOCK = 1 << 20
# No system numbers its processes with more digits; a longer number would be refused by the system call.
_TEMPORARY = re.compile(r"\..+\.(\d{1,9})\.part(?:\.\w+)?")
_SEARCHED: set[Path] = set()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it becomes ``path``, on any error it is removed.

    The temporary name keeps the suffix, since libraries choose a format by it.

    Raises
    ------
    StorageError
        If the disk is full, the quota is spent or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Once per process: listing a folder for every tile that goes into it would take hours over a continent.
        if path.parent not in _SEARCHED:
            _SEARCHED.add(path.parent)
            remove_leftovers(path.parent)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if isinstance(error, StorageError) or error.errno not in _STORAGE_TROUBLE:
            raise
        raise StorageError(
            f"{path} could not be written: {os.strerror(error.errno)}", _STORAGE_TROUBLE[error.errno]
        ) from error
    finally:
        # Where the folder itself is at fault there is nothing to remove, and the error on its way says more.
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            temporary.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in a folder whose processes are gone."""
    # A leftover that cannot be removed harms nothing, and whether the folder can be written shows at once.
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries]:
            found = _TEMPORARY.fullmatch(name)
            if found is None:
                continue
            import psutil  # only a killed run leaves something to ask about

            if not psutil.pid_exists(int(found[1])):
                (folder / name).unlink()


def finished(folder: Path, pattern: str) -> list[Path]:
    """Return the files in a folder that match ``pattern``, sorted, without hidden ones: those are still being written.

    A folder that is not there holds none.
    """
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


_STORAGE_TROUBLE = {
    errno.ENOSPC: "free some space and run the same command again; what was finished is kept",
    errno.EDQUOT: "free some space or raise the quota and run the same command again; what was finished is kept",
    errno.EEXIST: "move the file away that stands where a folder is needed",
    errno.ENOTDIR: "move the file away that stands where a folder is needed",
    errno.EFBIG: "write to a file system that allows larger files",
    errno.EACCES: "make the folder writable for this user",
    errno.EPERM: "make the folder writable for this user",
    errno.EROFS: "choose a project folder on a writable disk",
}


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text to ``path``, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON to ``path``, whole or not at all. NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def digest_json(content: Any) -> str:
    """Return the SHA-256 of a JSON-like value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
