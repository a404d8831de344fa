from pathlib import Path
from xml.etree.ElementTree import parse

import numpy as np
import pytest
import rasterio.features
from shapely.geometry import Polygon
from shapely.ops import unary_union

from bocage.scenes.clouds import read_clouds
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.documents import parse_xml
from bocage.simulation import simulate_deliveries

_GML = "{http://www.opengis.net/gml}"


def _polygons(path: Path) -> list[Polygon]:
    polygons = []
    for element in parse(path).getroot().iter(f"{_GML}Polygon"):
        rings = [
            np.array((ring.text or "").split(), dtype=float).reshape(-1, 2)
            for side in ("exterior", "interior")
            for ring in element.iterfind(f"{_GML}{side}/{_GML}LinearRing/{_GML}posList")
        ]
        polygons.append(Polygon(rings[0], rings[1:]))
    return polygons


@pytest.mark.parametrize("crs", ["EPSG:3035", "EPSG:32632"])
@pytest.mark.parametrize("code", ["PHR", "SPOT", "PNEO"])
def test_the_mask_holds_the_outline_of_cloud_and_shadow(tmp_path: Path, code: str, crs: str) -> None:
    [delivery] = simulate_deliveries(tmp_path, (code,), cloudy=True, crs=crs)
    [mask] = delivery.path.rglob("CLD_*.GML")
    outline = delivery.product.clouds
    assert outline is not None
    drawn = unary_union(_polygons(mask))
    folder = Folder(delivery.path)
    names = [name for name in folder.names if name.endswith(".GML")]
    read = read_clouds(folder, names, delivery.product.crs)
    assert read is not None
    assert read.symmetric_difference(drawn).area < 1e-3 * drawn.area
    assert drawn.symmetric_difference(outline).area < 1e-3 * outline.area
    inside = rasterio.features.geometry_mask(
        [drawn], delivery.product.numbers.shape[1:], delivery.product.transform, invert=True
    )
    blue = delivery.truth.reflectance[2]
    # The brightest pixels are cloud, and the mask does not cover the scene.
    assert inside[blue > np.nanpercentile(blue, 99.5)].mean() > 0.9
    assert 0.02 < inside.mean() < 0.5


def test_a_clear_product_has_a_mask_without_members(tmp_path: Path) -> None:
    [delivery] = simulate_deliveries(tmp_path, ("PHR",))
    [mask] = delivery.path.rglob("CLD_*.GML")
    root = parse_xml(mask.name, mask.read_bytes())
    assert root.find("maskMembers") is not None
    assert _polygons(mask) == []
    folder = Folder(delivery.path)
    assert read_clouds(folder, [mask.relative_to(delivery.path).as_posix()], delivery.product.crs) is None
    assert delivery.product.clouds is None
