"""Deliveries in a folder of this machine.

A delivery comes from elsewhere, so a link in it must not lead to other files of this machine: links out of the folder
are never followed, and those that would have held a scene are told.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from bocage.errors import SceneError
from bocage.scenes.deliveries.files import METADATA_LIMIT, Beside, FileState, by_small_letters

_FILES = 2_000_000
_LEVELS = 64
# Folders beside a named file that are looked into: a delivery has few, an archive of deliveries has many.
_NEIGHBOURS = 16


class Folder:
    """The files of a folder and of the folders in it.

    Parameters
    ----------
    path
        The folder.
    shallow
        List this folder and, if they are few, the folders directly in it: enough for a delivery of which one file was
        named. Deeper files can be read nevertheless.
    trusted
        Names of links that a person named, which may lead out of the folder.

    Raises
    ------
    SceneError
        If it is not a folder.
    """

    def __init__(self, path: str | Path, *, shallow: bool = False, trusted: Iterable[str] = ()) -> None:
        self._path = Path(os.path.normpath(Path(path).absolute()))
        if not self._path.is_dir():
            raise SceneError(f"{self._path} is not a folder", "check the path of the delivery")
        self._real = os.path.realpath(self._path)
        self._shallow = shallow
        self._trusted = frozenset(trusted)
        self._beside: dict[str, Beside] = {}

    @property
    def root(self) -> str:
        """The absolute path of the folder."""
        return str(self._path)

    @property
    def names(self) -> tuple[str, ...]:
        """All files, sorted; hidden ones and links out of the folder are left out."""
        return self._listing[0]

    @property
    def links(self) -> tuple[str, ...]:
        """Links that were left out, sorted: they lead out of the folder, to a folder or to nothing."""
        return self._listing[1]

    def beside(self, name: str) -> Beside:
        """Return what lies in the folder of a file by its last name in small letters, also links and folders there.

        Raises
        ------
        SceneError
            If the folder cannot be listed.
        """
        folder = name.rpartition("/")[0]
        if folder not in self._beside:
            try:
                # As GDAL lists it: the listing of the tree leaves out links, and of a shallow one what lies deeper.
                self._beside[folder] = by_small_letters(os.listdir(self._path / folder))  # noqa: PTH208 - only names
            except OSError as error:
                self._refuse(folder, error)
        return self._beside[folder]

    def state(self, name: str) -> FileState:
        """Return size and time of the last change.

        Raises
        ------
        SceneError
            If there is no such file, or it is a link out of the folder.
        """
        try:
            found = Path(self._inside(name)).stat()
        except OSError as error:
            self._refuse(name, error)
        return FileState(found.st_size, str(found.st_mtime_ns))

    def read(self, name: str, limit: int = METADATA_LIMIT) -> bytes:
        """Return the content of a small file.

        Raises
        ------
        SceneError
            If it is missing, cannot be read, is larger than ``limit`` or a link out of the folder.
        """
        content = self.read_range(name, 0, limit + 1)
        if len(content) > limit:
            raise SceneError(f"{self.href(name)} has more than {limit} bytes", "deliver the product's own file again")
        return content

    def head(self, name: str, size: int = 4096) -> bytes:
        """Return the first bytes of a file; errors as those of :meth:`read`."""
        return self.read_range(name, 0, size)

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` on; errors as those of :meth:`read`."""
        try:
            with Path(self._inside(name)).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            self._refuse(name, error)

    def href(self, name: str) -> str:
        """Return the absolute path."""
        return str(self._path / name)

    def _inside(self, name: str) -> str:
        """Return the path of a regular file that lies in the folder, links resolved."""
        path = os.path.realpath(self._path / name)
        inside = path.startswith(self._real.rstrip("/") + "/")
        if name.startswith("/") or ".." in name.split("/") or not (inside or name in self._trusted):
            raise SceneError(f"{self.root}/{name} leads out of the folder of the delivery", "put the file itself there")
        if not os.path.isfile(path):  # noqa: PTH113 - a Path per file is slow for a million files
            raise SceneError(f"{self.root}/{name} is not there", "check the delivery")
        return path

    def _refuse(self, name: str, error: OSError) -> NoReturn:
        raise SceneError(f"{self.root}/{name} cannot be read: {error.strerror}", "check its permissions") from error

    @cached_property
    def _listing(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        names: list[str] = []
        links: list[str] = []
        for name, link in self._walk("", 0):
            if not link or self._leads_inside(name):
                names.append(name)
            else:
                links.append(name)
            if len(names) > _FILES:
                raise SceneError(f"{self.root} holds more than {_FILES} files", "add its folders one by one")
        return tuple(sorted(names)), tuple(sorted(links))

    def _walk(self, below: str, level: int) -> Iterator[tuple[str, bool]]:
        if level > _LEVELS:
            raise SceneError(f"{self.root}/{below} lies {level} folders deep", "check the delivery")
        folders: list[str] = []
        try:
            with os.scandir(self._path / below) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    name = f"{below}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{name}/")
                    elif entry.is_symlink() or entry.is_file():
                        yield name, entry.is_symlink()
        except OSError as error:
            self._refuse(below, error)
        if self._shallow and (level > 0 or len(folders) > _NEIGHBOURS):
            return
        for folder in folders:
            yield from self._walk(folder, level + 1)

    def _leads_inside(self, name: str) -> bool:
        try:
            self._inside(name)
        except SceneError:
            return False
        return True
