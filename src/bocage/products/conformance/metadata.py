"""The INSPIRE metadata of a layer under test: where they lie and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

from pyproj import Transformer
from pyproj.exceptions import ProjError

from bocage.errors import MetadataError
from bocage.products.conformance.names import Layer
from bocage.products.conformance.raster import Box
from bocage.scenes.documents import parse_xml

Place = Literal["folder", "beside", "older"]

FOLDER = "metadata"
# Metadata of a layer are some kilobytes; what is larger is something else.
_LARGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of one layer.

    Attributes
    ----------
    stem
        Name of the layer.
    path, place
        Where they were found: in a folder "metadata", beside the layer, or beside it under an older name
        (NAME.tif.xml); None where they were not.
    root
        The document without its namespaces; None where it cannot be read.
    fault
        Why it cannot be read.
    box
        West, south, east and north of the layer in degrees, None where they are not known.
    """

    stem: str
    layer: Layer
    path: Path | None
    place: Place | None
    root: Element | None
    fault: str
    box: Box | None


def find_metadata(path: Path, stem: str, layer: Layer, top: Path, bounds: Box | None, epsg: int | None) -> Metadata:
    """Find and read the metadata of a layer.

    Parameters
    ----------
    path, stem
        The file, and the name of the layer in it.
    top
        The folder of the delivery: folders "metadata" are looked for from the file's own up to it.
    bounds, epsg
        Extent of the layer and its system of coordinates, if they are known and as the name says.
    """
    box = None if bounds is None or epsg is None else _degrees(bounds, epsg)
    found = _locate(path, stem, top)
    if found is None:
        return Metadata(stem, layer, None, None, None, "", box)
    file, place = found
    try:
        if file.stat().st_size > _LARGEST:
            return Metadata(stem, layer, file, place, None, f"it has more than {_LARGEST // 10**6} MB", box)
        return Metadata(stem, layer, file, place, parse_xml(file.name, file.read_bytes()), "", box)
    except MetadataError as error:
        return Metadata(stem, layer, file, place, None, error.problem, box)
    except OSError as error:
        return Metadata(stem, layer, file, place, None, f"{file.name} cannot be read: {error.strerror}", box)


def filled(root: Element, path: str) -> bool:
    """Whether an element at ``path`` holds a text, names an entry of a list of codes or says why it is empty.

    "Not evaluated" is said in the last way: a reason of nil, such as unknown.
    """
    return any(
        (element.text or "").strip()
        or any(name.rpartition("}")[2] in {"codeListValue", "uuidref", "nilReason"} for name in element.attrib)
        for found in root.findall(path)
        for element in found.iter()
    )


def texts(root: Element, path: str) -> list[str]:
    """Return the texts of the elements at ``path`` and below, without the empty ones."""
    return [text for found in root.findall(path) for element in found.iter() if (text := (element.text or "").strip())]


def numbers(root: Element, path: str) -> list[float]:
    """Return the texts of ``path`` that are numbers."""
    plain = [text for text in texts(root, path) if re.fullmatch(r"[-+]?\d+(\.\d*)?", text)]
    return [float(text) for text in plain]


def _locate(path: Path, stem: str, top: Path) -> tuple[Path, Place] | None:
    names = (f"{stem}.xml", f"{stem}_metadata.xml")
    for folder in _upwards(path.parent, top):
        found = _child(folder / FOLDER, names) or next(
            (
                file
                for other in _spelled(folder, (FOLDER,))
                if other.is_dir() and (file := _child(other, names)) is not None
            ),
            None,
        )
        if found is not None:
            return found, "folder"
    beside = _child(path.parent, names)
    if beside is not None:
        return beside, "beside"
    older = _child(path.parent, (f"{path.name}.xml",))
    return None if older is None else (older, "older")


def _child(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return a file of a folder, its name in any case; the case as it is said costs no look at the others."""
    exact = (folder / name for name in names)
    return next((path for path in exact if path.is_file()), None) or next(iter(_spelled(folder, names)), None)


def _spelled(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Return what has one of the names in another case."""
    wanted = {name.lower() for name in names}
    return [child for child in _children(folder) if child.name.lower() in wanted]


def _upwards(folder: Path, top: Path) -> Iterator[Path]:
    yield folder
    while folder != top and top in folder.parents:
        folder = folder.parent
        yield folder


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _degrees(bounds: Box, epsg: int) -> Box | None:
    try:
        return _to_degrees(epsg).transform_bounds(*bounds, errcheck=True)
    except ProjError:
        return None


@lru_cache(maxsize=32)
def _to_degrees(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, 4326, always_xy=True)
