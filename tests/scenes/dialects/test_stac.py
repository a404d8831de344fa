from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bocage.errors import MetadataError
from bocage.scenes.dialects import stac
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata
from tests.scenes.dialects.files import MemoryFiles


def item(
    assets: Any = None, version: str = "1.1.0", properties: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": version, "id": "An item/1",
        "properties": {"datetime": None, **(properties or {}), **more}, "assets": assets or {},
    }  # fmt: skip


def parse(content: Any, others: dict[str, bytes] | None = None) -> ProductMetadata:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return stac.parse("in/x.json", MemoryFiles({"in/x.json": text, **(others or {})}))


@pytest.mark.parametrize(
    ("name", "head", "claimed"),
    [
        ("x.json", json.dumps(item()).encode(), True),
        ("X.JSON", b'\xef\xbb\xbf\n {"stac_version" : "1.0.0"', True),
        ("x.json", b'{"type": "FeatureCollection", "stac_version": "1.0.0"', False),
        ("x.json", b'{"type":"Collection", "stac_version": "1.0.0"', False),
        ("x.json", b'{"type": "Catalog", "stac_version": "1.0.0"', False),
        ("x.json", b'{"type": "Feature"', False),
        ("x.json", b'["stac_version"]', False),
        ("x.xml", json.dumps(item()).encode(), False),
    ],
)
def test_items_are_told_from_other_json(name: str, head: bytes, claimed: bool) -> None:
    assert stac.claims(name, head) is claimed


def test_an_item_says_what_the_raster_cannot() -> None:
    found = parse(item(
        {"data": {"href": "x.tif", "bands": [{"name": "B1",
        "eo:common_name": "nir"}, {"name": "red"}, {"name": "B9"}]}},
        properties={"datetime": "2021-06-30T10:30:00Z", "bocage:sensor": "PHR", "platform": "phr1b",
        "view:sun_elevation": 51.5,
           "view:sun_azimuth": 150, "view:off_nadir": 12, "view:azimuth": 180, "eo:cloud_cover": 3.5},
    ))  # fmt: skip
    assert found == ProductMetadata(
        "stac", sensor="PHR", platform="PHR1B", product="An_item_1", acquired=datetime(2021, 6, 30, 10, 30, tzinfo=UTC),
        bands=(BandRecord("nir", "B1"), BandRecord("red", "red"), BandRecord("other",
        "B9")), parts=(PartRecord("x.tif"),),
        sun_elevation=51.5, sun_azimuth=150, off_nadir=12, view_azimuth=180, cloud_cover=3.5,
    )  # fmt: skip


def test_a_silent_item_says_nothing() -> None:
    assert parse(item()) == ProductMetadata("stac", product="An_item_1")
    assert parse(item({"data": {}})).parts == ()


def test_bands_of_both_versions() -> None:
    new = item({"data": {"href": "x.tif", "bands": [{"name": "B1", "eo:common_name": "blue"}]}})
    old = item({"data": {"href": "x.tif", "eo:bands": [{"name": "B1", "common_name": "blue"}]}}, "1.0.0")
    above = item({"data": {"href": "x.tif"}}, bands=[{"name": "B1", "eo:common_name": "blue"}])
    assert parse(new).bands == parse(old).bands == parse(above).bands == (BandRecord("blue", "B1"),)


def test_one_asset_per_band() -> None:
    found = parse(item({
        "red": {"href": "./r.tif", "roles": ["data"]},
        "B08": {"href": "n.tif", "roles": ["data", "reflectance"], "eo:bands": [{"name": "B08",
        "common_name": "nir"}]},
        "B01": {"href": "c.tif", "roles": ["data"]},
        "scl": {"href": "s.tif", "roles": ["data", "mask"]},
        "table": {"href": "s.csv", "roles": ["data"]},
        "visual": {"href": "v.tif", "roles": ["visual"]},
    }))  # fmt: skip
    assert found.bands == (BandRecord("red", "red"), BandRecord("nir", "B08"), BandRecord("other", "B01"))
    assert found.parts == (PartRecord("r.tif", (1,)), PartRecord("n.tif", (2,)), PartRecord("c.tif", (3,)))


def test_the_satellite_gives_the_sensor() -> None:
    assert (parse(item(platform="worldview-3")).sensor, parse(item(platform="landsat-8")).sensor) == ("WV3", "GENERIC")


@pytest.mark.parametrize(
    ("fields", "nodata"),
    [({"nodata": 7}, 7), ({"bands": [{"name": "red", "nodata": 0}]}, 0), ({"raster:bands": [{"nodata": 5}]}, 5),
     ({"nodata": "nan"}, None), ({}, None)],
)  # fmt: skip
def test_nodata(fields: dict[str, Any], nodata: float | None) -> None:
    assert parse(item({"data": {"href": "x.tif", **fields}})).nodata == nodata


def test_an_item_of_the_catalogue_does_not_say_that_its_files_are_stretched() -> None:
    assert parse(item(properties={"bocage:stretch": "percentile"})).stretched
    assert not parse(item(properties={"bocage:stretch": [[1, 2]], "bocage:scene": "{}"})).stretched


@pytest.mark.parametrize(
    ("href", "name"),
    [("a/x.tif", "a/x.tif"), ("./x.tif", "x.tif"), ("/memory/in/x.tif", "x.tif"), ("file:///memory/in/a/x.tif",
     "a/x.tif"),
     ("s3://bucket/a/x.tif", "s3://bucket/a/x.tif"), ("a%20b.tif", "a b.tif"), ("50%25.tif", "50%25.tif")],
)  # fmt: skip
def test_files_of_the_folder_and_of_a_store(href: str, name: str) -> None:
    others = {"in/50%25.tif": b""}
    assert parse(item({"data": {"href": href}}), others).parts == (PartRecord(name),)
    assert parse(item({"cloud-mask": {"href": href}}), others).cloud_masks == (name,)


@pytest.mark.parametrize(
    "href",
    ["../x.tif", "a/../../x.tif", "/etc/passwd", "/memory/in2/x.tif", "/memory/in/../x.tif", "file:///etc/passwd",
     "%2e%2e/x.tif",
     "http://127.0.0.1/x.tif", "https://x.org/y.tif", "gs://x/y.tif", "s3://b/../x.tif", "s3://b//x.tif",
     "C:\\x.tif", "", 5, None],
)  # fmt: skip
@pytest.mark.parametrize("key", ["data", "cloud-mask"])
def test_files_elsewhere_are_refused(href: Any, key: str) -> None:
    with pytest.raises(MetadataError, match=r"in/x\.json") as caught:
        parse(item({key: {"href": href}}))
    assert caught.value.mend


@pytest.mark.parametrize(
    "content",
    [b"", b"not JSON", b"[]", b"5", b"\xff\xfe", b"[" * 100_000, b'{"type": "Feature"}',
     item() | {"type": "Collection"},
     item() | {"properties": []}, item() | {"assets": 5}, item({"data": 5}), item({"data": {"bands": 5}}),
     item({"data": {"bands": [5]}}), item({"data": {"bands": [{}] * 1001}}), item({"x": {"roles": "data"}}),
     item(properties={"bocage:sensor": "NOPE"}), item(properties={"bocage:sensor": ["PHR"]}),
     item(datetime="yesterday"), item(datetime="1815-06-18"),
     item(properties={"eo:cloud_cover": "5"}), item(properties={"eo:cloud_cover": 101}),
     item(properties={"eo:cloud_cover": True}),
     item(properties={"view:sun_azimuth": -1}),
     b'{"type":"Feature","stac_version":"1","properties":{"view:off_nadir":NaN}}',
     b'{"type":"Feature","stac_version":"1","properties":{"view:off_nadir":1e999}}',
     item({"data": {"href": "x.tif", "nodata": [0]}}),
     item({"a": {"href": "a.tif", "roles": ["data"]}, "b": {"roles": ["data"]}})],
)  # fmt: skip
def test_what_cannot_be_true_is_refused(content: Any) -> None:
    with pytest.raises(MetadataError, match=r"in/x\.json"):
        parse(content)
