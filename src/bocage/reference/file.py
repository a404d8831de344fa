"""One file of a layer: where it lies on the lattice and what identifies its content."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from bocage.errors import LayerError
from bocage.files import digest_file
from bocage.grid import Window
from bocage.reference.sources import Source
from bocage.scenes.deliveries.locations import split_member

# In bytes. Reading a larger file only to know whether it changed would take longer than the tiles that depend on it.
_READ_WHOLE = 256 * 2**20


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
            # A shapefile is several files.
            parts = sorted(path.parent.glob(f"{path.stem}.*")) if path.suffix.lower() == ".shp" else [path]
            if path.suffix.lower() == ".vrt":
                # A virtual raster holds no pixel: what it names is its content.
                with rasterio.open(path) as file:
                    parts = sorted({path, *(Path(name) for name in file.files if Path(name).is_file())})
            status = [part.stat() for part in parts]
            size, modified = sum(part.st_size for part in status), max(part.st_mtime_ns for part in status)
            few = size <= _READ_WHOLE
            content = "-".join(_content(part, *_state(part)) for part in parts) if few else str(modified)
        except (OSError, ValueError, RasterioError) as error:
            raise LayerError(f"{path} cannot be read: {error}", "copy or download the file again") from error
        return f"{path.name}:{size}:{content}"


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _content(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 - a file that changed is read again
    return digest_file(path)
