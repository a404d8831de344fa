"""What is noted of files that the settings of a layer do not name: tiles behind an index, and objects of a store.

Which they are is known only to who opens the layer. They are noted then, in the project's ``.bocage`` folder, with size
and time of change, or with size and entity tag as the store told them. ``bocage status`` looks at the local ones again
by name and leaves the indexes closed. It asks no store: of an object it knows what was noted, so that one which changes
there is noticed when its layer is opened the next time, as ``bocage labels build`` does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bocage.errors import StorageError
from bocage.files import digest_json, write_json
from bocage.project import Project
from bocage.settings import LayerSettings


class Note(NamedTuple):
    """One file: its path, relative to the project folder where it lies there, or its URL; and what tells a change.

    Attributes
    ----------
    size
        Bytes; -1 where there is no such file.
    version
        Time of change in nanoseconds, or the entity tag.
    """

    name: str
    size: int
    version: str


def note_files(settings: LayerSettings, project: Project, paths: Iterable[Path], objects: Iterable[Note]) -> None:
    """Note the files and objects of a layer, as they are now; nothing is written where that is noted already."""
    folder = project.folder
    names = {str(path.relative_to(folder) if path.is_relative_to(folder) else path) for path in paths}
    notes = [_look(name, str(folder)) for name in names] + list(objects)
    notes.sort(key=lambda note: note.name)
    if notes != _read(settings, project):
        # A folder that cannot be written keeps no receipt either, so that nothing counts as done there.
        with suppress(StorageError):
            write_json(_place(settings, project), notes)


def notes_of(layers: Iterable[LayerSettings], project: Project) -> list[Note]:
    """Return what was noted of some layers when each was last opened."""
    return [note for settings in layers for note in _read(settings, project)]


def looked_at_again(notes: Sequence[Note], project: Project) -> list[Note]:
    """Return the notes with the local files as they are now; objects of a store stay as they were noted."""
    folder = str(project.folder)
    # Of tens of thousands of files; making a Path of each would take longer than asking for them.
    return [note if note.name.startswith("s3://") else _look(note.name, folder) for note in notes]


def digest_of(notes: Sequence[Note]) -> str:
    """Return the digest of some notes, empty where there is none."""
    return digest_json(notes) if notes else ""


def _look(name: str, folder: str) -> Note:
    try:
        status = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118
    except OSError:
        return Note(name, -1, "")
    return Note(name, status.st_size, str(status.st_mtime_ns))


def _read(settings: LayerSettings, project: Project) -> list[Note]:
    try:
        content = json.loads(_place(settings, project).read_text(encoding="utf-8"))
        return [Note(str(name), int(size), str(version)) for name, size, version in content]
    except (OSError, ValueError, TypeError):
        # Lost or damaged, they differ from what the receipts say, and the next run notes them anew.
        return []


def _place(settings: LayerSettings, project: Project) -> Path:
    name = digest_json((settings.paths, settings.column))[:16]
    return project.receipts_folder / "layers" / f"files-{name}.json"
