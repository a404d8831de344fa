"""Finding the files of a delivery: folders, archives, single files, geodatabases."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bocage.errors import ProductError
from bocage.products.conformance.archives import ARCHIVES, is_archive, unpack
from bocage.products.conformance.verdict import Finding

RASTERS = (".tif", ".tiff")
VECTORS = (".gpkg", ".parquet", ".fgb", ".shp", ".gdb")
# What lies in folders of this name is Bocage's own and goes by no rule of the service.
OWN_FOLDER = "extensions"
_METADATA = "metadata"
# Archives within archives: downloads of many products are one archive of many.
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or the folder of a geodatabase, that holds layers.

    Attributes
    ----------
    top
        Folder of the delivery: metadata are looked for up to it.
    shown
        How reports call it: its path below ``top``, or below the folder that was named where it came in an archive.
    """

    path: Path
    top: Path
    shown: str

    @property
    def raster(self) -> bool:
        """Whether it is a raster by its suffix."""
        return self.path.suffix.lower() in RASTERS


@dataclass(slots=True)
class Found:
    """What lies in the paths that are checked.

    Attributes
    ----------
    workspace
        The folder that archives are unpacked into.
    sources
        Files to be tested, by their resolved path, in the order of the paths, within a folder by name.
    own
        Files in folders "extensions", which are left out.
    others
        Files of no format that is tested and that belong to no file that is.
    unreadable
        Archives that cannot be unpacked, why, and what to do about it.
    """

    workspace: Path
    sources: dict[Path, Source] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, Finding]] = field(default_factory=list)
    _unpacked: set[Path] = field(default_factory=set)

    def add_folder(self, folder: Path, prefix: str = "", depth: int = 0) -> None:
        """Add all that lies in a folder and its subfolders."""
        stems = set[tuple[Path, str]]()
        rest: list[Path] = []
        for path in _walk(folder):
            shown = prefix + str(path.relative_to(folder))
            if OWN_FOLDER in path.relative_to(folder).parts[:-1]:
                if path.suffix.lower() in RASTERS + VECTORS:
                    self.own.append(shown)
            elif path.suffix.lower() in RASTERS + VECTORS:
                stems.add((path.parent, path.stem.lower()))
                self.sources.setdefault(path.resolve(), Source(path, folder, shown))
            elif is_archive(path.name):
                self.add_archive(path, shown, depth)
            else:
                rest.append(path)
        self.others += [prefix + str(path.relative_to(folder)) for path in rest if not _belongs(path, stems)]

    def add_archive(self, path: Path, shown: str, depth: int = 0) -> None:
        """Unpack an archive and add what it holds."""
        if path.resolve() in self._unpacked:
            return
        self._unpacked.add(path.resolve())
        if depth == _DEEPEST:
            fault = Finding("it is an archive within an archive, too deep to be honest", "deliver what it holds")
            self.unreadable.append((shown, fault))
            return
        folder = self.workspace / str(len(self._unpacked))
        try:
            unpack(path, folder)
        except ProductError as error:
            self.unreadable.append((shown, Finding(error.problem, error.mend)))
            return
        self.add_folder(folder, f"{shown}/", depth + 1)


def find_sources(paths: Iterable[Path], workspace: Path) -> Found:
    """Find every raster and vector file in folders, their subfolders and archives, and single files; each once.

    Raises
    ------
    ProductError
        If a path is not there or a single file is of no format that is tested, or if there is nothing to test.
    StorageError
        If the workspace has no room for what an archive holds.
    """
    found, paths = Found(workspace), list(paths)
    for path in paths:
        if not path.exists():
            raise ProductError(f"{path} is not there", "name a folder or a file of products")
        if path.is_dir() and path.suffix.lower() != ".gdb":
            found.add_folder(path)
        elif path.suffix.lower() in RASTERS + VECTORS:
            whole = path.absolute()
            found.sources.setdefault(path.resolve(), Source(whole, whole.parent.parent, path.name))
        elif is_archive(path.name):
            found.add_archive(path, path.name)
        else:
            raise ProductError(
                f"{path} is no raster (.tif), no layer of polygons ({', '.join(VECTORS)}) and no archive "
                f"({', '.join(ARCHIVES)})",
                "leave it out",
            )
    if not found.sources and not found.unreadable:
        many = f", only files of other formats ({len(found.others)})" if found.others else ""
        raise ProductError(
            f"{', '.join(map(str, paths)) or 'no path'} holds no product{many}",
            f"name a folder with rasters (.tif) or polygons ({', '.join(VECTORS)}), or write some: bocage products",
        )
    return found


def _belongs(path: Path, stems: set[tuple[Path, str]]) -> bool:
    """Whether a file lies beside a tested one under its name, or among the metadata."""
    if path.parent.name.lower() == _METADATA:
        return True
    name = path.name.lower()
    return any(folder == path.parent and name.startswith((f"{stem}.", f"{stem}_")) for folder, stem in stems)


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        databases = [name for name in folders if name.lower().endswith(".gdb")]
        folders[:] = [name for name in folders if name not in databases]
        yield from (Path(here, name) for name in sorted([*files, *databases]) if not name.startswith("."))
