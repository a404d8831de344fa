"""Where large outputs lie: a folder, or a bucket that speaks the protocol of Amazon S3, behind one small Protocol.

``storage`` says what every storage promises, ``folder`` and ``bucket`` keep it; ``s3`` brings the settings of the
environment into line for obstore and GDAL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from pathlib import Path

from bocage.storage.folder import FolderStorage
from bocage.storage.storage import Storage, Stored

__all__ = ["FolderStorage", "Storage", "Stored", "open_storage", "read_all"]

_STREAMS = 16  # A store answers a small object in tens of milliseconds, however many are asked for at once.


def open_storage(location: Path | str) -> Storage:
    """Return the storage at a folder or at an ``s3://bucket/prefix``. Nothing is asked of it yet.

    Raises
    ------
    StorageError
        If the URL or the settings of the store cannot be understood.
    """
    if isinstance(location, str) and location.startswith("s3://"):
        from bocage.storage.bucket import BucketStorage  # most projects need no client of a store

        return BucketStorage(location)
    return FolderStorage(Path(location))


def read_all(storage: Storage, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of many small objects, in the order given, reading several at once.

    Raises
    ------
    StorageError
        If one of them is missing or cannot be read.
    """
    with ThreadPoolExecutor(_STREAMS) as pool:
        for some in batched(names, 64 * _STREAMS):
            yield from zip(some, pool.map(storage.read, some), strict=True)
