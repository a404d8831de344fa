from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from bocage.features.extraction import extract_features
from bocage.features.ground import mapped_tiles
from bocage.grid import Window
from bocage.products import check_products, write_products
from bocage.products.mosaic import read_mosaic
from bocage.products.parents import parent_scenes
from bocage.project import Project
from tests.features.landscape import make_project, rectangle, write_mosaic
from tests.products.receipts import describe, square

WINDOW = Window(2_150_000, -1_500_500, 1000, 500)


@dataclass
class Scenes:
    """A catalogue as far as the layer asks it."""

    known: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        return sorted(self.known)

    def scene(self, name: str) -> Any:
        return self.known[name]


def scene(footprint: shapely.Polygon, clouds: shapely.Polygon | None = None) -> Any:
    return SimpleNamespace(
        footprint=footprint,
        clouds=clouds,
        acquired=datetime(2021, 7, 14, 10, 30, tzinfo=UTC),
        platform="PHR1A",
        sensor="PHR",
        image=SimpleNamespace(parts=(SimpleNamespace(href="/deliveries/a/IMG_a.TIF"),)),
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two tiles of 1 km side by side; the second saw two scenes."""
    project = square(tmp_path, WINDOW)
    west, east = (tile.id for tile in mapped_tiles(project))
    describe(project, {west: {"scenes": {"a": "1" * 64}}, east: {"scenes": {"a": "1" * 64, "b": "2" * 64}}})
    return project


def test_a_scene_has_the_ground_on_which_it_was_used(project: Project) -> None:
    mosaic = read_mosaic(project, mapped_tiles(project))
    left, bottom, right, top = project.grid.bounds(WINDOW).as_tuple()
    wide = scene(shapely.box(left - 500, bottom, right - 250, top), shapely.box(left, bottom, left + 100, top))
    found = parent_scenes(mosaic, Scenes({"a": wide}), project.grid)  # type: ignore[arg-type]
    assert found["product_id"].tolist() == ["a", "b"]
    first, second = found.iloc[0], found.iloc[1]
    assert first["used_km2"] == pytest.approx(1.65)
    assert (first["area_prod"], first["area_ref"]) == (pytest.approx(2.25), pytest.approx(2.15))
    assert (first["product_na"], first["acq_year"], first["satellite"]) == ("IMG_a.TIF", 2021, "PHR1A")
    assert first["acquired"] == "2021-07-14T10:30:00Z"
    assert first["cell_id_li"] == ",".join(mapped.tile.id for mapped in mosaic)
    # A scene that is no longer catalogued keeps its tile.
    assert second["used_km2"] == pytest.approx(1.0)
    assert second["sha256"] == "2" * 64
    assert not isinstance(second["area_prod"], float) or second["area_prod"] != second["area_prod"]
    assert found.geometry.is_valid.all()


def test_the_layer_is_written_in_one_file_for_the_area(project: Project) -> None:
    extract_features(project)
    outcome = write_products(project)
    assert "psil" not in outcome.figures["left_out"]
    path = next(path for path in outcome.outputs if "_psil_" in path.name and path.suffix == ".gpkg")
    assert path.name == "clms_hrlslf_psil_s2021_vec_eu_03035_v01_r00_20211231.gpkg"
    assert gpd.read_file(path)["product_id"].tolist() == ["a", "b"]
    assert path.with_suffix(".parquet").is_file()
    assert (path.parent / "metadata" / f"{path.stem}.xml").is_file()


def test_on_a_local_grid_the_file_is_named_for_no_area_of_the_service_and_nothing_is_refused(tmp_path: Path) -> None:
    more = "[products]\nweb_tiles = false\n"
    project = make_project(tmp_path, crs="EPSG:26917", tile=1000.0, cell=12_000.0, more=more)
    write_mosaic(project, WINDOW, np.where(rectangle(WINDOW.shape, 60, 20, 5, 960), 250, 4).astype(np.uint8))
    describe(project, {tile.id: {"scenes": {"a": "1" * 64}} for tile in mapped_tiles(project)})
    extract_features(project)
    outcome = write_products(project)
    assert "clms_hrlslf_psil_s2021_vec_xx_26917_v01_r00_20211231.gpkg" in {path.name for path in outcome.outputs}
    assert outcome.refused == ()
    remarks = {verdict.rule for verdict in check_products(project.products_folder) if verdict.warning}
    assert "name.grid" in remarks
