"""A storage that is a prefix of a bucket.

A store shows an object from the moment that its upload is complete, so writing it in one request is all that "whole or
not at all" needs: a client that dies half-way leaves nothing, not even the parts of an upload in parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, cast

import obstore

from bocage.storage.s3 import connect, entity_tag, errors, split_url
from bocage.storage.storage import Stored

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store

_RETRIES = 12
_PATIENCE = 180.0


class BucketStorage:
    """The objects directly under a prefix; see :class:`~bocage.storage.Storage`.

    Credentials, region and endpoint are those of the environment of each process (``AWS_*``).

    Parameters
    ----------
    url
        ``s3://bucket`` or ``s3://bucket/prefix``.
    patience
        Seconds for which a store that answers with errors of its own, or not at all, is asked again.

    Raises
    ------
    StorageError
        If it is not such a URL.
    """

    def __init__(self, url: str, *, patience: float = _PATIENCE) -> None:
        self._bucket, self._prefix = split_url(url)
        self._patience = patience

    def __reduce__(self) -> tuple[type[BucketStorage], tuple[str], dict[str, float]]:
        return BucketStorage, (self.root,), {"_patience": self._patience}

    @property
    def root(self) -> str:
        """The URL of the prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def href(self, name: str) -> str:
        """Return the name by which GDAL reads an object, whose settings are brought into line by the way."""
        assert self._client is not None
        return f"/vsis3/{self._bucket}/{self._key(name)}"

    def list(self) -> dict[str, Stored]:
        """Return the objects under the prefix, by one request for each thousand."""
        prefix = f"{self._prefix}/" if self._prefix else None
        with errors(self.root):
            objects = cast("Iterable[ObjectMeta]", obstore.list_with_delimiter(self._client, prefix)["objects"])
        found = {meta["path"].rpartition("/")[2]: _stored(meta) for meta in objects}
        return {name: found[name] for name in sorted(found) if name and not name.startswith(".")}

    def find(self, name: str) -> Stored | None:
        """Return size and entity tag of an object, or None."""
        with errors(self._url(name)):
            try:
                return _stored(obstore.head(self._client, self._key(name)))
            except FileNotFoundError:
                return None

    def read(self, name: str) -> bytes:
        """Return the content of an object."""
        with errors(self._url(name)):
            return obstore.get(self._client, self._key(name)).bytes().to_bytes()

    def write(self, name: str, content: bytes) -> Stored:
        """Put an object by one request."""
        with errors(self._url(name), "written to the store"):
            result = obstore.put(self._client, self._key(name), content, use_multipart=False)
        return Stored(len(content), entity_tag(result["e_tag"]))

    def delete(self, name: str) -> None:
        """Remove an object."""
        with errors(self._url(name), "removed from the store"):
            obstore.delete(self._client, self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _url(self, name: str) -> str:
        return f"s3://{self._bucket}/{self._key(name)}"

    @cached_property
    def _client(self) -> S3Store:
        return connect(self._bucket, retries=_RETRIES, patience=self._patience)


def _stored(meta: ObjectMeta) -> Stored:
    return Stored(meta["size"], entity_tag(meta["e_tag"]))
