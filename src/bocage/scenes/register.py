"""The catalogue file while scenes are added to it: what is known of each, and writing it without remaking old rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import batched
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import shapely

from bocage.errors import SceneError
from bocage.files import whole_file
from bocage.grid import Grid
from bocage.scenes.item import files_of_text, to_item
from bocage.scenes.scene import Scene, Stretch

_RECORD = "bocage:record"
# Rows that are read together: clouds of a group weigh a megabyte.
_GROUP = 128
_BATCH = 500
_MEND = "remove it and run the stage scenes again"


@dataclass(frozen=True, slots=True)
class Record:
    """What says whether a scene must be recognised anew.

    Attributes
    ----------
    key
        The first raster of the delivery, relative to the project where it lies inside.
    state
        Digest of names, sizes and versions of all files of the delivery.
    recipe
        Digest of the settings that decided the scene.
    source
        What was named to find the delivery: a file, a folder, an archive or a URL.
    added
        Whether a person added it by name, beyond the settings.
    stated
        The band names that a person stated for it, or None.
    decoded
        Whether every pixel was decoded when it was recognised.
    checksum
        Digest of every byte of its files, taken where every pixel was decoded; else empty.
    own_stretch
        The stretch of the scene alone, where harmonising has changed it; else None.
    harmonised
        The method by which the scene was brought in line with its neighbours, or empty.
    """

    key: str
    state: str
    recipe: str
    source: str
    added: bool
    stated: tuple[str, ...] | None = None
    decoded: bool = False
    checksum: str = ""
    own_stretch: Stretch | None = None
    harmonised: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A scene in the catalogue and its record."""

    scene: Scene
    record: Record


class Register:
    """The rows of a catalogue file and the changes to them; not for several threads."""

    def __init__(self, path: Path, grid: Grid) -> None:
        """Read what the file holds; nothing where there is none.

        Raises
        ------
        SceneError
            If the file is damaged, or of another version of Bocage.
        """
        import pyarrow as pa  # these are slow to import
        import pyarrow.parquet as pq

        self._path, self._grid = path, grid
        self._records: dict[str, Record] = {}
        self._sensors: dict[str, str] = {}
        self._new: dict[str, Entry] = {}
        self._gone: set[str] = set()
        self._table: Any = None
        if not path.is_file():
            return
        try:
            with pq.ParquetFile(path) as file:
                light = file.read(columns=["id", "bocage:sensor", _RECORD])
            columns = [light[name].to_pylist() for name in ("id", "bocage:sensor", _RECORD)]
            for name, sensor, text in zip(*columns, strict=True):
                self._records[name], self._sensors[name] = _record(text), sensor
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            raise SceneError(f"{path} is damaged: {error}", _MEND) from error

    @property
    def records(self) -> Mapping[str, Record]:
        """The record of each scene by its id, as the next :meth:`write` leaves it."""
        return MappingProxyType(self._records)

    def sensors(self) -> dict[str, int]:
        """Return how many scenes there are of each sensor."""
        return dict(sorted(Counter(self._sensors.values()).items()))

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._new or self._gone)

    def put(self, entry: Entry) -> None:
        """Add a scene, or replace the one of its id."""
        if entry.scene.id in self._records and entry.scene.id not in self._new:
            self._gone.add(entry.scene.id)
        self._new[entry.scene.id] = entry
        self._records[entry.scene.id], self._sensors[entry.scene.id] = entry.record, entry.scene.sensor

    def drop(self, name: str) -> None:
        """Leave a scene out."""
        if self._new.pop(name, None) is None:
            self._gone.add(name)
        del self._records[name], self._sensors[name]

    def write(self) -> None:
        """Write the file, whole or not at all; old rows stay as they are.

        Raises
        ------
        StorageError
            If the disk is full or the folder cannot be written.
        SceneError
            If the file is damaged.
        """
        import pyarrow as pa  # these are slow to import
        import stac_geoparquet.arrow

        if not self.changed:
            return
        tables = [self._kept()] if self._table is not None or self._path.is_file() else []
        for names in batched(sorted(self._new), _BATCH):
            # An Item as Python objects weighs many times its row.
            items = [self._item(self._new[name]) for name in names]
            tables.append(stac_geoparquet.arrow.parse_stac_items_to_arrow(items).read_all())
        # The columns of an asset or a field that only some scenes have are null in the others.
        table = pa.concat_tables(tables, promote_options="permissive")
        tables.clear()
        # Rows are picked one by one below, which is slow where a column is in many pieces.
        table = table.combine_chunks()
        if not table.num_rows:
            self._path.unlink(missing_ok=True)
        else:
            rows = pa.RecordBatchReader.from_batches(table.schema, _by_place(table))
            with whole_file(self._path) as temporary:
                stac_geoparquet.arrow.to_parquet(rows, temporary, compression="zstd")
        self._table, self._new, self._gone = table, {}, set()

    def _kept(self) -> Any:
        import pyarrow as pa  # these are slow to import
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self._path) if self._table is None else self._table
        except (pa.ArrowException, OSError, ValueError) as error:
            raise SceneError(f"{self._path} is damaged: {error}", _MEND) from error
        if not self._gone:
            return table
        gone = pa.array(sorted(self._gone), type=pa.string())
        return table.filter(pc.invert(pc.is_in(table["id"], value_set=gone)))

    def _item(self, entry: Entry) -> dict[str, Any]:
        item = to_item(entry.scene, self._grid.crs, self._path.parent)
        item.properties[_RECORD] = json.dumps(asdict(entry.record), separators=(",", ":"))
        content: dict[str, Any] = item.to_dict(include_self_link=False, transform_hrefs=False)
        return content


def files_of(path: Path) -> list[str]:
    """Return where the rasters and metadata files of all catalogued scenes lie; of none where there is no catalogue.

    Raises
    ------
    SceneError
        If the catalogue is damaged, or of another version of Bocage.
    """
    import pyarrow as pa  # these are slow to import
    import pyarrow.parquet as pq

    if not path.is_file():
        return []
    try:
        with pq.ParquetFile(path) as file:
            texts = file.read(columns=["bocage:scene"])["bocage:scene"].to_pylist()
        return [href for text in texts for href in files_of_text(text, path.parent)]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise SceneError(f"{path} is damaged: {error}", _MEND) from error


def _record(text: str) -> Record:
    content: dict[str, Any] = json.loads(text)
    stated, stretch = content.pop("stated"), content.pop("own_stretch")
    return Record(
        **content,
        stated=tuple(stated) if stated is not None else None,
        own_stretch=tuple((low, high) for low, high in stretch) if stretch is not None else None,
    )


def _by_place(table: Any) -> Iterator[Any]:
    """Yield the rows in groups of neighbours, along a Hilbert curve: a tile then needs few groups of the file."""
    import geopandas  # slow to import

    boxes = table["bbox"].combine_chunks()
    x, y = (
        (boxes.field(low).to_numpy() + boxes.field(high).to_numpy()) / 2
        for low, high in (("xmin", "xmax"), ("ymin", "ymax"))
    )
    names = np.array(table["id"].to_pylist())
    extent = (-180.0, -90.0, 180.0, 90.0)
    places = geopandas.GeoSeries(shapely.points(x, y)).hilbert_distance(total_bounds=extent).to_numpy()
    order = np.lexsort((names, places))
    for start in range(0, len(order), _GROUP):
        yield from table.take(order[start : start + _GROUP]).combine_chunks().to_batches()
