"""Model packages in a store: fetched once per machine, so that workers anywhere load the same model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bocage.errors import ModelError
from bocage.files import digest_file, write_bytes
from bocage.models.item import ITEM, WEIGHTS, description_of
from bocage.models.weights import weights_folder
from bocage.storage import open_storage


def fetch_package(url: str) -> Path:
    """Return a folder of the cache that holds the package at an ``s3://`` URL, fetching what is not there.

    The folder is named by the digest of the package's Item, so a package that is put in place of another under the same
    URL is another folder.

    Raises
    ------
    ModelError
        If the Item is no description of a model, or the weights are not those that it describes.
    StorageError
        If the package is not there or the store cannot be read.
    """
    storage = open_storage(url)
    item = storage.read(ITEM)
    try:
        _, digest = description_of(json.loads(item))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{url}/{ITEM} is not the description of a model: {error!r}", "upload the package") from error
    folder = weights_folder() / "packages" / hashlib.sha256(item).hexdigest()
    weights = folder / WEIGHTS
    if not weights.is_file() or digest_file(weights) != digest:
        content = storage.read(WEIGHTS)
        if hashlib.sha256(content).hexdigest() != digest:
            raise ModelError(
                f"{url}/{WEIGHTS} is damaged or of another package: its SHA-256 is not the one in {ITEM}",
                "upload the whole package again",
            )
        write_bytes(weights, content)
    write_bytes(folder / ITEM, item)
    return folder
