"""Deliveries in zip and tar archives, read in place.

Nothing is unpacked: metadata are read with Python's own readers, pixels by GDAL out of the archive. Whoever made the
archive may be careless or hostile, so an archive with anything that an honest one has no use for is refused whole:
names that lead out of it, links, devices, two members of one name, encryption, sizes that cannot be true.

Pixels of a compressed archive are slow to read, since each window means unpacking all that lies before it:
``bocage scenes convert`` writes such scenes as plain files.
"""

from __future__ import annotations

import gzip
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self, cast

from bocage.errors import SceneError
from bocage.scenes.deliveries.files import METADATA_LIMIT, Beside, FileState, entries
from bocage.scenes.deliveries.store import Store, open_object

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
"""Endings of the names of archives, in lower case."""

_MEMBERS = 100_000
_RATIO = 100
_SLACK = 1 << 30
# Of a compressed tar small members are kept while it is listed: reading one later means unpacking again.
_KEPT_MEMBER = 4 << 20
_KEPT = 64 << 20
_MEND = "deliver the archive again, made with an ordinary zip or tar program"


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    original: str
    size: int
    version: str
    offset: int = 0
    readable: bool = True


@dataclass(frozen=True)
class Archive:
    """The members of one archive. Names are as in the archive, without a leading ``./``."""

    root: str
    members: tuple[_Member, ...]
    kept: dict[str, bytes] = field(default_factory=dict, repr=False)
    _beside: dict[str, Beside] = field(default_factory=dict, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """All files, sorted; hidden ones are left out."""
        return tuple(member.name for member in self.members)

    def beside(self, name: str) -> Beside:
        """Return what lies in the folder of a member by its last name in small letters, also folders there."""
        folder = name.rpartition("/")[0]
        if folder not in self._beside:
            self._beside[folder] = entries(self.names, name)
        return self._beside[folder]

    def state(self, name: str) -> FileState:
        """Return size and checksum, or time for a tar.

        Raises
        ------
        SceneError
            If there is no such member.
        """
        member = self._member(name)
        return FileState(member.size, member.version)

    def read(self, name: str, limit: int = METADATA_LIMIT) -> bytes:
        """Return the content of a small member.

        Raises
        ------
        SceneError
            If it is missing, damaged or larger than ``limit``.
        """
        member = self._member(name)
        if member.size > limit:
            raise SceneError(f"{self.href(name)} has more than {limit} bytes", "deliver the product's own file again")
        return self._range(member, 0, member.size)

    def head(self, name: str, size: int = 4096) -> bytes:
        """Return the first bytes of a member; errors as those of :meth:`read`."""
        return self.read_range(name, 0, size)

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` on; errors as those of :meth:`read`."""
        member = self._member(name)
        return self._range(member, offset, min(size, max(0, member.size - offset)))

    def href(self, name: str) -> str:
        """Return ``/path/archive.zip!/member``.

        Raises
        ------
        SceneError
            If the member's name is written in a way that GDAL does not read.
        """
        if not self._member(name).readable:
            raise SceneError(
                f"{self.root}!/{name} cannot be read in place: its name is long or not ASCII in a tar of the PAX form",
                "unpack the archive and add the folder",
            )
        return f"{self.root}!/{name}"

    def _member(self, name: str) -> _Member:
        at = bisect_left(self.members, name, key=lambda member: member.name)
        if at == len(self.members) or self.members[at].name != name:
            raise SceneError(f"{self.root}!/{name} is not there", "check the delivery")
        return self.members[at]

    def _range(self, member: _Member, offset: int, size: int) -> bytes:
        if member.name in self.kept:
            return self.kept[member.name][offset : offset + size]
        with _errors(self.root), _open(self.root) as file:
            if self.root.lower().endswith(".zip"):
                with zipfile.ZipFile(file) as archive, archive.open(member.original) as content:
                    content.seek(offset)
                    found = content.read(size)
            elif self.root.lower().endswith(".tar"):
                file.seek(member.offset + offset)
                found = file.read(size)
            else:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    unpacked.seek(member.offset + offset)
                    found = unpacked.read(size)
        if len(found) < size:
            raise SceneError(f"{self.root}!/{member.name} is cut short", _MEND)
        return found


def is_archive(name: str) -> bool:
    """Say whether a name is that of an archive."""
    return name.lower().endswith(ARCHIVES)


def open_archive(path: str) -> Archive:
    """List the members of an archive.

    Parameters
    ----------
    path
        A path or the ``s3://`` URL of a ``.zip``, ``.tar``, ``.tar.gz`` or ``.tgz`` file.

    Raises
    ------
    SceneError
        If it cannot be read, is truncated, or holds a member that an honest archive has no use for.
    """
    location = path if path.startswith("s3://") else str(Path(path).absolute())
    with _errors(location), _open(location) as file:
        size = file.seek(0, 2)
        file.seek(0)
        kept: dict[str, bytes] = {}
        if location.lower().endswith(".zip"):
            members = list(_zip_members(file, size, location))
        else:
            members = list(_tar_members(file, size, _version(location), location, kept))
    names = [member.name for member in members]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SceneError(f"{location} holds two members of the name {twice}", _MEND)
    shown = [member for member in members if not any(part.startswith(".") for part in member.name.split("/"))]
    return Archive(location, tuple(sorted(shown, key=lambda member: member.name)), kept)


def _zip_members(file: BinaryIO, size: int, location: str) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        _count(len(entries), location)
        if sum(entry.file_size for entry in entries) > _RATIO * size + _SLACK:
            raise SceneError(f"{location} would unpack to more than {_RATIO} times its size", _MEND)
        if sum(entry.compress_size for entry in entries) > size:
            raise SceneError(f"{location} is damaged: its members overlap or are cut short", _MEND)
        for entry in entries:
            name = _checked_name(entry.orig_filename.rstrip("/"), location)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise SceneError(f"{location} holds {name}, a link or device", _MEND)
            if entry.flag_bits & 0x41:
                raise SceneError(f"{location} is encrypted", "deliver it without a password")
            if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise SceneError(
                    f"{location} holds {name} in a compression that cannot be read in place", "zip it with deflate"
                )
            stored = entry.compress_type == zipfile.ZIP_STORED
            if entry.header_offset + entry.compress_size > size or (stored and entry.compress_size != entry.file_size):
                raise SceneError(f"{location} is damaged: the size of {name} cannot be true", _MEND)
            if not entry.is_dir():
                yield _Member(name, entry.filename, entry.file_size, f"{entry.CRC:08x}")


class _Header(tarfile.TarInfo):
    """A header that says where Python's reader would stop in silence: at damage and at the end of a cut file."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        guarded = cast("_Guarded", tar.fileobj)
        if tar.offset > guarded.limit:
            raise SceneError(f"{guarded.location} would unpack to more than {_RATIO} times its size", _MEND)
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            raise SceneError(f"{guarded.location} is damaged or truncated: {error}", _MEND) from error


class _Guarded:
    """A file that refuses the reads of absurd size to which a hostile header leads."""

    def __init__(self, file: BinaryIO, limit: int, location: str) -> None:
        self._file, self.limit, self.location = file, limit, location

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= METADATA_LIMIT:
            raise SceneError(f"{self.location} is damaged: the size of a header cannot be true", _MEND)
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _tar_members(file: BinaryIO, size: int, version: str, location: str, kept: dict[str, bytes]) -> Iterator[_Member]:
    packed = not location.lower().endswith(".tar")
    limit = _RATIO * size + _SLACK if packed else size
    content = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
    guarded = cast("BinaryIO", _Guarded(content, limit, location))
    room = _KEPT
    with tarfile.open(fileobj=guarded, mode="r:", tarinfo=_Header, errorlevel=2) as archive:
        for number, member in enumerate(archive, start=1):
            _count(number, location)
            name = _checked_name(member.name.rstrip("/"), location)
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise SceneError(f"{location} holds {name}, a link, device or sparse file", _MEND)
            if not 0 <= member.size <= limit - member.offset_data:
                raise SceneError(f"{location} is damaged or truncated: the size of {name} cannot be true", _MEND)
            if packed and member.size <= min(_KEPT_MEMBER, room) and not name.lower().endswith((".tif", ".jp2")):
                room -= member.size
                found = archive.extractfile(member)
                kept[name] = found.read(member.size) if found is not None else b""
            plain = "path" not in member.pax_headers
            yield _Member(name, member.name, member.size, f"{member.mtime}-{version}", member.offset_data, plain)
    # The checksum of a compressed file comes last.
    while packed and content.tell() <= limit and content.read(1 << 20):
        pass


def _count(number: int, location: str) -> None:
    if number > _MEMBERS:
        raise SceneError(f"{location} holds more than {_MEMBERS} members", _MEND)


def _checked_name(written: str, location: str) -> str:
    name = written.removeprefix("./")
    if name == ".":
        return name
    bad = name.startswith("/") or "\\" in name or re.match("[A-Za-z]:", name) or not name.isprintable()
    if bad or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise SceneError(f"{location} holds a member named {written!r}, which may lead out of the archive", _MEND)
    return name


def _version(location: str) -> str:
    if location.startswith("s3://"):
        folder, _, name = location.rpartition("/")
        return Store(folder, shallow=True).state(name).version
    return str(Path(location).stat().st_mtime_ns)


def _open(location: str) -> BinaryIO:
    return open_object(location) if location.startswith("s3://") else Path(location).open("rb")


@contextmanager
def _errors(location: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SceneError(f"{location} is not there", "check the path of the delivery") from error
    except (
        zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error, struct.error, KeyError, RuntimeError,
        NotImplementedError, UnicodeError, ValueError, OverflowError,
    ) as error:  # fmt: skip
        if isinstance(error, SceneError):
            raise
        raise SceneError(f"{location} is damaged or truncated: {str(error) or type(error).__name__}", _MEND) from error
