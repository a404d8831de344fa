"""The STAC Item of a layer: where and when, its files with their digests, its grid and what its values mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage import __version__
from bocage.files import digest_file
from bocage.grid import Grid, Window

_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_CLASSES = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
_FILES = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
_PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
# Multihash: the code of SHA-256 and its length in bytes stand before the digest.
_SHA256 = "1220"
_TYPES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    ".tif": ("data", "image/tiff; application=geotiff; profile=cloud-optimized", ("data",)),
    ".gpkg": ("data", "application/geopackage+sqlite3", ("data",)),
    ".parquet": ("geoparquet", "application/vnd.apache.parquet", ("data",)),
    ".pmtiles": ("tiles", "application/vnd.pmtiles", ("visual",)),
    ".xml": ("metadata", "application/xml", ("metadata",)),
    ".aux.xml": ("attributes", "application/xml", ("metadata",)),
}
# Every per cent has a meaning of its own; a list of a hundred classes would say nothing.
_MOST_CLASSES = 20


@dataclass(frozen=True, slots=True)
class Subject:
    """What an Item is about.

    Attributes
    ----------
    id, title, description
        Name of the layer, and what it is in words.
    box, outline
        Longitude and latitude: west, south, east, north; ring of corners.
    begin, end
        First and last day, YYYY-MM-DD.
    epsg
        Code of the coordinate reference system.
    grid, window
        Of a raster; None for polygons.
    meanings, colours
        Of the values of a raster.
    sources
        Further properties, by name: what the layer was made from.
    """

    id: str
    title: str
    description: str
    box: tuple[float, float, float, float]
    outline: Sequence[Sequence[float]]
    begin: str
    end: str
    epsg: int
    grid: Grid | None
    window: Window | None
    meanings: Mapping[int, str]
    colours: Mapping[int, tuple[int, int, int]]
    sources: Mapping[str, Any]


def item_of(subject: Subject, files: Sequence[Path], root: Path) -> dict[str, Any]:
    """Return the Item; the hrefs of ``files`` are relative to ``root``, where it will lie."""
    assets = {}
    for path in files:
        suffix = ".aux.xml" if path.name.endswith(".aux.xml") else path.suffix
        key, kind, roles = _TYPES[suffix]
        if path.parent != root and suffix != ".xml":
            key = f"{key}-typed"
        assets[key] = {
            "href": f"./{path.relative_to(root).as_posix()}",
            "type": kind,
            "roles": list(roles),
            "file:size": path.stat().st_size,
            "file:checksum": f"{_SHA256}{digest_file(path)}",
        }
    classes = _classes(subject)
    if classes:
        assets["data"]["classification:classes"] = classes
    if subject.window is not None:
        assets["data"]["bands"] = [{"name": "b1", "data_type": "uint8", "nodata": 255}]
    extensions = [_PROJECTION, _FILES, _PROCESSING, *([_CLASSES] if classes else [])]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": extensions,
        "id": subject.id,
        "geometry": {"type": "Polygon", "coordinates": [[[round(x, 9), round(y, 9)] for x, y in subject.outline]]},
        "bbox": [round(value, 9) for value in subject.box],
        "properties": {
            "title": subject.title,
            "description": subject.description,
            "datetime": None,
            "start_datetime": f"{subject.begin}T00:00:00Z",
            "end_datetime": f"{subject.end}T23:59:59Z",
            "processing:software": {"bocage": __version__},
            **_place(subject),
            **subject.sources,
        },
        "links": [],
        "assets": assets,
    }


def _place(subject: Subject) -> dict[str, Any]:
    place: dict[str, Any] = {"proj:code": f"EPSG:{subject.epsg}"}
    if subject.grid is not None and subject.window is not None:
        place |= {
            "gsd": subject.grid.resolution,
            "proj:shape": list(subject.window.shape),
            "proj:transform": list(subject.grid.transform(subject.window))[:6],
        }
    return place


def _classes(subject: Subject) -> list[dict[str, Any]]:
    if not 0 < len(subject.meanings) <= _MOST_CLASSES:
        return []
    return [
        {
            "value": value,
            "name": f"value-{value}",
            "description": meaning,
            "color_hint": "{:02X}{:02X}{:02X}".format(*subject.colours[value]),
            **({"nodata": True} if value == 255 else {}),
        }
        for value, meaning in sorted(subject.meanings.items())
    ]
