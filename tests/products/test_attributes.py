from pathlib import Path

import numpy as np
import pytest
import rasterio
from defusedxml import ElementTree

from bocage.grid import Grid, Window
from bocage.products.attributes import attribute_rows, auxiliary, count_values, statistics
from bocage.products.colours import COLOURS
from bocage.products.suite import layer_of
from bocage.products.writers import write_raster

ARRAY = np.array([[0, 0, 1, 255], [0, 1, 1, 255]], np.uint8)


def test_statistics_are_those_of_the_cells_inside() -> None:
    found = statistics(count_values(ARRAY))
    assert (found["STATISTICS_MINIMUM"], found["STATISTICS_MAXIMUM"]) == ("0", "1")
    assert float(found["STATISTICS_MEAN"]) == pytest.approx(0.5)
    assert float(found["STATISTICS_STDDEV"]) == pytest.approx(0.5)
    assert float(found["STATISTICS_VALID_PERCENT"]) == 75
    assert statistics(count_values(np.full((2, 2), 255, np.uint8))) == {"STATISTICS_VALID_PERCENT": "0"}


def test_every_code_has_a_row_and_their_areas_are_that_of_the_raster() -> None:
    layer = layer_of("2021", "swf", "r100m")
    assert layer is not None
    rows = attribute_rows(count_values(ARRAY), layer.meanings, 100.0)
    assert [row[0] for row in rows] == [*range(101), 255]
    assert sum(row[2] for row in rows) == pytest.approx(8 * 0.01)
    assert sum(row[3] for row in rows) == pytest.approx(100)
    assert rows[1] == (1, 3, 0.03, 37.5, "SWF density 1 %")


def test_gdal_reads_the_statistics_beside_a_raster(tmp_path: Path) -> None:
    layer = layer_of("2021", "wvl", "r5m")
    assert layer is not None
    path = tmp_path / "wvl.tif"
    write_raster(path, ARRAY, Grid("EPSG:3035", 5.0), Window(860_000, -600_000, 4, 2), COLOURS["wvl", "r5m"])
    content = auxiliary(count_values(ARRAY), layer.meanings, 5.0)
    path.with_name("wvl.tif.aux.xml").write_text(content)
    with rasterio.open(path) as file:
        assert file.tags(1)["STATISTICS_MEAN"] == "0.5"
    table = ElementTree.fromstring(content).find(".//GDALRasterAttributeTable")
    assert table is not None
    assert [column.findtext("Name") for column in table.findall("FieldDefn")] == [
        "value", "count", "area_km2", "area_perc", "class_name"
    ]  # fmt: skip
    assert [cell.text for cell in table.findall("Row")[1]] == ["1", "3", "0.000075", "37.500000", "Tree covered areas"]
