"""What says whether the files of a delivery are still those that were catalogued.

The companions that GDAL reads with a raster count: another world file moves the image, another mask hides other pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from bocage.files import digest_json
from bocage.scenes.deliveries.companions import companions
from bocage.scenes.deliveries.delivery import Delivery

# A large file is identified by its size and by this much of it: its ends and some places between.
_PIECE = 1 << 16
_PIECES = 16
_WHOLE_PIECE = 1 << 26


def state_digest(delivery: Delivery) -> str:
    """Return the digest of the names, sizes and versions of all files of a delivery; no file is opened."""
    found = [(name, delivery.files.state(name)) for name in _names(delivery)]
    return digest_json([(name, state.size, state.version) for name, state in found])


def content_digest(delivery: Delivery) -> str:
    """Return what identifies the content: sizes and samples of rasters and companions, and the metadata as they are."""
    found: list[object] = []
    for name in _pixel_names(delivery):
        size = delivery.files.state(name).size
        places = sorted({0, max(0, size - _PIECE), *(size * index // _PIECES for index in range(_PIECES))})
        content = hashlib.sha256()
        for place in places:
            content.update(delivery.files.read_range(name, place, _PIECE))
        found.append([size, content.hexdigest()])
    found += [hashlib.sha256(delivery.files.read(name)).hexdigest() for name in (*delivery.documents, *delivery.masks)]
    return digest_json(found)


def checksum(delivery: Delivery) -> str:
    """Return the digest of every byte of all files of a delivery, which takes as long as decoding them."""
    found = []
    for name in _names(delivery):
        content = hashlib.sha256()
        for place in range(0, delivery.files.state(name).size, _WHOLE_PIECE):
            content.update(delivery.files.read_range(name, place, _WHOLE_PIECE))
        found.append(content.hexdigest())
    return digest_json(found)


def _names(delivery: Delivery) -> Iterator[str]:
    yield from dict.fromkeys([*_pixel_names(delivery), *delivery.documents, *delivery.masks])


def _pixel_names(delivery: Delivery) -> Iterator[str]:
    for part in delivery.parts:
        yield part.name
        yield from companions(delivery.files, part.name)
