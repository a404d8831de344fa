"""What the names of files say: which are rasters, archives or metadata, and which image a metadata file is named after.

Names decide only where metadata do not name their files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from bocage.scenes.deliveries.archive import is_archive
from bocage.scenes.dialects.registry import SUFFIXES

_RASTERS = (".tif", ".tiff", ".jp2", ".j2k")
_TILE = re.compile(r"[_-]?R(\d{1,4})C(\d{1,4})$", re.IGNORECASE)
_PREFIX = re.compile(r"^(dim|img|rpc|icon|preview)_", re.IGNORECASE)
_SUFFIX = re.compile(r"[_-](metadata|meta|aux|mtl|mux|dim|stac|item)$", re.IGNORECASE)
_PICTURE = re.compile(
    r"^(preview|icon|browse|quick-?look|thumb)|(preview|browse|quick-?look|thumb(nail)?)$", re.IGNORECASE
)


def is_raster(name: str) -> bool:
    """Say whether a name is that of a GeoTIFF or JPEG 2000 file."""
    return name.lower().endswith(_RASTERS)


def is_document(name: str) -> bool:
    """Say whether a file of that name may hold metadata."""
    return f".{name.rpartition('.')[2].lower()}" in SUFFIXES and not name.lower().endswith(".aux.xml")


def is_known(name: str) -> bool:
    """Say whether a file of that name can be asked for: raster, metadata or archive."""
    return is_raster(name) or is_document(name) or is_archive(name)


def is_picture(name: str) -> bool:
    """Say whether a raster is named as a preview, or lies in a folder of masks."""
    path = PurePosixPath(name)
    return bool(_PICTURE.search(path.stem)) or any(part.upper() == "MASKS" for part in path.parts[:-1])


def folder_of(name: str) -> str:
    """Return the folder of a file, empty for the root."""
    return name.rpartition("/")[0]


def stem_of(name: str) -> str:
    """Return the name of a file without folder, ending and the affixes of makers, in lower case."""
    stem = name.rpartition("/")[2]
    for ending in (".tar.gz", ".dima.tar"):
        stem = stem[: -len(ending)] if stem.lower().endswith(ending) else stem
    stem = PurePosixPath(stem).stem if "." in stem else stem
    return _SUFFIX.sub("", _PREFIX.sub("", _TILE.sub("", stem))).lower()


def tile_of(name: str) -> tuple[int, int] | None:
    """Return row and column of a tile ``..._R1C2.TIF``."""
    found = _TILE.search(PurePosixPath(name).stem)
    return (int(found.group(1)), int(found.group(2))) if found else None


def beginnings(stem: str) -> Iterator[str]:
    """Yield a stem and its beginnings that end before a separator, longest first."""
    yield stem
    for found in reversed(list(re.finditer(r"[^a-z0-9]", stem))):
        if found.start():
            yield stem[: found.start()]


class Pairing:
    """Which rasters of one folder are named after which of its metadata files.

    A raster belongs to the metadata file whose name is the longest beginning of its own; one of the very same name
    goes before it, and a metadata file with a longer name than any raster takes the raster that its name begins with.

    Parameters
    ----------
    rasters, documents
        Files of the folder.
    """

    def __init__(self, rasters: Iterable[str], documents: Iterable[str]) -> None:
        own = {stem_of(document) for document in documents}
        self._same: dict[str, list[str]] = defaultdict(list)
        self._longer: dict[str, list[str]] = defaultdict(list)
        for raster in rasters:
            stem = stem_of(raster)
            self._same[stem].append(raster)
            first = next((start for start in beginnings(stem) if start in own), None)
            if first is not None:
                self._longer[first].append(raster)

    def same(self, document: str) -> list[str]:
        """Return the rasters of the very name of a metadata file."""
        return self._same.get(stem_of(document), [])

    def find(self, document: str) -> list[str]:
        """Return the rasters that a metadata file is named after, or that are named after it."""
        stem = stem_of(document)
        found = self._same.get(stem) or self._longer.get(stem)
        return found or next((self._same[start] for start in beginnings(stem) if start in self._same), [])
