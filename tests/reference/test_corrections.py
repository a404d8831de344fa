"""Corrections win over everything, and bad ones are refused with the row that is wrong."""

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from shapely.geometry import LineString, MultiPolygon, Polygon, box

from bocage.errors import LayerError
from bocage.grid import Grid, Window
from bocage.reference.corrections import create_corrections, read_corrections

GRID = Grid("EPSG:3035", 2.0)
WINDOW = Window(2_000_000, -1_500_000, 20, 20)


def square(left: float, top: float, size: float = 10) -> Polygon:
    return box(4_000_000 + left, 3_000_000 - top - size, 4_000_000 + left + size, 3_000_000 - top)


def write(path: Path, *rows: tuple[Any, Any], **columns: list[Any]) -> Path:
    codes, shapes = zip(*rows, strict=True)
    table = {"class": codes, "author": "mk", "date": "2026-05-01", "reason": "seen in the field"} | columns
    geopandas.GeoDataFrame(table, geometry=list(shapes), crs="EPSG:3035").to_file(path, driver="GPKG")
    return path


def test_they_always_win(tmp_path: Path) -> None:
    path = write(tmp_path / "c.gpkg", (1, square(0, 0)), (0, square(10, 0)), (255, square(20, 0)))
    label, confidence = np.full((2, 20, 20), 7, np.uint8)
    found, certain = read_corrections(path, GRID).apply(label, confidence, GRID, WINDOW)
    np.testing.assert_array_equal(found[0], [1] * 5 + [0] * 5 + [255] * 5 + [7] * 5)
    np.testing.assert_array_equal(certain[0], [100] * 10 + [0] * 5 + [7] * 5)
    assert (found[5:] == 7).all()


def test_they_are_brought_to_the_grid(tmp_path: Path) -> None:
    path = write(tmp_path / "c.gpkg", (1, square(0, 0)))
    geopandas.read_file(path).to_crs("EPSG:4326").to_file(tmp_path / "geographic.gpkg", driver="GPKG")
    label, confidence = np.zeros((2, 20, 20), np.uint8)
    found, _ = read_corrections(tmp_path / "geographic.gpkg", GRID).apply(label, confidence, GRID, WINDOW)
    assert found.sum() == 25


def test_the_digest_changes_only_where_a_correction_changes(tmp_path: Path) -> None:
    one = read_corrections(write(tmp_path / "a.gpkg", (1, square(0, 0))), GRID)
    other = read_corrections(write(tmp_path / "b.gpkg", (0, square(0, 0)), (1, square(500, 500))), GRID)
    elsewhere = Window(2_000_050, -1_500_000, 20, 20)
    assert one.digest(GRID, WINDOW) != other.digest(GRID, WINDOW)
    assert one.digest(GRID, elsewhere) == other.digest(GRID, elsewhere)


def test_contradictions_are_refused_and_agreement_is_not(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=r"corrections 1 \(class 1\) and 2 \(class 0\) overlap"):
        read_corrections(write(tmp_path / "a.gpkg", (1, square(0, 0)), (0, square(5, 0))), GRID)
    same = read_corrections(write(tmp_path / "b.gpkg", (1, square(0, 0)), (1, square(5, 0))), GRID)
    assert len(same.table) == 2


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        ((2, square(0, 0)), {}, "correction 1 has class 2"),
        ((1, LineString([(0, 0), (1, 1)])), {}, "correction 1 is no polygon"),
        ((1, Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])), {}, "not a valid polygon: Self-intersection"),
        ((None, square(0, 0)), {}, "correction 1 has no class"),
        ((1, square(0, 0)), {"date": ["last spring"]}, "correction 1 has the date 'last spring'"),
        ((1, square(0, 0)), {"author": [" "]}, "correction 1 has no author"),
        ((1, square(0, 0)), {"reason": [None]}, "correction 1 has no reason"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, row: Any, columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(LayerError, match=message):
        read_corrections(write(tmp_path / "c.gpkg", row, **columns), GRID)


def test_missing_files_and_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="is not there"):
        read_corrections(tmp_path / "none.gpkg", GRID)
    (tmp_path / "text.gpkg").write_text("nothing")
    with pytest.raises(LayerError, match="cannot be read"):
        read_corrections(tmp_path / "text.gpkg", GRID)
    geopandas.GeoDataFrame({"class": [1]}, geometry=[square(0, 0)], crs="EPSG:3035").to_file(tmp_path / "few.gpkg")
    with pytest.raises(LayerError, match="lacks the column author, date, reason"):
        read_corrections(tmp_path / "few.gpkg", GRID)


def test_an_empty_file_is_made_for_a_gis_and_filled_there(tmp_path: Path) -> None:
    path = tmp_path / "c.gpkg"
    create_corrections(path, GRID)
    assert read_corrections(path, GRID).table.empty
    label, confidence = np.full((2, 20, 20), 7, np.uint8)
    assert read_corrections(path, GRID).apply(label, confidence, GRID, WINDOW)[0] is label
    row = {"class": [0], "author": ["mk"], "date": [dt.date(2026, 5, 1)], "reason": ["felled"]}
    drawn = geopandas.GeoDataFrame(row, geometry=[MultiPolygon([square(0, 0)])], crs="EPSG:3035")
    drawn.to_file(path, driver="GPKG", layer="corrections", mode="a")
    corrections = read_corrections(path, GRID)
    assert corrections.table[["number", "class", "author", "date", "reason"]].to_numpy().tolist() == [
        [1, 0, "mk", "2026-05-01", "felled"]
    ]
    assert (corrections.apply(label, confidence, GRID, WINDOW)[0] == 0).sum() == 25
    with sqlite3.connect(path) as base:
        domain = base.execute(
            "SELECT value, one.description FROM gpkg_data_column_constraints AS one "
            "JOIN gpkg_data_columns USING (constraint_name) WHERE table_name = 'corrections' AND column_name = 'class'"
        ).fetchall()
    assert {int(value) for value, _ in domain} == {0, 1, 255}
    assert all(meaning for _, meaning in domain)


def test_corrections_are_never_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "c.gpkg", (1, square(0, 0)))
    before = path.read_bytes()
    with pytest.raises(LayerError, match="never overwritten"):
        create_corrections(path, GRID)
    assert path.read_bytes() == before


def test_a_file_of_several_layers_must_say_which(tmp_path: Path) -> None:
    path = write(tmp_path / "c.gpkg", (1, square(0, 0)))
    table = geopandas.read_file(path)
    table.to_file(path, driver="GPKG", layer="sketches", mode="a")
    with pytest.raises(LayerError, match=r"holds 2 layers of shapes: c, sketches"):
        read_corrections(path, GRID)
    table.iloc[:0].to_file(path, driver="GPKG", layer="corrections", mode="a")
    assert read_corrections(path, GRID).table.empty


def test_the_later_of_two_that_agree_owns_a_pixel(tmp_path: Path) -> None:
    path = write(tmp_path / "c.gpkg", (1, square(0, 0)), (1, square(6, 0)))
    owners = read_corrections(path, GRID).owners(GRID, WINDOW)
    np.testing.assert_array_equal(owners[0], [1] * 3 + [2] * 5 + [0] * 12)
