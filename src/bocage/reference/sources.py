"""Which files a layer consists of: rasters, folders, archives as delivered, indexes of tiles, polygons; also ``s3://``.

Nothing is opened here but archives and indexes, and those only for the names in them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bocage.errors import LayerError, SceneError
from bocage.project import Project
from bocage.reference.tiles import Footprint, Tile, is_index, read_index
from bocage.scenes.deliveries.archive import ARCHIVES, is_archive, open_archive
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.locations import split_member
from bocage.scenes.deliveries.store import Store
from bocage.settings import LayerSettings

RASTERS = (".tif", ".tiff", ".vrt", ".jp2")
VECTORS = (".gpkg", ".shp", ".geojson", ".fgb", ".parquet")
# Tiles of one prefix of a store from which on the prefix is listed.
_LISTED = 16

Touches = Callable[[Footprint], bool]


@dataclass(frozen=True, slots=True)
class Source:
    """One raster or vector file.

    Attributes
    ----------
    href
        An absolute path, ``/path/archive.zip!/member`` or ``s3://bucket/key``.
    size
        Bytes.
    version
        Time of change, checksum or entity tag: with the size it says whether the file has changed.
    footprint
        Where an index says that it lies: (left, bottom, right, top) and the coordinate reference system, or None.
    indexed
        Whether an index names it, and not the settings.
    """

    href: str
    size: int
    version: str
    footprint: Footprint | None = None
    indexed: bool = False

    @property
    def name(self) -> str:
        """The last part of where it lies."""
        return self.href.rpartition("/")[2]

    @property
    def vector(self) -> bool:
        """Whether it holds polygons."""
        return self.href.lower().endswith(VECTORS)


def find_sources(settings: LayerSettings, project: Project, touches: Touches) -> list[Source]:
    """Return the files of a layer, each once, in the order of the paths and by name within one.

    Parameters
    ----------
    touches
        Says of a footprint whether it lies near the area: tiles that an index places elsewhere are left out unseen.

    Raises
    ------
    LayerError
        If a path names no raster or polygons, an archive or index cannot be read, or an index has no tile in the area.
    """
    found: dict[str, Source] = {}
    for pattern in settings.paths:
        try:
            sources = list(_sources(pattern, project, settings, touches))
        except SceneError as error:
            raise LayerError(error.problem, error.mend) from error
        if not sources:
            raise LayerError(
                f"no file is at {pattern!r}, which a layer of kind {settings.kind} names, in [[reference.layers]], "
                "[accuracy.reference] or [samples]",
                "mend the path; a relative one starts at the project folder",
            )
        found.update((source.href, source) for source in sources if source.href not in found)
    return list(found.values())


def _sources(pattern: str, project: Project, settings: LayerSettings, touches: Touches) -> Iterator[Source]:
    place, member = split_member(pattern)
    location = project.location(place)
    if isinstance(location, str):
        yield from _remote(location, member, settings, touches)
        return
    for path in project.paths(place):
        if path.is_dir():
            yield from _of_folder(path)
        elif path.is_file():
            yield from _of_file(str(path), member, settings, touches)


def _of_folder(folder: Path) -> Iterator[Source]:
    """Yield the rasters below a folder, those in archives included; the polygons if there is neither."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    chosen = [path for path in paths if path.name.lower().endswith(RASTERS) or is_archive(path.name)]
    for path in chosen or [path for path in paths if path.name.lower().endswith(VECTORS)]:
        # Deliveries have archives of documents, too.
        yield from _of_archive(str(path), "", required=False) if is_archive(path.name) else [_local(path)]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _of_file(href: str, member: str, settings: LayerSettings, touches: Touches) -> Iterator[Source]:
    if is_archive(href):
        yield from _of_archive(href, member)
    elif is_index(href, settings):
        yield from _of_index(href, touches)
    elif href.startswith("s3://"):
        folder, _, name = href.rpartition("/")
        state = Store(folder, shallow=True).state(name)
        yield Source(href, state.size, state.version)
    else:
        yield _local(Path(href))


def _of_archive(href: str, member: str, *, required: bool = True) -> Iterator[Source]:
    files = open_archive(href)
    names = list(files.names)
    if member:
        names = [name for name in names if _matcher(member)(name)]
    rasters = [name for name in names if name.lower().endswith(RASTERS)]
    chosen = rasters or [name for name in names if name.lower().endswith(VECTORS)]
    if member and rasters:
        # Who names members may name both.
        chosen = [name for name in names if name.lower().endswith(RASTERS + VECTORS)]
    if not chosen and required:
        raise LayerError(
            f"{href} holds no raster or polygons" + (f" named {member}" if member else ""),
            "name an archive of GeoTIFFs, a GeoPackage or a shapefile",
        )
    for name in chosen:
        state = files.state(name)
        yield Source(files.href(name), state.size, _with_siblings(files, name, state.version))


def _with_siblings(files: DeliveryFiles, name: str, version: str) -> str:
    """Return the version of a member; a shapefile is several files."""
    if not name.lower().endswith(".shp"):
        return version
    stem = name[: -len("shp")]
    return "-".join(files.state(other).version for other in files.names if other.startswith(stem))


def _local(path: Path) -> Source:
    try:
        status = path.stat()
    except OSError as error:
        raise LayerError(f"{path} cannot be read: {error}", "copy or download the file again") from error
    return Source(str(path), status.st_size, str(status.st_mtime_ns))


def _remote(place: str, member: str, settings: LayerSettings, touches: Touches) -> Iterator[Source]:
    if "${" in place:
        raise LayerError(f"{place} names a variable, which an s3:// path cannot", "write the bucket out")
    fixed = re.split(r"[*?\[]", place, maxsplit=1)[0]
    magic = fixed != place
    if not magic and place.lower().endswith((*RASTERS, *VECTORS, *ARCHIVES, ".csv")):
        yield from _of_file(place, member, settings, touches)
        return
    folder = fixed.rpartition("/")[0] if magic else place.rstrip("/")
    store = Store(folder)
    matches = _matcher(place.removeprefix(f"{folder}/")) if magic else None
    names = [name for name in store.names if matches is None or matches(name)]
    rasters = [name for name in names if name.lower().endswith(RASTERS) or is_archive(name)]
    for name in rasters or [name for name in names if name.lower().endswith(VECTORS)]:
        if is_archive(name):
            yield from _of_archive(store.href(name), member, required=bool(member))
        else:
            state = store.state(name)
            yield Source(store.href(name), state.size, state.version)


def _of_index(href: str, touches: Touches) -> Iterator[Source]:
    tiles = read_index(href)
    near = [tile for tile in tiles if tile.footprint is None or touches(tile.footprint)]
    if not near:
        raise LayerError(
            f"{href} has no tile in the area of the project: its {len(tiles)} tiles lie elsewhere",
            "name an index of this area, or mend area.bbox in bocage.toml",
        )
    folders = Counter(_place(tile, href).rpartition("/")[0] for tile in near)
    trees: dict[str, DeliveryFiles] = {}
    for tile in near:
        place = _place(tile, href)
        archive, member = split_member(place)
        folder, _, name = (archive, "", member) if member else place.rpartition("/")
        if member or place.startswith("s3://"):
            if folder not in trees:
                trees[folder] = open_archive(folder) if member else _store(folder, folders[folder])
            state, where = trees[folder].state(name), trees[folder].href(name)
            yield Source(where, state.size, state.version, tile.footprint, indexed=True)
            continue
        if not Path(place).is_file():
            raise LayerError(f"{href} names {tile.path}, which is not there", "put the tile there or mend the index")
        yield replace(_local(Path(place)), footprint=tile.footprint, indexed=True)


def _store(folder: str, wanted: int) -> Store:
    """Return a prefix of a store; where many of its objects are wanted they are listed, which is one request for 1000.

    Else each is asked for: the prefix may hold a continent of which a region is wanted.
    """
    store = Store(folder, shallow=True)
    if wanted > _LISTED:
        _ = store.names
    return store


def _place(tile: Tile, index: str) -> str:
    """Return where a tile lies; a relative path starts at the folder of the index."""
    if tile.path.startswith(("s3://", "/")):
        return tile.path
    return f"{index.rpartition('/')[0]}/{tile.path.removeprefix('./')}"


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return a test of names as of paths: ``*`` and ``?`` stay within one folder, ``**/`` crosses folders."""
    parts = re.split(r"(\*\*/|\*|\?|\[[^\]]+\])", pattern)
    signs = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    text = "".join(
        signs.get(part, part if part.startswith("[") and part.endswith("]") else re.escape(part)) for part in parts
    )
    compiled = re.compile(text)
    return lambda name: compiled.fullmatch(name) is not None
