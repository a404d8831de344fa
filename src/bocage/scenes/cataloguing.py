"""The stage "scenes": recognise every delivery that is new or has changed, refuse the bad ones, write the catalogue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from bocage.errors import BocageError, SceneError
from bocage.files import digest_file, digest_json, finished
from bocage.outcome import Outcome, Refusal
from bocage.progress import bar
from bocage.project import Project
from bocage.scenes.catalogue import Entry, read_entries, write_entries
from bocage.scenes.recognition import recognise
from bocage.scenes.sidecar import read_sidecar, sidecar_path

# Changes whenever recognition would find something else in the same file.
_VERSION = 1


def catalogue_scenes(
    project: Project, paths: Sequence[str] | None = None, bands: Sequence[str] | None = None
) -> Outcome:
    """Bring ``scenes.parquet`` up to date with the deliveries.

    A file whose size and time, or whose digest, is as in the catalogue is not recognised anew. Files of the settings
    come in, and files that were added by name stay in as long as they exist; an entry whose file is gone is dropped.

    Parameters
    ----------
    project
        The project.
    paths
        Files or patterns to add beyond ``scenes.paths``; relative to the current folder, else to the project.
    bands
        Band names in file order of the added files (of all files where ``paths`` is None).

    Returns
    -------
    Outcome
        The catalogue; figures: scenes, recognised anew, unchanged, sensors; every refused file with its reason, and
        every given path that holds no raster.

    Raises
    ------
    SceneError
        If no scene is left.
    """
    before = {entry.scene.path: entry for entry in _before(project)}
    given = {pattern: _given(project, pattern) for pattern in paths or ()}
    added = {path for found in given.values() for path in found}
    # Who names a path expects a scene of it: silence would read as success.
    refused = [
        Refusal(pattern, f"{pattern} holds no raster (.tif, .tiff, .jp2)", "name a raster or a folder that holds some")
        for pattern, found in given.items()
        if not found
    ]
    kept = {path for path, entry in before.items() if entry.added and path.is_file()}
    wanted = {path for pattern in project.settings.scenes.paths for path in _matches(project, pattern)} | added | kept
    if not wanted and refused:
        raise SceneError(f"no scenes: {refused[0].reason}", refused[0].mend)
    if not wanted:
        raise SceneError(
            f"no scenes: {', '.join(project.settings.scenes.paths)} matches no file in {project.folder}",
            "put the scenes there or correct scenes.paths",
        )
    entries: list[Entry] = []

    def one(path: Path) -> Entry | Refusal:
        old = before.get(path)
        stated = old.stated if old is not None else None
        if bands is not None and (paths is None or path in added):
            stated = tuple(bands)
        try:
            return _recognise(project, path, old, stated, path in added | kept)
        except BocageError as error:
            return Refusal.of(str(path), error)

    workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool, bar("Recognising scenes", len(wanted)) as advance:
        for result in pool.map(one, sorted(wanted)):
            advance(1)
            if isinstance(result, Refusal):
                refused.append(result)
            elif any(entry.scene.id == result.scene.id for entry in entries):
                refused.append(
                    Refusal(str(result.scene.path), f"another scene is named {result.scene.id}", "rename the file")
                )
            else:
                entries.append(result)
    if not entries:
        raise SceneError(
            f"no scenes: all {len(refused)} deliveries were refused; first: {refused[0].reason}", refused[0].mend
        )
    if sorted(entries, key=_order) != sorted(before.values(), key=_order):
        write_entries(project.scenes_file, entries, project.grid.crs)
    unchanged = sum(entry == before.get(entry.scene.path) for entry in entries)
    sensors = sorted({entry.scene.sensor for entry in entries})
    figures = {
        "scenes": len(entries),
        "recognised": len(entries) - unchanged,
        "unchanged": unchanged,
        "refused": len(refused),
        "sensors": {code: sum(entry.scene.sensor == code for entry in entries) for code in sensors},
    }
    return Outcome((project.scenes_file,), figures, tuple(refused))


def _order(entry: Entry) -> str:
    return entry.scene.id


def _before(project: Project) -> list[Entry]:
    """Return the entries of the catalogue as it stands; none where there is no catalogue yet."""
    return read_entries(project.scenes_file, project.grid.crs) if project.scenes_file.is_file() else []


def _given(project: Project, pattern: str) -> list[Path]:
    here = Path(pattern).absolute()
    if here.is_dir():
        return [path for path in finished(here, "*") if path.suffix.lower() in {".tif", ".tiff", ".jp2"}]
    return [here] if here.exists() else _matches(project, pattern)


def _matches(project: Project, pattern: str) -> list[Path]:
    """Return the files that a pattern names; as in a shell, hidden ones only where it begins with a dot itself."""
    hidden = Path(pattern).name.startswith(".")
    return [path for path in project.paths(pattern) if hidden or not path.name.startswith(".")]


def _recognise(
    project: Project, path: Path, before: Entry | None, stated: tuple[str, ...] | None, added: bool
) -> Entry:
    if not path.is_file():
        raise SceneError(f"{path} is not there", "check scenes.paths and the delivery")
    state, recipe = path.stat(), _recipe(project, path, stated)
    digest = None
    if before is not None and before.recipe == recipe:
        if (before.size, before.modified) == (state.st_size, state.st_mtime_ns):
            return replace(before, added=added)
        digest = digest_file(path)
        if digest == before.scene.digest:
            return replace(before, modified=state.st_mtime_ns, size=state.st_size, added=added)
    settings = project.settings.scenes
    scene = recognise(
        path,
        project.grid,
        bands=stated,
        default_bands=settings.bands,
        stretch=settings.stretch,
        percentiles=settings.percentiles,
        digest=digest,
    )
    area = project.bounds
    if area is not None and not scene.footprint.intersects(area.polygon()):
        raise SceneError(f"{path} lies outside the area {area.as_tuple()}", "remove it or widen area.bbox")
    return Entry(scene, state.st_mtime_ns, state.st_size, recipe, added, stated)


def _recipe(project: Project, path: Path, stated: Sequence[str] | None) -> str:
    """Return the digest of all that decides the scene apart from the raster itself."""
    sidecar = sidecar_path(path)
    clouds = read_sidecar(path).clouds
    settings = project.settings
    return digest_json(
        [
            _VERSION,
            settings.scenes.stretch,
            settings.scenes.percentiles,
            settings.scenes.bands,
            stated,
            settings.grid.crs,
            settings.area.bbox,
            digest_file(sidecar) if sidecar.is_file() else None,
            digest_file(clouds) if clouds else None,
        ]
    )
