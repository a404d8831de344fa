from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage.outcome import Refusal
from bocage.scenes.deliveries import finding
from bocage.scenes.deliveries.assembly import assemble
from bocage.scenes.deliveries.finding import find_all, find_deliveries
from bocage.scenes.deliveries.folder import Folder
from tests.object_store import ObjectStore
from tests.scenes.deliveries.images import tar_folder, zip_folder
from tests.scenes.deliveries.trees import found, item, only, put, refused

pytestmark = pytest.mark.usefixtures("own_dialect")


REPORT = {"dialect": "contributing", "sensor": "PHR", "cloud_cover": 7.0, "sun_elevation": 1.0, "product": "GSC_1"}
DIMAP = {"parts": ["IMG.TIF"], "product": "DS", "sensor": "PHR", "sun_elevation": 50.0}


def test_archives_are_opened_and_those_within_them_refused(tmp_path: Path) -> None:
    inner = zip_folder(put(tmp_path / "c", {"deep.tif": True}), tmp_path / "inner.zip")
    content = put(tmp_path / "content", {"x.tif": True})
    inner.rename(content / "inner.zip")
    folder = put(tmp_path / "in", {"y.tif": True})
    tar_folder(content, folder / "outer.tar")
    (folder / "broken.zip").write_bytes(b"PK")
    deliveries, refusals = find_deliveries(str(folder))
    assert [delivery.id for delivery in deliveries] == ["y", "x"]
    assert [refusal.subject for refusal in refusals] == [f"{folder}/broken.zip", f"{folder}/outer.tar!/inner.zip"]
    assert "damaged or truncated" in refusals[0].reason
    assert "an archive within an archive" in refusals[1].reason


def test_links_that_lead_out_are_told(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"y.tif": True})
    put(tmp_path, {"x.tif": True})
    (folder / "x.tif").symlink_to(tmp_path / "x.tif")
    (folder / "all").symlink_to(tmp_path)
    (folder / "note.md").symlink_to("/etc/hosts")
    deliveries, refusals = find_deliveries(str(folder))
    assert [delivery.id for delivery in deliveries] == ["y"]
    assert [refusal.subject for refusal in refusals] == [f"{folder}/all", f"{folder}/x.tif"]
    # Who names a link means what it points at.
    assert found(folder / "x.tif") == {"x": ["x.tif"]}
    assert assemble(only(folder / "x.tif")).shape == (8, 8)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {"y.tif": True})
    (tmp_path / "y.tif").rename(tmp_path / "y\udcff.tif")
    assert "has a name that is no text" in refused(tmp_path)[0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [("no", "is not there"), ("no.tif", "is not there"), ("x.png", "is no raster"), ("https://x.org/y.tif",
     "is an address"),
     ("file:///etc/passwd", "is an address"), ("empty", "holds no raster"), ("x.xml", "is not metadata of a product")],
)  # fmt: skip
def test_what_holds_no_delivery_is_refused(tmp_path: Path, source: str, reason: str) -> None:
    put(tmp_path, {"x.png": "x", "x.xml": "index", "empty/readme.md": "x"})
    assert reason in refused(source if "://" in source else tmp_path / source)[0]


def test_a_store_holds_deliveries_as_a_folder_does(tmp_path: Path, object_store: ObjectStore) -> None:
    put(tmp_path, {
        "a/GSC_1.xml": REPORT, "b/x.tif": True, "b/x.json": item(data={"bands": [{"name": "red"}]}),
        "c/DIM.XML": DIMAP, "c/IMG.TIF": True, "d/DIM.XML": "damaged", "d/IMG.TIF": True,
    })  # fmt: skip
    content = put(tmp_path.parent / "content", {"x/DIM.XML": DIMAP | {"product": "inner"}, "x/IMG.TIF": True})
    tar_folder(content, tmp_path / "a" / "x.tar")
    url = object_store.put_folder(tmp_path, "in")
    here, there = find_deliveries(str(tmp_path)), find_deliveries(url)
    for mine, other in zip(here[0], there[0], strict=True):
        assert (mine.id, mine.parts, mine.metadata) == (other.id, other.parts, other.metadata)
        # A report beside an archive is known by its full address.
        assert [name.replace(str(tmp_path), url) for name in mine.documents] == list(other.documents)
        assert assemble(mine).shape == assemble(other).shape
    assert [refusal.subject.replace(str(tmp_path), url) for refusal in here[1]] == [
        refusal.subject for refusal in there[1]
    ]
    for name in ("b/x.tif", "b/x.json", "c/DIM.XML", "c/IMG.TIF", "a/x.tar"):
        assert [delivery.id for delivery in find_deliveries(f"{url}/{name}")[0]] == [only(tmp_path / name).id]
    assert "is not there" in refused(f"{url}/no.tif")[0]
    assert "holds no raster" in refused(f"{url}/no")[0]


def test_a_folder_is_listed_once_for_all_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {f"{number}.tif": True for number in range(5)})
    listed: list[str] = []
    walk = Folder._walk

    def counted(self: Folder, below: str, level: int) -> Iterator[tuple[str, bool]]:
        listed.append(below)
        return walk(self, below, level)

    monkeypatch.setattr(Folder, "_walk", counted)
    deliveries, refusals = find_all(
        [*(str(tmp_path / f"{number}.tif") for number in range(5)), str(tmp_path / "0.tif")]
    )
    assert [delivery.id for delivery in deliveries] == ["0", "1", "2", "3", "4"]
    assert refusals == []
    assert listed == [""]


def test_a_delivery_that_is_named_twice_is_found_once(tmp_path: Path) -> None:
    put(tmp_path, {"DIM.XML": DIMAP, "IMG.TIF": True, "x.tif": True})
    deliveries, refusals = find_all([str(tmp_path), str(tmp_path / "IMG.TIF"), str(tmp_path / "DIM.XML")])
    assert [delivery.id for delivery in deliveries] == ["DS", "x"]
    assert refusals == []


def test_a_crowded_folder_reads_only_what_is_named_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_CROWD", 2)
    for number in range(4):
        put(tmp_path, {f"s{number}.geom": {"product": f"P{number}"} if number else "damaged", f"s{number}.tif": True})
    assert found(tmp_path / "s2.tif") == {"P2": ["s2.tif"]}
    assert refused(tmp_path / "s0.tif") == ["s0.geom is damaged"]


def test_ids_are_safe_names(tmp_path: Path) -> None:
    put(tmp_path, {"äöü.tif": True, "a b;c.tif": True})
    assert set(found(tmp_path)) == {"a_b_c", f"scene_{'äöü'.encode().hex()[:16]}"}


def test_a_refusal_is_told_once(tmp_path: Path) -> None:
    put(tmp_path, {"x.imd": "damaged", "x.tif": True})
    assert find_all([str(tmp_path), str(tmp_path / "x.tif")]) == (
        [], [Refusal(f"{tmp_path}/x.imd", "x.imd is damaged", "deliver it again")]
    )  # fmt: skip
