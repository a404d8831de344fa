from __future__ import annotations

from pathlib import Path

import pytest

from bocage.scenes.deliveries.assembly import assemble
from bocage.scenes.deliveries.finding import find_deliveries
from tests.scenes.deliveries.images import tar_folder, zip_folder
from tests.scenes.deliveries.trees import only, put, refused

pytestmark = pytest.mark.usefixtures("own_dialect")


REPORT = {"dialect": "contributing", "sensor": "PHR", "cloud_cover": 7.0, "sun_elevation": 1.0, "product": "GSC_1"}
DIMAP = {"parts": ["IMG.TIF"], "product": "DS", "sensor": "PHR", "sun_elevation": 50.0}


def test_a_report_fills_what_the_metadata_do_not_say(tmp_path: Path) -> None:
    put(tmp_path, {"GSC_1.xml": REPORT, "x/DIM.XML": DIMAP, "x/IMG.TIF": True})
    delivery = only(tmp_path)
    assert delivery.metadata is not None
    assert (delivery.id, delivery.metadata.cloud_cover, delivery.metadata.sun_elevation) == ("DS", 7.0, 50.0)
    assert delivery.documents == ("x/DIM.XML", "GSC_1.xml")


@pytest.mark.parametrize("name", ["x.DIMA.tar", "x.zip", "x.tar.gz"])
def test_a_report_beside_an_archive_supplements_the_delivery_in_it(tmp_path: Path, name: str) -> None:
    content = put(tmp_path / "content", {"x/DIM.XML": DIMAP, "x/IMG.TIF": True})
    folder = put(tmp_path / "in", {"GSC_1.xml": REPORT})
    (zip_folder if name.endswith("zip") else tar_folder)(content, folder / name)
    for source in (folder, folder / name):
        delivery = only(source)
        assert delivery.metadata is not None
        assert (delivery.id, delivery.metadata.cloud_cover) == ("DS", 7.0)
        assert delivery.files.href(delivery.parts[0].name) == f"{folder}/{name}!/x/IMG.TIF"
        assert assemble(delivery).shape == (8, 8)


def test_a_report_of_another_sensor_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {"GSC_1.xml": REPORT | {"sensor": "SPOT"}, "DIM.XML": DIMAP, "IMG.TIF": True})
    assert "GSC_1.xml is of SPOT but the image is of PHR" in refused(tmp_path)[0]
    folder = put(tmp_path / "in", {"GSC_1.xml": REPORT | {"sensor": "SPOT"}})
    zip_folder(put(tmp_path / "content", {"DIM.XML": DIMAP, "IMG.TIF": True}), folder / "x.zip")
    assert "GSC_1.xml is of SPOT but the image is of PHR" in refused(folder)[0]


def test_reports_of_many_deliveries_in_one_folder_go_by_their_names(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        put(tmp_path, {
            f"GSC_{number}.xml": REPORT | {"cloud_cover": number, "product": f"DS_{number}"},
            f"DIM_{number}.XML": DIMAP | {"product": f"DS_{number}",
            "parts": [f"IMG_{number}.TIF"]}, f"IMG_{number}.TIF": True,
        })  # fmt: skip
    deliveries, refusals = find_deliveries(str(tmp_path))
    assert refusals == []
    assert [delivery.metadata.cloud_cover for delivery in deliveries if delivery.metadata] == [1, 2, 3]


def test_a_report_without_delivery_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {"a/GSC_1.xml": REPORT, "b/x.tif": True})
    deliveries, refusals = find_deliveries(str(tmp_path))
    assert [delivery.id for delivery in deliveries] == ["x"]
    assert "describes a delivery that is missing" in refusals[0].reason


def test_a_report_beside_a_raster_without_metadata_describes_it(tmp_path: Path) -> None:
    put(tmp_path, {"GSC_1.xml": REPORT, "x.tif": True})
    delivery = only(tmp_path)
    assert delivery.metadata is not None
    assert delivery.metadata.sensor == "PHR"
