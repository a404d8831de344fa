"""The checks of the service on a folder of products: names, formats, codes, geometry, and raster against vector.

They follow what the public quality tools test (release 2.4.5); the INSPIRE metadata and attribute tables that those ask
for beside the rasters are not checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio

from bocage.errors import ProductError
from bocage.products.naming import ProductName
from bocage.products.raster_rules import check_raster
from bocage.products.vector_rules import check_vector, read_polygons
from bocage.products.verdict import Verdict
from bocage.progress import track

RASTERS = (".tif",)
VECTORS = (".gpkg", ".parquet", ".shp")
# Relative difference between the areas of raster and vector: remark and refusal, per cent.
AREA_REMARK, AREA_LIMIT = 0.05, 1.5


def check_products(folder: Path | str) -> list[Verdict]:
    """Check every raster and vector file in a folder, not in its subfolders.

    Returns
    -------
    list of Verdict
        One per file and rule. A file whose name follows no pattern fails "naming" and is not checked further, since its
        name says what it should be.

    Raises
    ------
    ProductError
        If the folder holds no product.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in RASTERS + VECTORS and path.is_file())
    files = [path for path in files if not path.name.startswith(".")]
    if not files:
        raise ProductError(f"{folder} holds no product", "write them first: bocage products")
    verdicts: list[Verdict] = []
    names: dict[Path, ProductName] = {}
    for path in track(files, "checking products"):
        found, name = check_file(path)
        verdicts += found
        # Only a file that could be read can be compared with another.
        if name is not None and all(verdict.rule != "readable" for verdict in found):
            names[path] = name
    return verdicts + list(_compare(names))


def check_file(path: Path) -> tuple[list[Verdict], ProductName | None]:
    """Check one file; return its verdicts and what its name says, if it says anything."""
    name = ProductName.parse(path.stem)
    raster = path.suffix.lower() in RASTERS
    if name is None or raster != (name.pixel is not None):
        return [Verdict(path.name, "naming", False, "the name follows no pattern of the service")], None
    named = Verdict(path.name, "naming", True, f"{name.variable} {name.year} {name.form} {name.cell}")
    return [named, *(check_raster(path, name) if raster else check_vector(path, name))], name


def _compare(names: dict[Path, ProductName]) -> Iterable[Verdict]:
    """Compare the area of each 5 m raster of features with the polygons of the same production cell."""
    rasters = {name: path for path, name in names.items() if name.variable == "swf" and name.form == "r5m"}
    for path, name in names.items():
        raster = rasters.get(replace(name, form="r5m"))
        if name.form == "vec" and raster is not None:
            yield compare_areas(raster, path)


def compare_areas(raster: Path, vector: Path) -> Verdict:
    """Compare the area that a raster gives to features with that of the polygons."""
    with rasterio.open(raster) as file:
        cells = sum(int(np.isin(file.read(1, window=window), (1, 2, 3)).sum()) for _, window in file.block_windows(1))
        drawn = cells * abs(file.transform.a * file.transform.e)
    area = float(read_polygons(vector).geometry.area.sum())
    difference = abs(drawn - area) / area * 100 if area else (0.0 if not drawn else np.inf)
    detail = f"raster {drawn:.0f} m2, vector {area:.0f} m2: {difference:.3f} % apart ({raster.name})"
    return Verdict(vector.name, "raster and vector", difference <= AREA_LIMIT, detail, difference > AREA_REMARK)
