"""Ways of breaking a well-formed delivery."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from tests.products.conformance.well_formed import (
    RASTER_2015,
    SWF,
    SWF_COLOURS,
    VECTOR,
    Colours,
    colours,
    features,
    features_2015,
    rectangle,
    write_2015,
    write_notes,
    write_polygons,
    write_raster,
)

type Break = Callable[[Path], object]
type Frame = gpd.GeoDataFrame
type Array = NDArray[Any]


def raster(
    stem: str,
    change: Callable[[Array], Array] = lambda array: array,
    table: Colours | bool | None = True,
    **profile: Any,
) -> Break:
    """Write a raster again with other values, colours or profile."""

    def do(folder: Path) -> None:
        path = folder / f"{stem}.tif"
        with rasterio.open(path) as file:
            array, pixel = file.read(1), file.transform.a
        known: Colours | None = colours().get(stem, SWF_COLOURS)
        made = change(array)
        options = dict(profile)
        if made.dtype != np.uint8:
            known = None  # tables of colours are for bytes
        if stem == RASTER_2015:
            options = {"tiled": False, "blockxsize": None, "blockysize": 40, **options}
            known = {**SWF_COLOURS, 3: (240, 200, 0)}
        write_raster(path, made, known if table is True or made.dtype != np.uint8 else table or None, pixel, **options)

    return do


def moved(x: float, y: float, pixel: float = 5.0) -> Affine:
    """The place of the delivery, moved by metres."""
    return Affine(pixel, 0, 4_301_000 + x, 0, -pixel, 3_002_000 + y)


def polygons(
    change: Callable[[Frame], Frame],
    stem: str = VECTOR,
    start: Callable[[], Frame] = features,
    suffix: str = ".gpkg",
    **options: Any,
) -> Break:
    """Write polygons again, changed."""
    return lambda folder: write_polygons(folder, stem, change(start()), suffix, **options)


def reshaped(row: int, geometry: Callable[[Frame], object]) -> Callable[[Frame], Frame]:
    """Give a row another geometry and the area that goes with it."""

    def change(frame: Frame) -> Frame:
        shapes = list(frame.geometry)
        shapes[row] = geometry(frame)
        made = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
        return made.assign(area=made.geometry.area)

    return change


def shift(row: int, x: float, y: float) -> Callable[[Frame], Frame]:
    """Move a polygon."""
    return reshaped(row, lambda frame: shapely.affinity.translate(frame.geometry.iloc[row], x, y))


def with_2015(change: Callable[[Frame], Frame]) -> Break:
    """Write raster and polygons of 2015 from other polygons."""
    return lambda folder: write_2015(folder, change(features_2015()))


def document(stem: str, change: Callable[[str], str]) -> Break:
    """Write the metadata of a layer again, changed."""

    def do(folder: Path) -> None:
        path = folder / "metadata" / f"{stem}.xml"
        text = change(path.read_text(encoding="utf-8"))
        assert text != path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")

    return do


def without(element: str) -> Callable[[str], str]:
    """Take every element of a name out of a document."""
    return lambda text: re.sub(rf"<gmd:{element}>.*?</gmd:{element}>", "", text)


def notes(stem: str, pattern: str, value: str) -> Break:
    """Change what is noted beside a raster."""

    def do(folder: Path) -> None:
        path = folder / f"{stem}.tif.aux.xml"
        text = re.sub(pattern, value, path.read_text(), count=1)
        assert text != path.read_text()
        path.write_text(text)

    return do


def renamed(old: str, new: str) -> Break:
    """Give a layer another name, metadata and all."""

    def do(folder: Path) -> None:
        for path in [*folder.rglob(f"{old}*")]:
            target = path.with_name(path.name.replace(old, new))
            path.rename(target)
            if target.suffix == ".xml" and target.parent.name == "metadata":
                target.write_text(target.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    return do


def cut(name: str, share: float) -> Break:
    """Keep the beginning of a file."""

    def do(folder: Path) -> None:
        path = folder / name
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return do


def damaged(name: str) -> Break:
    """Overwrite the first block of a raster."""

    def do(folder: Path) -> None:
        with rasterio.open(folder / name) as file:
            start = int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
        with (folder / name).open("r+b") as content:
            content.seek(start)
            content.write(b"\xff" * 40)

    return do


def removed(*names: str) -> Break:
    """Remove files."""

    def do(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return do


def both(*steps: Break) -> Break:
    """Do one thing after the other."""
    return lambda folder: [step(folder) for step in steps]


def painted(value: int, rows: slice = slice(0, 4), columns: slice = slice(0, 4)) -> Callable[[Array], Array]:
    """Give a corner of a raster a value."""

    def change(array: Array) -> Array:
        out = array.copy()
        out[rows, columns] = value
        return out

    return change


def holed(frame: Frame) -> object:
    """A hedge with a hole that shares an edge with its outline."""
    outline = list(frame.geometry.iloc[0].exterior.coords)
    (left, bottom), hole = (min(x for x, _ in outline), min(y for _, y in outline)), 5
    ring = [
        (left + 10, bottom),
        (left + 10 + hole, bottom),
        (left + 10 + hole, bottom + hole),
        (left + 10, bottom + hole),
    ]
    return Polygon(outline, [ring])


def two_parts(frame: Frame) -> Frame:
    """Make one row of two polygons."""
    parts = MultiPolygon([frame.geometry.iloc[0], frame.geometry.iloc[1]])
    return reshaped(0, lambda _: parts)(frame).drop(index=1)


def added(frame: Frame, geometry: object) -> Frame:
    """Add a row like the first one with another geometry."""
    more = frame.iloc[[0]].set_geometry(gpd.GeoSeries([geometry], index=[0], crs=frame.crs))
    rows = [*frame.geometry, geometry]
    frame = frame.loc[[*frame.index, 0]].reset_index(drop=True)
    assert len(more) == 1
    return frame.set_geometry(gpd.GeoSeries(rows, crs=more.crs)).assign(
        area=[0.0 if row is None else row.area for row in rows]
    )


def with_nulls(column: str) -> Callable[[Frame], Frame]:
    """Empty a value of a column."""

    def change(frame: Frame) -> Frame:
        values = frame[column].astype(object)
        values.iloc[2] = None
        kind = {"code": "Int32", "stl": "Int32", "area": "float64"}.get(column)
        return frame.assign(**{column: values if kind is None else values.astype(kind)})

    return change


def lobes(frame: Frame) -> object:
    """Two squares that a neck of 5 m joins."""
    a, neck, b = rectangle(700, 100, 30, 30), rectangle(730, 110, 20, 5), rectangle(750, 100, 30, 30)
    return shapely.union_all([a, neck, b])


def as_imagine(folder: Path) -> None:
    """Store a raster as a picture of another format under the same suffix."""
    path = folder / f"{SWF}.tif"
    with rasterio.open(path) as file:
        array, profile = file.read(1), file.profile
    path.unlink()
    for key in ("compress", "tiled", "blockxsize", "blockysize", "interleave"):
        profile.pop(key, None)
    with rasterio.open(path, "w", **{**profile, "driver": "HFA"}) as file:
        file.write(array, 1)
        file.write_colormap(1, {value: (*colour, 255) for value, colour in SWF_COLOURS.items()})
    write_notes(path)
