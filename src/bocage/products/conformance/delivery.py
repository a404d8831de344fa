"""Finding the files of a delivery: folders, single files, geodatabases."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bocage.errors import ProductError

RASTERS = (".tif", ".tiff")
VECTORS = (".gpkg", ".parquet", ".fgb", ".shp", ".gdb")
# What lies in folders of this name is Bocage's own and goes by no rule of the service.
OWN_FOLDER = "extensions"


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or the folder of a geodatabase, that holds layers.

    Attributes
    ----------
    top
        Folder of the delivery: metadata are looked for up to it.
    shown
        How reports call it: its path below ``top``.
    """

    path: Path
    top: Path
    shown: str

    @property
    def raster(self) -> bool:
        """Whether it is a raster by its suffix."""
        return self.path.suffix.lower() in RASTERS


def find_sources(paths: Iterable[Path]) -> tuple[list[Source], list[str]]:
    """Find every raster and vector file in folders and their subfolders, and single files.

    Returns
    -------
    list of Source
        In the order of the paths, within a folder by name; each file once.
    list of str
        Files in folders "extensions", which are left out.

    Raises
    ------
    ProductError
        If a path is not there or a single file is of no format that is tested, or if there is nothing to test.
    """
    sources: dict[Path, Source] = {}
    left_out: list[str] = []
    paths = list(paths)
    for path in paths:
        if not path.exists():
            raise ProductError(f"{path} is not there", "name a folder or a file of products")
        if path.is_dir() and path.suffix.lower() != ".gdb":
            for found in _walk(path):
                shown = str(found.relative_to(path))
                if OWN_FOLDER in found.relative_to(path).parts[:-1]:
                    left_out.append(shown)
                else:
                    sources.setdefault(found.resolve(), Source(found, path, shown))
        elif path.suffix.lower() in RASTERS + VECTORS:
            whole = path.absolute()
            sources.setdefault(path.resolve(), Source(whole, whole.parent.parent, path.name))
        else:
            mend = (
                "unpack it and check the folder" if path.suffix.lower() in {".zip", ".tar", ".gz"} else "leave it out"
            )
            raise ProductError(f"{path} is no raster (.tif) and no layer of polygons ({', '.join(VECTORS)})", mend)
    if not sources:
        raise ProductError(
            f"{', '.join(map(str, paths)) or 'no path'} holds no product", "write them first: bocage products"
        )
    return list(sources.values()), left_out


def _walk(folder: Path) -> Iterable[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        databases = [name for name in folders if name.lower().endswith(".gdb")]
        folders[:] = [name for name in folders if name not in databases]
        for name in sorted([*files, *databases]):
            if not name.startswith(".") and Path(name).suffix.lower() in RASTERS + VECTORS:
                yield Path(here, name)
