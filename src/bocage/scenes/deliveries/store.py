"""Deliveries in an object store that speaks the protocol of Amazon S3.

Metadata are read with obstore, pixels by GDAL.
"""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore

from bocage.errors import SceneError, StorageError
from bocage.scenes.deliveries.files import METADATA_LIMIT, Beside, FileState, by_small_letters, entries
from bocage.storage import s3

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import ObjectMeta
    from obstore.store import S3Store

_FILES = 2_000_000
# Folders beside a named object that are listed too: each is a request of its own.
_NEIGHBOURS = 16


class Store:
    """The objects under a prefix of a bucket.

    Parameters
    ----------
    url
        ``s3://bucket`` or ``s3://bucket/prefix``.
    shallow
        List the prefix and, if they are few, the prefixes directly below it. Deeper objects can be read nevertheless.

    Raises
    ------
    SceneError
        If the URL or the settings of the store cannot be understood.
    """

    def __init__(self, url: str, *, shallow: bool = False) -> None:
        self._bucket, self._prefix = split_url(url)
        self._shallow = shallow
        self._beside: dict[str, Beside] = {}

    @property
    def root(self) -> str:
        """The URL of the prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def names(self) -> tuple[str, ...]:
        """All objects below the prefix, sorted; hidden ones are left out."""
        return self._listing[0]

    def beside(self, name: str) -> Beside:
        """Return what lies beside an object by its last name in small letters, also prefixes."""
        folder = name.rpartition("/")[0]
        if folder not in self._beside:
            # A listing of the tree leaves out hidden objects, and a shallow one what lies deeper.
            listed = not self._shallow and not any(part.startswith(".") for part in name.split("/"))
            self._beside[folder] = entries(self.names, name) if listed else self._list(self._key(name))
        return self._beside[folder]

    def _list(self, key: str) -> Beside:
        folder = key.rpartition("/")[0]
        with _errors(f"s3://{self._bucket}/{folder}"):
            found = obstore.list_with_delimiter(self._client, f"{folder}/" if folder else None)
        paths = [meta["path"] for meta in cast("Iterable[ObjectMeta]", found["objects"])]
        return by_small_letters(path.rstrip("/").rpartition("/")[2] for path in (*paths, *found["common_prefixes"]))

    def state(self, name: str) -> FileState:
        """Return size and entity tag.

        Raises
        ------
        SceneError
            If there is no such object or the store cannot be read.
        """
        if "_listing" in self.__dict__:
            names, states = self._listing
            at = bisect_left(names, name)
            if at < len(names) and names[at] == name:
                return states[at]
        with _errors(self.href(name)):
            return _state(obstore.head(self._client, self._key(name)))

    def read(self, name: str, limit: int = METADATA_LIMIT) -> bytes:
        """Return the content of a small object.

        Raises
        ------
        SceneError
            If it is missing, cannot be read or is larger than ``limit``.
        """
        if self.state(name).size > limit:
            raise SceneError(f"{self.href(name)} has more than {limit} bytes", "deliver the product's own file again")
        with _errors(self.href(name)):
            return obstore.get(self._client, self._key(name)).bytes().to_bytes()

    def head(self, name: str, size: int = 4096) -> bytes:
        """Return the first bytes of an object; errors as those of :meth:`read`."""
        return self.read_range(name, 0, size)

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` on; errors as those of :meth:`read`."""
        length = min(size, self.state(name).size - offset)
        if length <= 0:
            return b""
        with _errors(self.href(name)):
            return obstore.get_range(self._client, self._key(name), start=offset, length=length).to_bytes()

    def href(self, name: str) -> str:
        """Return the URL of an object."""
        return f"s3://{self._bucket}/{self._key(name)}"

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    @cached_property
    def _client(self) -> S3Store:
        return _client(self._bucket)

    @cached_property
    def _listing(self) -> tuple[tuple[str, ...], tuple[FileState, ...]]:
        start = len(self._prefix) + 1 if self._prefix else 0
        found: dict[str, FileState] = {}
        with _errors(self.root):
            for meta in self._objects():
                name = meta["path"][start:]
                if name and not any(part.startswith(".") for part in name.split("/")):
                    found[name] = _state(meta)
                if len(found) > _FILES:
                    raise SceneError(f"{self.root} holds more than {_FILES} objects", "add its prefixes one by one")
        names = tuple(sorted(found))
        return names, tuple(found[name] for name in names)

    def _objects(self) -> Iterator[ObjectMeta]:
        prefix = f"{self._prefix}/" if self._prefix else None
        if not self._shallow:
            for chunk in obstore.list(self._client, prefix):
                yield from chunk
            return
        top = obstore.list_with_delimiter(self._client, prefix)
        yield from cast("Iterable[ObjectMeta]", top["objects"])
        if len(top["common_prefixes"]) <= _NEIGHBOURS:
            for below in top["common_prefixes"]:
                found = obstore.list_with_delimiter(self._client, f"{below.rstrip('/')}/")
                yield from cast("Iterable[ObjectMeta]", found["objects"])


class _Object(io.RawIOBase):
    """One object as a file that can be sought, for the readers of archives."""

    def __init__(self, client: S3Store, key: str, url: str) -> None:
        super().__init__()
        self._client, self._key, self._url, self._at = client, key, url, 0
        with _errors(url):
            self._size = obstore.head(client, key)["size"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        length = min(len(view), self._size - self._at)
        if length <= 0:
            return 0
        with _errors(self._url):
            view[:length] = obstore.get_range(self._client, self._key, start=self._at, length=length).to_bytes()
        self._at += length
        return length


def open_object(url: str) -> BinaryIO:
    """Open an object for reading, with ranges of 1 MiB at least.

    Raises
    ------
    SceneError
        If it is missing or the store cannot be read; also while it is read.
    """
    bucket, key = split_url(url)
    return cast("BinaryIO", io.BufferedReader(_Object(_client(bucket), key, url), 1 << 20))


def split_url(url: str) -> tuple[str, str]:
    """Return bucket and key or prefix of an ``s3://`` URL.

    Raises
    ------
    SceneError
        If it is not such a URL.
    """
    with _errors(url):
        return s3.split_url(url)


def configure_gdal() -> None:
    """Give GDAL the settings of the store that obstore takes; see :func:`bocage.storage.s3.configure_gdal`.

    Raises
    ------
    SceneError
        If the endpoint is not a URL.
    """
    with _errors("AWS_ENDPOINT_URL"):
        s3.configure_gdal()


def _client(bucket: str) -> S3Store:
    with _errors(f"s3://{bucket}"):
        return s3.connect(bucket)


def _state(meta: ObjectMeta) -> FileState:
    return FileState(meta["size"], s3.entity_tag(meta["e_tag"]) or meta["last_modified"].isoformat())


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """Give the error of a store as that of the scene, which is quarantined for it."""
    try:
        with s3.errors(url):
            yield
    except StorageError as error:
        raise SceneError(error.problem, error.mend) from error
