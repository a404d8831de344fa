"""Deliveries as the service hands them out: zip and tar archives, unpacked into a folder of their own for the check.

An archive is listed by the reader of deliveries of scenes first, which refuses one with names that lead out of it,
links, two members of one name, or sizes that cannot be true. Only what it has listed is written.
"""

from __future__ import annotations

import errno
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

from bocage.errors import ProductError, SceneError, StorageError
from bocage.scenes.deliveries.archive import ARCHIVES, is_archive, open_archive

__all__ = ["ARCHIVES", "is_archive", "unpack"]

_MORE_ROOM = "set TMPDIR to a folder on a larger disk, or unpack it and check the folder"


def unpack(archive: Path, folder: Path) -> None:
    """Write the members of an archive into a new folder; hidden ones are left out.

    Raises
    ------
    ProductError
        If the archive is damaged, is not an honest one or holds nothing.
    StorageError
        If there is no room for what it holds, which says nothing of the archive.
    """
    try:
        listed = open_archive(str(archive))
    except SceneError as error:
        raise ProductError(error.problem, error.mend) from error
    if not listed.names:
        raise ProductError(f"{archive.name} holds no file", "deliver the archive again")
    folder.mkdir(parents=True)
    size, room = sum(listed.state(name).size for name in listed.names), shutil.disk_usage(folder).free
    if size > room:
        raise StorageError(f"{archive.name} unpacks to {size} bytes, and {folder} has room for {room}", _MORE_ROOM)
    try:
        if archive.suffix.lower() == ".zip":
            _unpack_zip(archive, frozenset(listed.names), folder)
        else:
            _unpack_tar(archive, frozenset(listed.names), folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageError(f"{folder} has no more room for what {archive.name} holds", _MORE_ROOM) from error
        raise ProductError(f"{archive.name} is damaged: {error}", "deliver the archive again") from error


def _unpack_zip(archive: Path, names: frozenset[str], folder: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            name = member.filename.removeprefix("./")
            if name in names:
                target = _place(folder, name)
                with content.open(member) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)


def _unpack_tar(archive: Path, names: frozenset[str], folder: Path) -> None:
    with tarfile.open(archive) as content:
        for member in content:
            name = member.name.removeprefix("./")
            source = content.extractfile(member) if member.isreg() and name in names else None
            if source is not None:
                with source, _place(folder, name).open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)


def _place(folder: Path, name: str) -> Path:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
