"""Writing a layer with all that belongs to it: attribute table, INSPIRE metadata and STAC Item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from bocage.files import write_json, write_text
from bocage.grid import Bounds, Grid, Window
from bocage.products.attributes import auxiliary, count_values
from bocage.products.colours import colour_table
from bocage.products.inspire import NO_ADDRESS, RASTER_FORMATS, VECTOR_FORMATS, Record, metadata
from bocage.products.item import Subject, item_of
from bocage.products.naming import ProductName
from bocage.products.suite import Layer, layer_of
from bocage.products.writers import write_raster, write_vector, write_web_tiles
from bocage.scenes.footprint import geographic
from bocage.settings import ProductsSettings

# What Bocage knows beyond the service lies in a folder of its own, under names that are not the service's.
EXTENSIONS = "extensions"
KEYWORDS = ("small woody features", "small landscape features", "hedgerow", "tree", "Copernicus land monitoring")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What all layers of a run have in common, and where they are written.

    Attributes
    ----------
    folder
        The folder to write into; metadata lie in ``metadata/`` below it.
    settings
        Names and contact.
    project
        The project's name, which stands for the organisation where none is set.
    crs
        The coordinate reference system of every layer.
    date
        Day in names and metadata, YYYYMMDD.
    begin, end
        First and last day that the layers show, YYYY-MM-DD.
    lineage
        What the layers were made from, in words.
    sources
        The same as properties of the STAC Items.
    """

    folder: Path
    settings: ProductsSettings
    project: str
    crs: str
    date: str
    begin: str
    end: str
    lineage: str
    sources: Mapping[str, Any] = field(default_factory=dict)

    def raster(self, name: ProductName, array: NDArray[np.uint8], grid: Grid, window: Window) -> list[Path]:
        """Write a raster with its attribute table, metadata and Item; return their paths."""
        layer = _layer(name)
        colours = colour_table(name.variable, name.form, name.year)
        path = self.folder / f"{name.stem}.tif"
        continuous = name.variable == "wvcl" or (name.form == "r100m" and name.variable != "swfc")
        write_raster(path, array, grid, window, colours, overviews="nearest" if continuous else "mode")
        beside = path.with_name(f"{path.name}.aux.xml")
        write_text(beside, auxiliary(count_values(array), layer.meanings, grid.resolution))
        return self._described(name, [path, beside], grid.bounds(window), grid, window)

    def vector(
        self, name: ProductName, polygons: gpd.GeoDataFrame, bounds: Bounds, typed: gpd.GeoDataFrame | None = None
    ) -> list[Path]:
        """Write polygons with their metadata and Item; return their paths.

        Parameters
        ----------
        polygons
            With the columns of the service and no other, which it would refuse.
        bounds
            The ground that the layer describes, whether or not a polygon lies in all of it.
        typed
            The same with all that Bocage knows of them; written beside in ``extensions/``, as vector tiles too where
            the settings want them and there is a polygon at all.
        """
        files = [*write_vector(self.folder, name.stem, polygons, self.date)]
        if typed is not None:
            files += self._extension(name, typed)
        return self._described(name, files, bounds, None, None)

    def _extension(self, name: ProductName, features: gpd.GeoDataFrame) -> list[Path]:
        folder = self.folder / EXTENSIONS
        folder.mkdir(exist_ok=True)
        stem = f"bocage_{name.stem}"
        files = [*write_vector(folder, stem, features, self.date)]
        if self.settings.web_tiles and len(features):
            files.append(folder / f"{stem}.pmtiles")
            write_web_tiles(files[-1], features, name.variable)
        return files

    def _described(
        self, name: ProductName, files: list[Path], bounds: Bounds, grid: Grid | None, window: Window | None
    ) -> list[Path]:
        layer = _layer(name)
        box, outline = geographic(bounds, self.crs)
        years = str(name.year) if name.before is None else f"{name.before}-{name.year}"
        title = f"{layer.title} {years}, {name.cell.upper()}"
        record = Record(
            name.stem,
            title,
            layer.abstract,
            self.settings.organisation or self.project,
            self.settings.email or NO_ADDRESS,
            f"{self.date[:4]}-{self.date[4:6]}-{self.date[6:]}",
            self.begin,
            self.end,
            box,
            name.epsg,
            name.pixel,
            VECTOR_FORMATS if name.form == "vec" else RASTER_FORMATS,
            KEYWORDS,
            self.lineage,
            self.settings.conditions,
            self.settings.url or "",
        )
        document = self.folder / "metadata" / f"{name.stem}.xml"
        write_text(document, metadata(record))
        files = [*files, document]
        colours = {} if name.form == "vec" else colour_table(name.variable, name.form, name.year)
        subject = Subject(
            name.stem, title, layer.abstract, box, outline, self.begin, self.end, name.epsg, grid, window,
            layer.meanings, colours, self.sources,
        )  # fmt: skip
        item = self.folder / f"{name.stem}.json"
        write_json(item, item_of(subject, files, self.folder))
        return [*files, item]


def _layer(name: ProductName) -> Layer:
    layer = layer_of(name.convention, name.variable, name.form)
    assert layer is not None, f"the release {name.convention} has no layer {name.variable} {name.form}"
    return layer
