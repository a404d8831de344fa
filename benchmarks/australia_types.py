"""Types of features beside the tree categories that others drew for farmland in New South Wales.

The categories are pixels of 10 m with rules of their own (shelterbelts by C. Bradley): scattered trees are groups of
fewer than 20 pixels, core and edge are woods that reach further than some pixels, gullies, ridges and roadside are
what is left within a buffer of those lines, and of the rest a group is linear if its skeleton is at least 20 pixels
long and on the average at most 6 pixels (60 m) wide. So a band of 50 m is linear there and a patch here, and what is
100 m long is linear here and not there. Agreement is counted over the pixels of their trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine
from imitations import data_folder
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject
from typed import Typed, typed_features

from bocage.features.context import Context, Layer
from bocage.features.decision_table import TYPES
from bocage.settings.context import Theme

CRS = "EPSG:28355"
CELL = 5.0
# Whole cells around the tile of 2 km.
LEFT, TOP, COUNT = 630_000.0, 6_196_005.0, 402
TRANSFORM = Affine(CELL, 0, LEFT, 0, -CELL, TOP)
CATEGORIES: Mapping[int, str] = {
    11: "scattered", 12: "core", 13: "edge", 14: "other", 15: "gullies", 16: "ridges", 17: "roadside", 18: "linear",
    19: "non-linear",
}  # fmt: skip
LAYERS = ("tree_categories", "gullies_and_roads_buffer_categories", "linear_categories")
# Their buffers are as wide as their pixels are coarse; a feature within it counts as beside the line.
BESIDE = 30.0


def australia_figures() -> dict[str, Any]:
    """Return what our features are in each of their categories, as shares of the pixels."""
    trees = on_cells("g2_26729_binary_tree_cover_10m.tiff", Resampling.nearest)
    height = on_cells("g2_26729_chm_res10_filled.tif", Resampling.nearest)
    lines: dict[Theme, NDArray[np.object_]] = {
        "streams": _lines("g2_26729_hydrolines_cropped.gpkg"),
        "roads": _lines("g2_26729_roads_cropped.gpkg"),
    }
    box = np.array([LEFT, TOP - COUNT * CELL, LEFT + COUNT * CELL, TOP])
    context = Context({theme: Layer.of(shapes, box, BESIDE) for theme, shapes in lines.items()})
    found = typed_features(
        trees.astype(np.float32), TRANSFORM, CRS, height=height.astype(np.float32), context=context
    )  # fmt: skip
    tables = {}
    for name in LAYERS:
        categories = on_cells(f"g2_26729_{name}.tif", Resampling.nearest).astype(int)
        tables[name] = _shares(found, categories, trees > 0)
    return {
        "cell_m": CELL,
        "features": len(found.table),
        "types": {name: int((found.table["slf_type"] == name).sum()) for name in TYPES},
        "tables": tables,
        "linear_by_their_rule": _their_rule(found, on_cells("g2_26729_linear_categories.tif", Resampling.nearest)),
        "beside": _beside(found, on_cells(f"g2_26729_{LAYERS[1]}.tif", Resampling.nearest)),
    }


def on_cells(name: str, how: Resampling) -> NDArray[np.floating]:
    """Read a raster of the folder onto the cells; 0 beyond it."""
    result = np.zeros((COUNT, COUNT), np.float64)
    with rasterio.open(data_folder() / "australia" / name) as source:
        # A mask of trees declares its 0 as nodata.
        reproject(
            source.read(1), result, src_transform=source.transform, src_crs=source.crs, dst_transform=TRANSFORM,
            dst_crs=CRS, resampling=how,
        )  # fmt: skip
    return result


def _lines(name: str) -> NDArray[np.object_]:
    table = geopandas.read_file(data_folder() / "australia" / name).to_crs(CRS)
    return np.asarray(shapely.force_2d(table.geometry.to_numpy()), object)


def _shares(found: Typed, categories: NDArray[np.int_], trees: NDArray[np.bool_]) -> list[dict[str, Any]]:
    kinds = np.concatenate([["(no feature)"], found.table["slf_type"].to_numpy(object)])[found.labels]
    rows = []
    for code, name in CATEGORIES.items():
        own = (categories == code) & trees
        if own.any():
            row: dict[str, Any] = {"category": name, "pixels": int(own.sum())}
            rows.append(row | {kind: float((kinds[own] == kind).mean()) for kind in ("(no feature)", *TYPES)})
    return rows


def _their_rule(found: Typed, categories: NDArray[np.floating]) -> dict[str, Any]:
    """Return how often a feature that is mostly linear or not there would be so by their limits on our measures."""
    table = found.table
    count = len(table) + 1
    linear = np.bincount(found.labels[categories == 18], minlength=count)[1:]
    other = np.bincount(found.labels[categories == 19], minlength=count)[1:]
    theirs = (linear + other) > 0
    said = linear > other
    ours = (table["axis_length_m"].fillna(0) >= 200) & (table["axis_width_m"].fillna(np.inf) <= 60)
    strip = table["slf_type"].isin(("hedge", "tree line"))
    return {
        "features": int(theirs.sum()),
        "linear_there": int((said & theirs).sum()),
        "agree_by_our_types": float((strip == said)[theirs].mean()),
        "agree_by_their_limits_on_our_axis": float((ours == said)[theirs].mean()),
    }


def _beside(found: Typed, categories: NDArray[np.floating]) -> list[dict[str, Any]]:
    """Return, of the features mostly in gullies or at roadsides there, the share that lie beside a line here."""
    table, rows = found.table, []
    count = len(table) + 1
    cells = np.bincount(found.labels.ravel(), minlength=count)[1:]
    for code, theme in ((15, "streams"), (17, "roads")):
        mostly = np.bincount(found.labels[categories == code], minlength=count)[1:] > cells / 2
        near = table[f"near_{theme}"] >= 0.5
        rows.append(
            {
                "category": CATEGORIES[code], "features": int(mostly.sum()),
                "beside_share": float(near[mostly].mean()) if mostly.any() else None,
                "features_beside": int(near.sum()), "of_them_there": float(mostly[near].mean()) if near.any() else None,
            }
        )  # fmt: skip
    return rows
