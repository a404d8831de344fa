from __future__ import annotations

from pathlib import Path

import pytest

from bocage.scenes.deliveries.assembly import assemble
from bocage.scenes.deliveries.finding import find_deliveries
from bocage.scenes.metadata import BandRecord
from tests.object_store import ObjectStore
from tests.scenes.deliveries.images import pixels, write
from tests.scenes.deliveries.trees import item, only, put, refused

pytestmark = pytest.mark.usefixtures("own_dialect")


def test_an_item_beside_a_raster(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"x.tif": True, "x.json": item(data={"bands": [{"name": "red"}]}), "x.geojson": "{}", "labels.json": "{}"},
    )
    for source in (tmp_path, tmp_path / "x.tif", tmp_path / "x.json"):
        delivery = only(source)
        assert delivery.id == "x"
        assert delivery.metadata is not None
        assert delivery.metadata.bands == (BandRecord("red", "red"),)


@pytest.mark.parametrize("content", ["not JSON", "[]", '{"type": "FeatureCollection"}'])
def test_a_damaged_item_beside_a_raster_is_refused(tmp_path: Path, content: str) -> None:
    put(tmp_path, {"x.tif": True, "x.json": content, "y.tif": True})
    deliveries, refusals = find_deliveries(str(tmp_path))
    assert [delivery.id for delivery in deliveries] == ["y"]
    assert [refusal.subject for refusal in refusals] == [f"{tmp_path}/x.json"]


def test_an_item_of_one_file_per_band(tmp_path: Path) -> None:
    assets = {name: {"href": f"./bands/{name}.tif", "roles": ["data"]} for name in ("red", "green")}
    put(tmp_path, {"item.json": item(**assets), "bands/red.tif": True, "bands/green.tif": True})
    delivery = only(tmp_path / "item.json")
    assert delivery.id == "the_item"
    assert [(part.name, part.bands) for part in delivery.parts] == [("bands/red.tif", (1,)), ("bands/green.tif", (2,))]
    assert assemble(delivery).count == 2


def test_a_mask_that_an_item_names_must_be_there(tmp_path: Path) -> None:
    mask = {"cloud-mask": {"href": "clouds.geojson"}, "data": {}}
    put(tmp_path, {"x.tif": True, "x.json": item(**mask)})
    assert "names clouds.geojson, which is not there" in refused(tmp_path)[0]
    put(tmp_path, {"clouds.geojson": "{}"})
    assert only(tmp_path).masks == ("clouds.geojson",)


@pytest.mark.parametrize(
    "href", ["../x.tif", "/etc/passwd", "http://127.0.0.1/x.tif", "file:///etc/passwd", "a/../../x.tif"]
)
def test_an_item_cannot_name_files_elsewhere(tmp_path: Path, href: str) -> None:
    put(tmp_path, {"x.tif": True, "in/x.tif": True, "in/x.json": item(data={"href": href})})
    assert href in refused(tmp_path / "in")[0]


def test_an_item_that_names_objects_of_a_store(tmp_path: Path, object_store: ObjectStore) -> None:
    url = object_store.put("far/x.tif", write(tmp_path / "far.tif", pixels(1, 8, 8)))
    put(tmp_path / "in", {"it.json": item(data={"href": url})})
    delivery = only(tmp_path / "in")
    assert (delivery.id, delivery.parts[0].name) == ("x", url)
    assert assemble(delivery).parts[0].href == url
    assert delivery.files.state(url).size > 0
    put(tmp_path / "in", {"it.json": item(data={"href": f"{url}f"})})
    assert assemble_reason(tmp_path / "in") is not None


def assemble_reason(source: Path) -> str | None:
    """Return why the only delivery cannot be had, be it when it is found or when it is opened."""
    deliveries, refusals = find_deliveries(str(source))
    if refusals:
        return refusals[0].reason
    try:
        assemble(deliveries[0])
    except ValueError as error:
        return str(error)
    return None
