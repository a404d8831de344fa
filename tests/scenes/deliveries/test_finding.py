from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bocage.scenes.deliveries.finding import find_deliveries
from bocage.scenes.metadata import BandRecord, PartRecord
from tests.scenes.deliveries.trees import found, only, put, refused

pytestmark = pytest.mark.usefixtures("own_dialect")


def test_rasters_without_metadata_are_scenes_of_their_own(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "a.tif": True,
            "b/c d.TIFF": True,
            "e.jp2": True,
            "note.md": "x",
            "x.png": "x",
            ".h.tif": "x",
            "readme.txt": "hello",
        },
    )
    assert found(tmp_path) == {"a": ["a.tif"], "c_d": ["b/c d.TIFF"], "e": ["e.jp2"]}
    delivery = only(tmp_path / "a.tif")
    assert (delivery.id, delivery.metadata, delivery.documents, delivery.masks) == ("a", None, (), ())
    assert delivery.files.href("a.tif") == str(tmp_path / "a.tif")


def test_metadata_name_their_files(tmp_path: Path) -> None:
    parts = [["IMG_R1C1.TIF", [1], [1, 1]], ["IMG_R1C2.TIF", [1], [1, 2]]]
    put(tmp_path, {
        "a/DIM.XML": {"parts": parts, "product": "DS_A", "cloud_masks": ["MASKS/CLD.GML", "MASKS/none.GML"],
        "sensor": "PHR"},
        "a/IMG_R1C1.TIF": True, "a/IMG_R1C2.TIF": True, "a/MASKS/CLD.GML": "x", "a/MASKS/ROI.TIF": True,
        "a/PREVIEW_x.TIF": True, "a/VOL.XML": "index", "b/DIM.XML": {"parts": ["x.tif"], "product": "DS_B"},
        "b/x.tif": True,
    })  # fmt: skip
    assert found(tmp_path) == {"DS_A": ["a/IMG_R1C1.TIF", "a/IMG_R1C2.TIF"], "DS_B": ["b/x.tif"]}
    first = find_deliveries(str(tmp_path))[0][0]
    assert first.masks == ("a/MASKS/CLD.GML",)
    assert first.documents == ("a/DIM.XML",)
    assert first.parts[1] == PartRecord("a/IMG_R1C2.TIF", [1], [1, 2])  # type: ignore[arg-type]
    for name in ("IMG_R1C2.TIF", "DIM.XML"):
        assert found(tmp_path / "a" / name) == {"DS_A": ["IMG_R1C1.TIF", "IMG_R1C2.TIF"]}
    # A mask is a scene where a person asks for it.
    assert found(tmp_path / "a" / "PREVIEW_x.TIF") == {"PREVIEW_x": ["PREVIEW_x.TIF"]}


def test_a_preview_without_metadata_is_a_scene(tmp_path: Path) -> None:
    assert found(put(tmp_path, {"browse.tif": True})) == {"browse": ["browse.tif"]}


def test_several_metadata_files_of_one_image_are_one_delivery(tmp_path: Path) -> None:
    put(tmp_path, {
        "x.til": {"parts": ["x.tif"]},
        "x.imd": {"sensor": "WV2", "product": "P1", "bands": ["red"], "gain": 2.0, "cloud_cover": 3.0},
        "x.xml": {"parts": ["x.tif"], "sensor": "WV2", "bands": ["red"], "sun_elevation": 40.0, "cloud_cover": 5.0},
        "x.tif": True,
    })  # fmt: skip
    for source in (tmp_path, *(tmp_path / f"x.{ending}" for ending in ("til", "imd", "xml", "tif"))):
        delivery = only(source)
        assert delivery.id == "P1"
        assert delivery.documents == ("x.imd", "x.til", "x.xml")
        assert delivery.metadata is not None
        assert delivery.metadata.sensor == "WV2"
        assert (delivery.metadata.sun_elevation, delivery.metadata.bands) == (40.0, (BandRecord("red"),))


@pytest.mark.parametrize(
    ("other", "reason"),
    [({"sensor": "WV3"}, "is of WV3 but the image is of WV2"), ({"bands": ["blue"]}, "names the bands blue"),
     ({"day": "2021-06-09"}, "is of 2021-06-09, the image of 2021-06-07"), ({"parts": ["x.tif", "y.tif"]}, "")],
)  # fmt: skip
def test_metadata_that_contradict_each_other_are_refused(tmp_path: Path, other: dict[str, Any], reason: str) -> None:
    one = {"parts": ["x.tif"], "sensor": "WV2", "bands": ["red"], "day": "2021-06-07"}
    put(tmp_path, {"x.xml": one, "y.xml": {"parts": ["x.tif"], **other}, "x.tif": True, "y.tif": True})
    deliveries, refusals = find_deliveries(str(tmp_path))
    if reason:
        assert reason in refusals[0].reason
        assert [delivery.id for delivery in deliveries] == ["y"]
    else:
        assert [len(delivery.parts) for delivery in deliveries] == [2]


def test_metadata_that_overlap_in_part_are_refused(tmp_path: Path) -> None:
    put(tmp_path, {"1.xml": {"parts": ["a.tif", "b.tif"]}, "2.xml": {"parts": ["b.tif", "c.tif"]}})
    put(tmp_path, {"a.tif": True, "b.tif": True, "c.tif": True})
    assert "name different images" in refused(tmp_path)[0]


def test_metadata_that_name_no_file_go_by_their_name(tmp_path: Path) -> None:
    put(tmp_path, {
        "a.geom": {"sensor": "PHR"}, "a.tif": True, "a_browse.tif": True,
        "ab.geom": {"sensor": "SPOT"}, "ab.tif": True,
        "po_1_metadata.txt": {"sensor": "GE1"}, "po_1_bgrn_0000000.tif": True,
        "15JUN-M1BS.IMD": {"sensor": "WV2"}, "15JUN-M1BS_R1C1.TIF": True, "15JUN-M1BS_R2C1.TIF": True,
        "free.tif": True,
    })  # fmt: skip
    deliveries, refusals = find_deliveries(str(tmp_path))
    assert refusals == []
    sensors = {delivery.parts[0].name: delivery.metadata.sensor if delivery.metadata else "" for delivery in deliveries}
    assert sensors == {
        "a.tif": "PHR", "ab.tif": "SPOT", "po_1_bgrn_0000000.tif": "GE1", "15JUN-M1BS_R1C1.TIF": "WV2", "free.tif": ""
    }  # fmt: skip
    tiles = next(delivery for delivery in deliveries if len(delivery.parts) == 2)
    assert [part.tile for part in tiles.parts] == [(1, 1), (2, 1)]


def test_the_only_metadata_file_belongs_to_the_only_raster(tmp_path: Path) -> None:
    put(tmp_path, {"METADATA.DIM": {"sensor": "SPOT", "product": "P"}, "IMAGERY.TIF": True})
    assert only(tmp_path).id == "P"


def test_metadata_whose_image_cannot_be_told_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "a", {"x.imd": {}, "x_1.tif": True, "x_2.tif": True})
    put(tmp_path / "b", {"x.imd": {}})
    assert ["2 are named after it" in refused(tmp_path / "a")[0], "is not there" in refused(tmp_path / "b")[0]] == [
        True,
        True,
    ]


@pytest.mark.parametrize(("content", "error"), [("damaged", "is damaged"), ("unsupported", "not supported: IKONOS-2")])
def test_the_rasters_of_metadata_that_cannot_be_used_are_no_scenes(tmp_path: Path, content: str, error: str) -> None:
    put(tmp_path, {
        "a/DIM_x.XML": content, "a/IMG_x_R1C1.TIF": True, "a/other.tif": True,
        "b/DIM.XML": content, "b/any.tif": True, "b/named.tif": True, "b/good.xml": {"parts": ["named.tif"]},
        "c/free.tif": True,
    })  # fmt: skip
    deliveries, refusals = find_deliveries(str(tmp_path))
    assert {delivery.parts[0].name for delivery in deliveries} == {"a/other.tif", "b/named.tif", "c/free.tif"}
    assert [refusal.subject for refusal in refusals] == [f"{tmp_path}/a/DIM_x.XML", f"{tmp_path}/b/DIM.XML"]
    assert all(error in refusal.reason for refusal in refusals)
    assert refusals[1].reason.endswith("some may be its own: 1")
    assert error in refused(tmp_path / "a" / "IMG_x_R1C1.TIF")[0]
    assert error in refused(tmp_path / "a" / "DIM_x.XML")[0]
    assert found(tmp_path / "a" / "other.tif") == {"other": ["other.tif"]}


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    put(tmp_path, {"DIM.XML": {"parts": ["IMG_R1C1.TIF", "IMG_R2C1.TIF"]}, "IMG_R1C1.TIF": True})
    for source in (tmp_path, tmp_path / "IMG_R1C1.TIF", tmp_path / "DIM.XML"):
        assert refused(source) == [f"{tmp_path}/DIM.XML names IMG_R2C1.TIF, which is not there"]


def test_capital_letters_do_not_matter(tmp_path: Path) -> None:
    put(tmp_path, {"a/DIM.XML": {"parts": ["IMG.TIF"], "product": "P"}, "a/img.tif": True})
    assert found(tmp_path) == {"P": ["a/img.tif"]}


def test_files_below_the_neighbours_are_found_from_one_file(tmp_path: Path) -> None:
    put(tmp_path, {"DIM.XML": {"parts": ["a/b/c/IMG.TIF"], "product": "P"}, "a/b/c/IMG.TIF": True})
    assert found(tmp_path / "DIM.XML") == {"P": ["a/b/c/IMG.TIF"]}
