"""Every real layer is read by its codes or refused with its reason: a table by file name.

The delivered files come from the tests of the public quality checks, and some are altered on purpose. Which they are
and what becomes of each stands in docs/reference/reference-layers.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize

from bocage.errors import LayerError
from bocage.grid import Grid, Window
from bocage.project import Project
from bocage.reference.layer import Layer, Reading, open_layer
from bocage.settings import LayerKind, LayerSettings, Settings

pytestmark = pytest.mark.real

EUROPE, SYDNEY, QUEENSLAND = "EPSG:3035", "EPSG:28355", "EPSG:28354"
TREES, GROUND = (11, 12, 13, 14, 15, 17, 18, 19), (30, 31, 32, 33, 35, 38, 39, 40, 41, 42, 43, 45, 48, 49, 50, 80)
TCD = "clms/TCD_2018_{}_eu_03035_v0_1.zip"
SWF_100 = "clms/swf_2015_100m_eu_3035_v1_1.zip"
SWF_5 = "clms/swf_2015_vec_ras_FR_3035_123_pt01.zip"
G2 = "australia/g2_26729_"
QUARTERS = "australia/quartered_linear_tifs/"


@dataclass(frozen=True)
class Read:
    """A file that is read: how it is registered and what its raster holds, as shares of all its pixels.

    ``codes`` is the whole list unless ``highest`` is given.
    """

    path: str
    kind: LayerKind
    codes: dict[int, float]
    crs: str = SYDNEY
    resolution: float = 2.0
    member: str = ""
    unknown: float = 0.0
    highest: float | None = None
    table: dict[str, tuple[int, ...]] = field(default_factory=dict)


def categories(path: str, codes: dict[int, float]) -> Read:
    return Read(path, "classes", codes, table={"tree": TREES, "other": GROUND})


def binary(path: str, tree: float, crs: str = SYDNEY) -> Read:
    # Some declare 0 as nodata; the table of the settings says that it is no tree.
    return Read(path, "classes", {0: 1 - tree, 1: tree}, crs, table={"tree": (1,), "other": (0,)})


READ = (
    Read(TCD.format("010m"), "tree_cover_density", {0: 0.1517, 50: 0.0007}, EUROPE, 10.0, unknown=0.8322, highest=85),
    Read(TCD.format("100m"), "tree_cover_density", {0: 0.1094, 50: 0.0002}, EUROPE, 100.0, unknown=0.8322, highest=68),
    *(
        Read(
            SWF_100, "small_woody_density", {0: 0.1164, 100: 0.0012}, EUROPE, 100.0, f"*/{part}_2015*.tif", 0.8322, 100
        )
        for part in ("SWF", "AWF", "SWFAWF")
    ),
    Read(SWF_5, "small_woody_features", {0: 0.7108, 1: 0.0085, 3: 0.001}, EUROPE, 5.0, unknown=0.2797),
    Read(
        "clms/mask_swf_005m_123.tif", "classes", {0: 0.2797, 1: 0.7203}, EUROPE, 5.0,
        table={"tree": (1,), "other": (0,)},
    ),
    Read("clms/mask_swf_100m_eu.tif", "classes", {1: 0.1677}, EUROPE, 100.0, unknown=0.8323, table={"tree": (1,)}),
    Read(
        f"{G2}worldcover.tif", "worldcover", {10: 0.4607, 30: 0.4815, 40: 0.0566, 50: 0.0007, 60: 0.0, 80: 0.0005},
    ),
    binary("australia/g2_019_binary_trees_150mx150m.tiff", 0.5833),
    binary(f"{G2}binary_tree_cover_10m.tiff", 0.4889),
    binary("australia/multiple_binary_tifs/g2_26729_binary_tree_cover_10m.tiff", 0.4889),
    binary("australia/multiple_binary_tifs/g1_01018_binary_tree_cover_10m.tiff", 0.1153, QUEENSLAND),
    binary(f"{QUARTERS}2019_g2_26729_TL_binary.tif", 0.6152),
    binary(f"{G2}DEM-S_gullies.tif", 0.0361),
    binary(f"{G2}DEM-S_ridges.tif", 0.2025),
    binary(f"{G2}hydrolines.tif", 0.0211),
    binary(f"{G2}roads.tif", 0.005),
    Read(
        f"{G2}tree_categories.tif", "classes", {0: 0.5111, 11: 0.0024, 12: 0.3389, 13: 0.0227, 14: 0.1249},
        table={"tree": TREES, "other": (0,)},
    ),
    categories(
        f"{G2}cover_categories.tif",
        {11: 0.0024, 12: 0.3389, 13: 0.0227, 14: 0.1246, 30: 0.4593, 40: 0.0507, 50: 0.0008, 80: 0.0006},
    ),
    categories(
        f"{G2}buffer_categories.tif",
        {11: 0.0021, 12: 0.3389, 13: 0.0227, 14: 0.107, 15: 0.018, 30: 0.4593, 40: 0.0507, 50: 0.0008, 80: 0.0006},
    ),
    categories(
        f"{G2}gullies_and_roads_buffer_categories.tif",
        {
            11: 0.0015, 12: 0.3389, 13: 0.0227, 14: 0.0484, 15: 0.0569, 17: 0.0203, 30: 0.4593, 40: 0.0507, 50: 0.0008,
            80: 0.0006,
        },
    ),
    categories(
        f"{G2}linear_categories.tif",
        {
            11: 0.0081, 12: 0.3391, 13: 0.0305, 15: 0.0163, 18: 0.0196, 19: 0.075, 30: 0.4593, 40: 0.0507, 50: 0.0008,
            80: 0.0006,
        },
    ),
    categories(
        f"{G2}shelter_categories.tif",
        {
            11: 0.0081, 12: 0.3391, 13: 0.0305, 15: 0.0163, 18: 0.0196, 19: 0.075, 30: 0.1814, 32: 0.0016, 33: 0.0257,
            35: 0.0455, 38: 0.0727, 39: 0.1324, 40: 0.0437, 43: 0.0001, 45: 0.0011, 48: 0.0048, 49: 0.001, 50: 0.0008,
            80: 0.0006,
        },
    ),
    categories(
        f"{QUARTERS}2020_g2_26729_TL.tif",
        {11: 0.0069, 12: 0.4878, 13: 0.0637, 15: 0.0009, 18: 0.0126, 19: 0.0433, 31: 0.0741, 32: 0.3102, 42: 0.0005},
    ),
    categories(
        f"{QUARTERS}g2_26729_BL.tif",
        {11: 0.0111, 15: 0.0467, 18: 0.0608, 19: 0.0432, 31: 0.2539, 32: 0.5832, 41: 0.0006, 50: 0.0006},
    ),
    categories(
        f"{QUARTERS}g2_26729_BR.tif",
        {
            11: 0.0139, 12: 0.0002, 13: 0.0017, 15: 0.0175, 18: 0.005, 19: 0.2042, 31: 0.0891, 32: 0.4638, 41: 0.1242,
            42: 0.0757, 50: 0.0025, 80: 0.0023,
        },
    ),
    categories(f"{QUARTERS}g2_26729_TR.tif", {11: 0.0005, 12: 0.8732, 13: 0.0571, 19: 0.0079, 32: 0.0613}),
)  # fmt: skip
HEIGHTS = (
    # Path, highest value, share of the raster that is unknown, pixel on the ground.
    ("australia/demo_crowns_chm_res1_500m_Sep.tif", 28.23, 0.907, 1.0),
    (f"{G2}chm_res10_filled.tif", 29.23, 0.0, 10.0),
    ("australia/milgadara_1kmx1km_CHM_1m.tif", 22.0, 0.0, 0.9855),
)
# Path, registered as, and the reason of the refusal.
REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("clms/mask_swf_005m_123.tif", {"kind": "small_woody_features"}, "boundary mask of the quality checks by its name"),
    ("clms/mask_swf_100m_eu.tif", {"kind": "forest_mask"}, "boundary mask of the quality checks by its name"),
    (SWF_100, {"kind": "small_woody_density"}, "several files of the same ground"),
    (f"{SWF_100}!/*/SWF_2015*.tif", {"kind": "small_woody_features"}, "small woody features at 100 m by its name"),
    (TCD.format("010m"), {"kind": "small_woody_features"}, "tree cover density by its name"),
    (TCD.format("010m"), {"kind": "tree_cover_density", "year": 2021}, "is of 2018 by its name"),
    (TCD.format("010m"), {"kind": "classes", "tree": (1,), "other": (0,), "ignore": (255,)}, "does not have: 2, 3, 4"),
    (SWF_5, {"kind": "small_woody_features", "year": 2018}, "is of 2015 by its name"),
    (f"{G2}DEM-H.tif", {"kind": "canopy_height"}, "holds values that a canopy_height layer does not have: 478"),
    (f"{G2}DEM-H.tif", {"kind": "classes", "tree": (1,)}, "holds values that a classes layer does not have: 478"),
    (f"{G2}worldcover.tif", {"kind": "clc_backbone"}, "does not have: 30, 40, 50, 60, 80"),
    (f"{G2}linear_categories.tif", {"kind": "worldcover"}, "does not have: 11, 12, 13, 15, 18, 19"),
    (f"{G2}linear_categories.tif", {"kind": "classes", "tree": (12,), "other": (30,)}, "not have: 11, 13, 15, 18, 19"),
    (f"{G2}roads_cropped.gpkg", {"kind": "urban"}, "holds LineString, and a layer is made of polygons"),
    (f"{G2}hydrolines_cropped.gpkg", {"kind": "urban"}, "holds LineString, and a layer is made of polygons"),
)


def project_of(folder: Path, crs: str, resolution: float) -> Project:
    size = resolution * 5000
    return Project(
        folder, Settings.model_validate({"grid": {"crs": crs, "resolution": resolution, "tile_size": size,
                                                  "cell_size": size}})
    )  # fmt: skip


def by_hand(path: str, grid: Grid, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the values of the pixels that hold the centres, and where the centres lie clearly inside one pixel."""
    with rasterio.open(path) as file:
        values, inverse, crs = file.read(1), ~file.transform, file.crs
    x = (window.column + np.arange(window.width) + 0.5) * grid.resolution
    y = -(window.row + np.arange(window.height) + 0.5) * grid.resolution
    if crs == rasterio.crs.CRS.from_string(grid.crs):
        column, row = inverse.a * x[np.newaxis] + inverse.c, inverse.e * y[:, np.newaxis] + inverse.f
    else:
        far_x, far_y = np.meshgrid(x, y)
        own_x, own_y = pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True).transform(far_x, far_y)
        column = inverse.a * own_x + inverse.b * own_y + inverse.c
        row = inverse.d * own_x + inverse.e * own_y + inverse.f
    inside = (column > 0) & (column < values.shape[1]) & (row > 0) & (row < values.shape[0])
    clear = inside & (np.abs(column - np.rint(column)) > 0.01) & (np.abs(row - np.rint(row)) > 0.01)
    down, across = (
        np.clip(np.floor(at), 0, size - 1).astype(int) for at, size in zip((row, column), values.shape, strict=True)
    )
    return values[down, across], clear


def gdal_path(layer: Layer) -> str:
    archive, _, member = layer.files[0].source.href.partition("!/")
    return f"/vsizip/{{{archive}}}/{member}" if member else archive


@pytest.mark.parametrize("case", READ, ids=lambda case: f"{Path(case.path).name}{case.member}")
def test_a_file_is_read_by_its_codes(data_folder: Path, tmp_path: Path, case: Read) -> None:
    path = str(data_folder / case.path) + (f"!/{case.member}" if case.member else "")
    settings = LayerSettings.model_validate({"kind": case.kind, "paths": (path,), **case.table})
    project = project_of(tmp_path, case.crs, case.resolution)
    layer = open_layer(settings, project)
    (file,) = layer.files
    window = file.window
    reading = layer.read(project.grid, window)
    expected, clear = by_hand(gdal_path(layer), project.grid, window)
    known = clear & np.isin(expected, layer.table.nodata, invert=True)
    if not layer.table.codes:
        known &= expected != 255
    assert clear.mean() > 0.6
    np.testing.assert_array_equal(reading.valid[clear], known[clear])
    np.testing.assert_array_equal(reading.values[known], expected[known])
    found, counts = np.unique(np.asarray(reading.values[clear & reading.valid]), return_counts=True)
    shares = dict(zip(found.tolist(), (counts / clear.sum()).tolist(), strict=True))
    # Resampling to the lattice moves pixels at the borders: shares agree to a percent, or exactly on the file's own.
    for code, share in case.codes.items():
        assert shares[code] == pytest.approx(share, abs=0.01)
    assert (clear & ~reading.valid).sum() / clear.sum() == pytest.approx(case.unknown, abs=0.01)
    if case.highest is None:
        assert set(shares) == set(case.codes)
    else:
        assert max(shares) == case.highest


@pytest.mark.parametrize(("path", "highest", "unknown", "pixel"), HEIGHTS)
def test_heights_are_read_in_metres(
    data_folder: Path, tmp_path: Path, path: str, highest: float, unknown: float, pixel: float
) -> None:
    project = project_of(tmp_path, SYDNEY, 2.0)
    layer = open_layer(LayerSettings(kind="canopy_height", paths=(str(data_folder / path),)), project)
    assert layer.gsd == pytest.approx(pixel, abs=1e-3)
    window = layer.files[0].window
    reading = layer.read(project.grid, window)
    known = np.asarray(reading.values[reading.valid], np.float64)
    # Averaging and interpolating stay between the values of the file.
    assert known.min() >= 0
    assert known.max() <= highest + 1e-3
    fine = Grid(SYDNEY, 0.25)
    part = Window(window.column + window.width // 3, window.row + window.height // 3, 120, 120)
    samples, clear = by_hand(
        str(data_folder / path), fine, Window(part.column * 8, part.row * 8, part.width * 8, part.height * 8)
    )
    assert clear.mean() > 0.8
    shown = np.where(samples < -999, np.nan, samples.astype(np.float64)).reshape(120, 8, 120, 8)
    here = Reading(reading.values[part.slices(window)], reading.valid[part.slices(window)])
    if pixel < 2:
        # A lattice pixel is known where any of the smaller pixels under it is.
        some = ~np.isnan(shown).all(axis=(1, 3))
        assert (here.valid == some).mean() > 0.99
        assert 1 - some.mean() == pytest.approx(unknown, abs=0.1)
    means = shown.mean(axis=(1, 3))
    trees = here.valid & (means > 1)
    assert trees.mean() > 0.02
    gap = np.abs(means - np.asarray(here.values, np.float64))[trees]
    # A 10 m layer is interpolated between the centres of its pixels, a 1 m layer averaged over 2 m.
    assert np.median(gap) < (1.0 if pixel > 2 else 0.1)


def test_zeros_of_canopy_height_v2_are_unknown(data_folder: Path, tmp_path: Path) -> None:
    project = project_of(tmp_path, SYDNEY, 2.0)
    path = str(data_folder / "australia/milgadara_1kmx1km_CHM_1m.tif")
    first, second = (
        open_layer(LayerSettings.model_validate({"kind": "canopy_height", "paths": (path,), "release": name}), project)
        for name in ("v1", "v2")
    )
    window = first.files[0].window
    old, new = first.read(project.grid, window), second.read(project.grid, window)
    before, after = (np.asarray(one.values, np.float64)[new.valid] for one in (old, new))
    assert old.valid[new.valid].all()
    # The file has pixels of 1 m: a lattice pixel is known where trees cover half of it, and then as high as they are.
    assert (after >= before - 1e-3).all()
    assert (before >= 0.49 * after).all()
    assert (old.valid & (np.asarray(old.values) > 0) & ~new.valid).any()
    assert 0.03 < new.valid.mean() < 0.15


@pytest.mark.parametrize(("path", "settings", "reason"), REFUSED)
def test_a_file_is_refused_with_its_reason(
    data_folder: Path, tmp_path: Path, path: str, settings: dict[str, Any], reason: str
) -> None:
    crs, resolution = (EUROPE, 10.0) if path.startswith("clms") else (SYDNEY, 10.0)
    project = project_of(tmp_path, crs, resolution)
    given = LayerSettings.model_validate({"paths": (str(data_folder / path),), **settings})
    with pytest.raises(LayerError) as caught:
        _read_all(open_layer(given, project), project)
    assert reason in caught.value.problem
    assert (
        Path(path.partition("!")[0]).name in caught.value.problem
        or "_2015_" in caught.value.problem
        or ("TCD_2018" in caught.value.problem)
    )
    assert caught.value.mend


def _read_all(layer: Layer, project: Project) -> None:
    for file in layer.files:
        layer.read(project.grid, file.window)


def test_the_vector_in_the_delivery_agrees_with_the_raster_beside_it(data_folder: Path, tmp_path: Path) -> None:
    project = project_of(tmp_path, EUROPE, 5.0)
    archive = str(data_folder / SWF_5)
    raster = open_layer(LayerSettings(kind="small_woody_features", paths=(archive,), year=2015), project)
    vector = open_layer(LayerSettings(kind="small_woody_features", paths=(f"{archive}!/**/*.shp",)), project)
    assert (vector.year, vector.gsd, vector.files[0].source.vector) == (2015, 5.0, True)
    window = raster.files[0].window
    mapped, drawn = raster.read(project.grid, window), vector.read(project.grid, window)
    assert set(np.unique(drawn.values[drawn.valid])) == {1, 2, 3}
    both = mapped.valid & drawn.valid
    woody = mapped.valid & np.isin(mapped.values, (1, 3))
    # Ground without a polygon is unknown: a vector does not say where somebody looked and found nothing.
    assert np.count_nonzero(woody ^ drawn.valid) <= 1
    np.testing.assert_array_equal(mapped.values[both] == 3, drawn.values[both] == 3)
    # Against polygons read and burnt without Bocage.
    import geopandas

    shapes = geopandas.read_file(f"/vsizip/{{{archive}}}/{vector.files[0].source.href.partition('!/')[2]}")
    burnt = rasterize(
        [(shape, int(code)) for shape, code in zip(shapes.geometry, shapes["code"], strict=True)],
        out_shape=window.shape,
        transform=project.grid.transform(window),
    )
    np.testing.assert_array_equal(np.where(drawn.valid, drawn.values, 0), burnt)


def test_an_index_of_footprints_leads_to_its_tile(data_folder: Path, tmp_path: Path) -> None:
    project = project_of(tmp_path, SYDNEY, 10.0)
    index, tile = (str(data_folder / f"{G2}{name}") for name in ("worldcover_footprints.geojson", "worldcover.tif"))
    by_index, alone = (open_layer(LayerSettings(kind="worldcover", paths=(path,)), project) for path in (index, tile))
    assert by_index.files[0].window == alone.files[0].window
    window = alone.files[0].window
    np.testing.assert_array_equal(by_index.read(project.grid, window).values, alone.read(project.grid, window).values)


def test_the_10_m_layer_is_a_20_m_layer_that_agrees_with_the_100_m_one(data_folder: Path, tmp_path: Path) -> None:
    fine, coarse = (project_of(tmp_path, EUROPE, resolution) for resolution in (10.0, 100.0))
    layers = [
        open_layer(LayerSettings(kind="tree_cover_density", paths=(str(data_folder / TCD.format(name)),)), project)
        for name, project in (("010m", fine), ("100m", coarse))
    ]
    ten = layers[0].read(fine.grid, layers[0].files[0].window)
    hundred = layers[1].read(coarse.grid, layers[1].files[0].window)
    values = np.asarray(ten.values, np.float64)
    np.testing.assert_array_equal(values[::2, ::2], values[1::2, 1::2])
    blocks = ten.valid.reshape(400, 10, 500, 10).all(axis=(1, 3)) & hundred.valid
    means = values.reshape(400, 10, 500, 10).mean(axis=(1, 3))
    assert np.abs(means - np.asarray(hundred.values, np.float64))[blocks].max() < 3
    assert [layer.year for layer in layers] == [2018, 2018]


def test_no_file_is_forgotten(data_folder: Path) -> None:
    named = {case.path for case in READ} | {path.partition("!")[0] for path, _, _ in REFUSED}
    named |= {path for path, *_ in HEIGHTS} | {f"{G2}worldcover_footprints.geojson"}
    found = {
        str(path.relative_to(data_folder))
        for room in ("clms", "australia")
        for path in (data_folder / room).rglob("*")
        if path.is_file()
    }
    assert found == named


def test_the_page_says_of_every_file_what_becomes_of_it(data_folder: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "reference-layers.md"
    said = set(re.findall(r"`([^`]+)`", page.read_text(encoding="utf-8").partition("## The public files")[2]))
    for room in ("clms", "australia"):
        for path in (path for path in (data_folder / room).rglob("*") if path.is_file()):
            assert any(fnmatch(path.name, one) for one in said), path.name
