"""Deliveries in an object store that speaks the protocol of Amazon S3.

Metadata are read with obstore, pixels by GDAL. Both take their settings from the ``AWS_*`` variables of the
environment but spell some of them differently; here they are brought into line.
"""

from __future__ import annotations

import io
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from bocage.errors import SceneError
from bocage.scenes.deliveries.files import METADATA_LIMIT, Beside, FileState, by_small_letters, entries

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig, S3Config

_FILES = 2_000_000
# Folders beside a named object that are listed too: each is a request of its own.
_NEIGHBOURS = 16
_TRUE = frozenset({"1", "yes", "true", "on"})
_CLIENT = "check AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


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
    found = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,62})(?:/(.*))?", url, re.DOTALL)
    key = (found.group(2) or "").rstrip("/") if found else ""
    if found is None or not key.isprintable() or (key and not {"", ".", ".."}.isdisjoint(key.split("/"))):
        raise SceneError(f"{url} is not the URL of a store", "write it as s3://bucket/prefix")
    return found.group(1), key


def configure_gdal() -> None:
    """Give GDAL the settings of the store that obstore takes, as variables of this process (worker processes inherit).

    Raises
    ------
    SceneError
        If the endpoint is not a URL.
    """
    endpoint = _endpoint()
    if endpoint:
        scheme, _, host = endpoint.partition("://")
        os.environ["AWS_S3_ENDPOINT"] = host.rstrip("/")
        os.environ["AWS_HTTPS"] = "YES" if scheme == "https" else "NO"
        os.environ["AWS_VIRTUAL_HOSTING"] = "TRUE" if _truth("AWS_VIRTUAL_HOSTED_STYLE_REQUEST") else "FALSE"
    if _unsigned():
        os.environ["AWS_NO_SIGN_REQUEST"] = "YES"
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        os.environ["AWS_REGION"] = region
    # A store that does not answer is an error after a while, not a hang.
    os.environ.setdefault("GDAL_HTTP_CONNECTTIMEOUT", "10")
    os.environ.setdefault("GDAL_HTTP_TIMEOUT", "60")
    os.environ.setdefault("GDAL_HTTP_MAX_RETRY", "3")


def _client(bucket: str) -> S3Store:
    configure_gdal()
    endpoint = _endpoint()
    config: S3Config = {}
    if endpoint:
        config["endpoint"] = endpoint
    if _unsigned():
        config["skip_signature"] = True
    client: ClientConfig = {"connect_timeout": "10s", "timeout": "60s", "allow_http": endpoint.startswith("http://")}
    retry: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
    with _errors(f"s3://{bucket}"):
        return S3Store(bucket, config=config, client_options=client, retry_config=retry)


def _endpoint() -> str:
    """Return the URL of the store, also where only GDAL's own variables name it; empty for Amazon's."""
    for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        if endpoint := os.environ.get(variable, "").rstrip("/"):
            if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", endpoint):
                raise SceneError(
                    f"{variable} is not the URL of a store", "write it as https://host or http://host:port"
                )
            return endpoint
    if host := os.environ.get("AWS_S3_ENDPOINT", "").rstrip("/"):
        secure = os.environ.get("AWS_HTTPS", "YES").lower() in _TRUE
        return host if "://" in host else f"{'https' if secure else 'http'}://{host}"
    return ""


def _unsigned() -> bool:
    return _truth("AWS_NO_SIGN_REQUEST") or _truth("AWS_SKIP_SIGNATURE")


def _truth(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in _TRUE


def _state(meta: ObjectMeta) -> FileState:
    return FileState(meta["size"], (meta["e_tag"] or meta["last_modified"].isoformat()).strip('"'))


@contextmanager
def _errors(url: str) -> Iterator[None]:
    try:
        yield
    except SceneError:
        raise
    except (BaseError, OSError, ValueError) as error:
        text = str(error).strip() or type(error).__name__
        # Listing in a bucket that is not there is no FileNotFoundError but an answer of the server.
        if isinstance(error, FileNotFoundError) or "NoSuchBucket" in text:
            raise SceneError(f"{url} is not there: no such bucket or object", "check the URL and AWS_*") from error
        if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or "AccessDenied" in text:
            raise SceneError(f"{url}: the store denies access", _CLIENT) from error
        reason = text.splitlines()[0][:300]
        raise SceneError(f"{url} cannot be read from the store: {reason}", _CLIENT) from error
