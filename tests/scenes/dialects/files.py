"""Trees of files for the tests of parsers: one in memory, one over a real folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bocage.errors import SceneError
from bocage.scenes.deliveries.files import METADATA_LIMIT, Beside, FileState, entries


@dataclass(frozen=True)
class MemoryFiles:
    """Files that were made in a test: name to content."""

    contents: dict[str, bytes] = field(default_factory=dict)
    root: str = "memory"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.contents))

    def beside(self, name: str) -> Beside:
        return entries(self.names, name)

    def state(self, name: str) -> FileState:
        return FileState(len(self._content(name)), "1")

    def read(self, name: str, limit: int = METADATA_LIMIT) -> bytes:
        content = self._content(name)
        if len(content) > limit:
            raise SceneError(f"{name} has {len(content)} bytes", "deliver a metadata file")
        return content

    def head(self, name: str, size: int = 4096) -> bytes:
        return self._content(name)[:size]

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        return self._content(name)[offset : offset + size]

    def href(self, name: str) -> str:
        return f"/{self.root}/{name}"

    def _content(self, name: str) -> bytes:
        if name not in self.contents:
            raise SceneError(f"{name} is not in {self.root}", "name a file that is there")
        return self.contents[name]


@dataclass(frozen=True)
class FolderFiles:
    """The files of a folder, with those of the folders in it."""

    path: Path

    @property
    def root(self) -> str:
        return str(self.path)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(file.relative_to(self.path).as_posix() for file in self.path.rglob("*") if file.is_file()))

    def beside(self, name: str) -> Beside:
        return entries(self.names, name)

    def state(self, name: str) -> FileState:
        found = self._file(name).stat()
        return FileState(found.st_size, str(found.st_mtime_ns))

    def read(self, name: str, limit: int = METADATA_LIMIT) -> bytes:
        file = self._file(name)
        if file.stat().st_size > limit:
            raise SceneError(f"{name} has {file.stat().st_size} bytes", "deliver a metadata file")
        return file.read_bytes()

    def head(self, name: str, size: int = 4096) -> bytes:
        with self._file(name).open("rb") as stream:
            return stream.read(size)

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        with self._file(name).open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)

    def href(self, name: str) -> str:
        return str(self._file(name).resolve())

    def _file(self, name: str) -> Path:
        file = self.path / name
        if not file.is_file():
            raise SceneError(f"{name} is not in {self.path}", "name a file that is there")
        return file
