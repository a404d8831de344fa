"""Zones and towns of cells, from every form of layer that the reference room reads."""

import zipfile
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import Polygon, box
from tests.samples.footprints import CELL, EAST, NORTH, cells_box, frame_of, row, scene

from bocage.errors import LayerError, SampleError
from bocage.project import Project
from bocage.reference.codes import ZONES
from bocage.reference.layer import Layer
from bocage.samples.strata import Strata, stratify
from bocage.samples.zones import stratum_layers, urban_share, zones_of_cells
from bocage.settings import LayerKind, Settings


def open_at(path: Path, kind: LayerKind = "environmental_zones", **layer: Any) -> list[Layer]:
    """Open the layer at a path: by its own setting or, where there is more to say of it, as a registered one."""
    if not layer:
        return stratum_layers(Project(path.parent, Settings()), kind, path.name, CELL)
    reference = {"layers": [{"kind": kind, "paths": [path.name], **layer}]}
    return stratum_layers(Project(path.parent, Settings.model_validate({"reference": reference})), kind, None, CELL)


def zones_of(strata: Strata) -> list[str]:
    return [strata.zones[index] for index in strata.zone]


def zones_at(path: Path, **layer: Any) -> list[str]:
    return zones_of(stratify(row(), zones=open_at(path, **layer)))


def towns_at(path: Path, **layer: Any) -> list[bool]:
    return list(stratify(row(), urban=open_at(path, "urban", **layer)).urban)


def write_codes(
    path: Path, codes: NDArray[np.generic], pixel: float, nodata: float | None = 0, east: float = 0
) -> Path:
    """Write a raster whose north-west corner is that of the cell ``east``."""
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", height=codes.shape[0], width=codes.shape[1], count=1, dtype=codes.dtype,
        crs="EPSG:3035", transform=Affine(pixel, 0, EAST + east * CELL, 0, -pixel, NORTH + CELL), nodata=nodata,
    ) as file:  # fmt: skip
        file.write(codes, 1)
    return path


def write_zones(path: Path, zones: dict[str, Polygon], crs: str = "EPSG:3035", column: str = "code") -> Path:
    table = geopandas.GeoDataFrame({column: list(zones)}, geometry=list(zones.values()), crs="EPSG:3035").to_crs(crs)
    table.to_file(path)
    return path


def test_codes_of_rasters_have_the_letters_of_their_zones(tmp_path: Path) -> None:
    zones = write_codes(tmp_path / "zones.tif", np.array([[3, 3, 7, 0], [3, 3, 7, 0]], np.uint8), 60.0)
    urban = write_codes(tmp_path / "urban.tif", np.array([[0, 1, 1]], np.uint8), 100.0, nodata=None)
    strata = stratify(row(), zones=open_at(zones), urban=open_at(urban, "urban"))
    assert zones_of(strata) == ["NEM", "ATC", "outside"]
    assert list(strata.urban) == [False, True, True]
    assert [strata.names[index] for index in strata.stratum] == ["NEM/PHR/rural", "ATC/SPOT/urban", "outside/PHR/urban"]


def test_zones_of_ones_own_are_listed_and_keep_their_numbers(tmp_path: Path) -> None:
    path = write_codes(tmp_path / "zones.tif", np.array([[1_234_567, 1_234_567, 40]], np.int32), 100.0, nodata=-1)
    assert zones_at(path, other=[40, 1_234_567]) == ["1234567", "1234567", "40"]
    with pytest.raises(LayerError, match=r"zones\.tif holds values that .* does not have: 40, 1\.23457e\+06") as caught:
        zones_at(path)
    assert "complete its table of codes" in caught.value.mend


def test_a_raster_in_another_reference_system(tmp_path: Path) -> None:
    corner = geopandas.GeoSeries([box(EAST, NORTH, EAST + 1, NORTH + 1)], crs="EPSG:3035").to_crs("EPSG:4326").iloc[0]
    west, south = corner.bounds[:2]
    with rasterio.open(
        tmp_path / "zones.tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="uint8", crs="EPSG:4326",
        transform=Affine(0.5, 0, west - 0.5, 0, -0.5, south + 0.5), nodata=0,
    ) as file:  # fmt: skip
        file.write(np.array([[4, 9], [5, 6]], np.uint8), 1)
    assert zones_at(tmp_path / "zones.tif") == ["LUS"] * 3


def test_codes_of_polygons(tmp_path: Path) -> None:
    west, east = cells_box(0, 0, 1.3, 1), cells_box(1.3, 0, 2, 1)
    assert zones_at(write_zones(tmp_path / "a.gpkg", {"ATN": west, "CON": east}, "EPSG:4326")) == [
        "ATN", "CON", "outside",
    ]  # fmt: skip
    named = write_zones(tmp_path / "b.gpkg", {"ATN": west, "CON": east}, column="zone")
    with pytest.raises(LayerError, match=r"b\.gpkg has no column of codes .*; it has zone"):
        zones_at(named)
    assert zones_at(named, column="zone") == ["ATN", "CON", "outside"]


def test_of_equal_parts_and_of_overlapping_polygons_the_first_counts(tmp_path: Path) -> None:
    halves = {"MDS": cells_box(0, 0, 0.5, 1), "ALN": cells_box(0.5, 0, 1, 1), "PAN": cells_box(1, 0, 3, 1)}
    assert zones_at(write_zones(tmp_path / "a.gpkg", halves)) == ["ALN", "PAN", "PAN"]
    doubled = {"CON": cells_box(0, 0, 3, 1), "ALN": cells_box(0, 0, 3, 1)}
    assert zones_at(write_zones(tmp_path / "b.gpkg", doubled)) == ["CON"] * 3


def test_towns_count_from_half_a_cell(tmp_path: Path) -> None:
    towns = {"1": cells_box(0, 0, 0.5, 1), "0": cells_box(1, 0, 2, 1)}
    assert towns_at(write_zones(tmp_path / "towns.gpkg", towns)) == [True, False, False]
    bare = {"a town": cells_box(0, 0, 1, 1), "another": cells_box(2, 0, 2.4, 1)}
    assert towns_at(write_zones(tmp_path / "bare.gpkg", bare, column="name")) == [True, False, False]


def test_fields_and_woods_of_the_urban_atlas_are_no_town(tmp_path: Path) -> None:
    path = write_codes(tmp_path / "atlas.tif", np.array([[11210, 21000, 91000]], np.int32), 100.0)
    assert towns_at(path) == [True, False, False]


def test_folders_archives_and_indexes_of_tiles_are_read(tmp_path: Path) -> None:
    tiles = tmp_path / "tiles"
    for east, code in enumerate((3, 7, 12)):
        write_codes(tiles / f"tile{east}.tif", np.full((2, 2), code, np.uint8), 50.0, east=east)
    wanted = ["NEM", "ATC", "MDN"]
    assert zones_at(tiles) == wanted
    with zipfile.ZipFile(tmp_path / "tiles.zip", "w") as archive:
        for tile in tiles.iterdir():
            archive.write(tile, tile.name)
    assert zones_at(tmp_path / "tiles.zip") == wanted
    (tmp_path / "index.csv").write_text("path\n" + "".join(f"tiles/tile{east}.tif\n" for east in range(3)))
    assert zones_at(tmp_path / "index.csv") == wanted


def test_registered_layers_serve_where_no_path_is_set_the_newest_first(tmp_path: Path) -> None:
    write_codes(tmp_path / "old.tif", np.array([[3, 3, 3]], np.uint8), 100.0)
    write_codes(tmp_path / "new.tif", np.array([[7, 0, 0]], np.uint8), 100.0)
    write_codes(tmp_path / "own.tif", np.array([[12, 12, 12]], np.uint8), 100.0)
    layers = [
        {"kind": "environmental_zones", "paths": [f"{name}.tif"], "year": year}
        for name, year in (("old", 2012), ("new", 2018))
    ]
    project = Project(tmp_path, Settings.model_validate({"reference": {"layers": layers}}))
    for path, wanted in ((None, ["ATC", "NEM", "NEM"]), ("own.tif", ["MDN"] * 3)):
        assert zones_of(stratify(row(), zones=stratum_layers(project, "environmental_zones", path, CELL))) == wanted
    assert stratum_layers(project, "urban", None, CELL) == []


@given(st.integers(0, 500))
@settings(max_examples=15)
def test_raster_and_polygons_of_the_same_zones_agree(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("zones")
    # Pixels of a quarter of a cell, so that no point lies on a border.
    codes = rng.integers(0, 4, (24, 24)).astype(np.uint8)
    raster = write_codes(folder / "zones.tif", codes, CELL / 4)
    shapes = {}
    for code in (1, 2, 3):
        pieces = [
            box(EAST + x * 25, NORTH + 75 - y * 25, EAST + x * 25 + 25, NORTH + 100 - y * 25)
            for y, x in zip(*np.nonzero(codes == code), strict=True)
        ]
        shapes[str(code)] = geopandas.GeoSeries(pieces).union_all()
    frame = frame_of([scene("a", cells_box(0, -4, 7, 1))])
    places = frame.places[frame.distinct()]
    one = zones_of_cells(open_at(raster), places)
    other = zones_of_cells(open_at(write_zones(folder / "zones.gpkg", shapes)), places)
    assert one.names == other.names
    np.testing.assert_array_equal(one.most, other.most)
    # Each cell holds 4 x 4 pixels: its zone is the commonest of them, the first by its letters of equal ones.
    letters = {number: name for name, number in ZONES.items()}
    for (east, north), index in zip(places.tolist(), one.most.tolist(), strict=True):
        top = (round(NORTH / CELL) - north) * 4
        left = (east - round(EAST / CELL)) * 4
        ground = np.zeros((4, 4), np.uint8)
        inside = codes[top : top + 4, left : left + 4]
        ground[: inside.shape[0], : inside.shape[1]] = inside
        count = {letters[code]: int((ground == code).sum()) for code in (1, 2, 3) if (ground == code).any()}
        assert (min(count, key=lambda name: (-count[name], name)) if count else None) == (
            one.names[index] if index >= 0 else None
        )


@pytest.mark.parametrize("block", [1, 3, 256])
def test_the_blocks_of_reading_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    codes = np.random.default_rng(3).integers(0, 4, (30, 30)).astype(np.uint8)
    zones = open_at(write_codes(tmp_path / "zones.tif", codes, 37.0))
    towns = open_at(write_codes(tmp_path / "towns.tif", (codes > 1).astype(np.uint8), 37.0, None), "urban")
    frame = frame_of([scene("a", cells_box(0, -4, 2, 1)), scene("b", cells_box(4, -7, 9, -2))])
    places = frame.places[frame.distinct()]
    wanted, share = zones_of_cells(zones, places), urban_share(towns, places)
    assert len(set(share.tolist())) > 10
    monkeypatch.setattr("bocage.samples.zones._BLOCK", block)
    np.testing.assert_array_equal(zones_of_cells(zones, places).most, wanted.most)
    np.testing.assert_array_equal(urban_share(towns, places), share)


def test_missing_damaged_and_foreign_layers_are_named(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=r"no file is at 'none\.tif', .*\[samples\]"):
        towns_at(tmp_path / "none.tif")
    for name in ("bad.tif", "bad.gpkg"):
        (tmp_path / name).write_text("nothing")
        with pytest.raises(LayerError, match=rf"{name} cannot be"):
            zones_at(tmp_path / name)
    for path in (
        write_codes(tmp_path / "empty.tif", np.zeros((1, 3), np.uint8), 100.0),
        write_zones(tmp_path / "far.gpkg", {"ATN": cells_box(90, 0, 91, 1)}),
    ):
        with pytest.raises(SampleError, match=rf"{path.name} says nothing about any of the 3 cells"):
            zones_at(path)
    measured = np.arange(24 * 24, dtype=np.float32).reshape(24, 24) / 10
    with pytest.raises(LayerError, match=r"height\.tif holds values that .* does not have"):
        zones_at(write_codes(tmp_path / "height.tif", measured, 100 / 8, None))
    bow_tie = Polygon([(EAST, NORTH), (EAST + 9, NORTH + 9), (EAST + 9, NORTH), (EAST, NORTH + 9)])
    with pytest.raises(LayerError, match=r"tie\.gpkg has 1 invalid polygons"):
        zones_at(write_zones(tmp_path / "tie.gpkg", {"ATN": bow_tie}))
    with pytest.raises(LayerError, match="the code 'Z01', which is no whole number or zone"):
        zones_at(write_zones(tmp_path / "text.gpkg", {"Z01": cells_box(0, 0, 1, 1)}))
