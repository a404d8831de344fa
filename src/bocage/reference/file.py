"""One file of a layer: where it lies on the lattice and what identifies its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from bocage.errors import LayerError
from bocage.files import digest_file
from bocage.grid import Window
from bocage.project import Project
from bocage.reference.noted import Note, note_files
from bocage.reference.sources import Source
from bocage.scenes.deliveries.locations import split_member
from bocage.settings import LayerSettings

# In bytes. Reading a larger file only to know whether it changed would take longer than the tiles that depend on it.
_READ_WHOLE = 256 * 2**20
_AGAIN = "copy or download the file again"


@dataclass(frozen=True, slots=True)
class LayerFile:
    """One raster or vector file of a layer: where it lies on the lattice and what identifies its content."""

    source: Source
    window: Window
    gsd: float

    @property
    def name(self) -> str:
        """Where the file lies, for messages."""
        return self.source.href

    @property
    def stamp(self) -> str:
        """What identifies the content: name, size and digest, so that a copy that lost its times is the same layer.

        A file of more than 256 MiB is told by its time of change instead, one in an archive by its checksum, one in a
        store by its entity tag.

        Raises
        ------
        LayerError
            If the file cannot be read.
        """
        source = self.source
        if source.href.startswith("s3://") or split_member(source.href)[1]:
            return f"{source.name}:{source.size}:{source.version}"
        path = Path(source.href)
        try:
            parts = parts_of(path)
            status = [part.stat() for part in parts]
            size, modified = sum(part.st_size for part in status), max(part.st_mtime_ns for part in status)
            few = size <= _READ_WHOLE
            content = "-".join(_content(part, *_state(part)) for part in parts) if few else str(modified)
        except (OSError, ValueError, RasterioError) as error:
            raise LayerError(f"{path} cannot be read: {error}", _AGAIN) from error
        return f"{path.name}:{size}:{content}"


def note_hidden(sources: Sequence[Source], settings: LayerSettings, project: Project) -> None:
    """Note those files of a layer that its settings do not name; see :mod:`bocage.reference.noted`.

    They are the tiles that an index names, what a virtual raster shows, and objects of a store.

    Raises
    ------
    LayerError
        If a virtual raster cannot be opened.
    """
    paths: set[Path] = set()
    objects: dict[str, Note] = {}
    for source in sources:
        archive, member = split_member(source.href)
        if archive.startswith("s3://"):
            objects[source.href] = Note(source.href, source.size, source.version)
        elif source.indexed or source.name.lower().endswith(".vrt"):
            try:
                paths.update([Path(archive)] if member else parts_of(Path(archive)))
            except (OSError, RasterioError) as error:
                raise LayerError(f"{archive} cannot be read: {error}", _AGAIN) from error
    note_files(settings, project, paths, objects.values())


def parts_of(path: Path) -> list[Path]:
    """Return the local files that hold the content of one: a shapefile is several, a virtual raster what it names.

    Raises
    ------
    OSError, rasterio.errors.RasterioError
        If a virtual raster cannot be opened.
    """
    suffix = path.suffix.lower()
    if suffix == ".shp":
        return sorted(path.parent.glob(f"{path.stem}.*"))
    if suffix == ".vrt":
        with rasterio.open(path) as file:
            return sorted({path, *(Path(name) for name in file.files if Path(name).is_file())})
    return [path]


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _content(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 - a file that changed is read again
    return digest_file(path)
