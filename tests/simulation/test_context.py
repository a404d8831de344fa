"""The vectors of the context are where the landscape has them."""

from pathlib import Path

import geopandas
import numpy as np
import shapely

from bocage.simulation import kinds
from bocage.simulation.context import context_of, write_context
from bocage.simulation.extent import Raster
from bocage.simulation.landscape import Landscape

LEFT, BOTTOM, SIZE = 4_321_100.0, 3_019_100.0, 800.0
EXTENT = Raster(LEFT, BOTTOM + SIZE, round(SIZE), round(SIZE))


def test_lines_lie_on_their_ground_and_polygons_are_valid() -> None:
    landscape = Landscape.over(0, LEFT, BOTTOM, SIZE)
    found = context_of(landscape, EXTENT)
    ground = landscape.render(EXTENT).ground()
    for name, covers in (("streams", (kinds.WATER,)), ("roads", (kinds.ASPHALT, kinds.GRAVEL))):
        points = shapely.get_coordinates(found[name])
        column, row = np.floor(EXTENT.to_pixels(points)).astype(int).T
        inside = (column >= 0) & (column < SIZE) & (row >= 0) & (row < SIZE)
        assert inside.any(), name
        # Where two cross, the upper one is painted.
        assert np.isin(ground[row[inside], column[inside]], covers).mean() > 0.9
    for name in ("fields", "built_up"):
        assert shapely.is_valid(found[name]).all()
        assert (shapely.get_type_id(found[name]) == 3).all()


def test_each_theme_is_a_layer_even_if_it_is_empty(tmp_path: Path) -> None:
    landscape = Landscape.over(0, LEFT, BOTTOM, SIZE)
    write_context(tmp_path, landscape, EXTENT)
    found = context_of(landscape, EXTENT)
    for name, shapes in found.items():
        assert len(geopandas.read_file(tmp_path / f"{name}.gpkg")) == len(shapes)
