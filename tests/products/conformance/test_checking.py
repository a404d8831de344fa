import shutil
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, box

from bocage.errors import ProductError
from bocage.products.conformance import RULES, Verdict, as_page, check_products
from bocage.products.conformance.polygons import touching_pairs
from bocage.products.conformance.raster import strips
from bocage.products.conformance.shape_rules import axis_lengths, long_sides
from bocage.products.conformance.specification import colours_of
from tests.conftest import ROOT
from tests.products.conformance.breaking import painted, raster
from tests.products.conformance.conftest import Copy
from tests.products.conformance.well_formed import (
    CHANGE,
    FM,
    LEFT,
    STREETS,
    SWF,
    TOP,
    VECTOR,
    VECTOR_2018,
    features,
    write_metadata,
    write_polygons,
)


def told(verdicts: list[Verdict], *outcomes: str) -> set[str]:
    return {verdict.rule for verdict in verdicts if verdict.outcome in outcomes}


# What is tested -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb", ".gdb"])
def test_polygons_are_read_in_every_format(suffix: str, copy: Copy) -> None:
    folder = copy(2021)
    (folder / f"{VECTOR}.gpkg").unlink()
    path = write_polygons(folder, VECTOR, features(), suffix)
    for target in (folder, path):
        verdicts = check_products(target)
        assert told(verdicts, "error", "warning") == set()
        assert {"vector.overlap", "vector.area", "vector.column_types"} <= told(verdicts, "pass")
    write_polygons(folder, VECTOR, features().assign(area=1.0, more=2.0), suffix)
    assert told(check_products(folder), "error") == {"vector.area", "vector.extra_columns"}


def test_the_box_of_every_row_is_a_column_of_parquet_and_not_of_the_product(copy: Copy) -> None:
    folder = copy(2021)
    (folder / f"{VECTOR}.gpkg").unlink()
    features().to_parquet(folder / f"{VECTOR}.parquet", write_covering_bbox=True)
    assert told(check_products(folder), "error", "warning") == set()


def test_each_layer_of_a_database_is_tested(copy: Copy) -> None:
    folder = copy(2018)
    path = write_polygons(folder, VECTOR_2018, features(), ".gdb")
    features().assign(code=np.int32(2)).to_file(path, layer="swf_2018_vec_E44N29_03035", driver="OpenFileGDB", mode="a")
    (folder / f"{VECTOR_2018}.gpkg").unlink()
    verdicts = check_products(folder)
    wrong = {verdict.file: verdict.rule for verdict in verdicts if verdict.outcome == "error"}
    assert wrong == {f"{path.name}:swf_2018_vec_E44N29_03035": "vector.code"} | {
        file: "vector.cell" for file, rule in wrong.items() if rule == "vector.cell"
    }


def test_a_layer_without_a_name_of_the_service_is_no_second_copy(copy: Copy) -> None:
    folder = copy(2018)
    path = folder / f"{VECTOR_2018}.gpkg"
    features().to_file(path, layer="notes", driver="GPKG", mode="a")
    verdicts = check_products(folder)
    wrong = {verdict.file: verdict.rule for verdict in verdicts if verdict.outcome == "error"}
    assert wrong == {f"{path.name}:notes": "name.pattern"}
    assert "set.area" in told(verdicts, "pass")


def test_two_versions_of_a_layer_are_named(copy: Copy) -> None:
    folder = copy(2021)
    older = SWF.replace("_v01_", "_v02_")
    shutil.copy(folder / f"{SWF}.tif", folder / f"{older}.tif")
    found = next(verdict for verdict in check_products(folder) if verdict.rule == "set.single")
    assert f"swf r5m ({SWF}.tif, {older}.tif)" in found.detail


def test_rings_that_do_not_close_are_told_by_row(tmp_path: Path) -> None:
    path = write_polygons(tmp_path, VECTOR_2018, features(), ".shp")
    content = bytearray(path.read_bytes())
    # The last point of the first record: after the headers (100 and 8 bytes), type, box, counts and one part.
    points = int.from_bytes(content[148:152], "little")
    end = 100 + 8 + 4 + 32 + 8 + 4 + points * 16
    content[end - 16 : end] = bytes(16)
    path.write_bytes(content)
    (found,) = (verdict for verdict in check_products(path) if verdict.rule == "vector.geometry")
    assert found.outcome == "error"
    assert "no geometry in 1 polygon (row 0)" in found.detail


def test_a_system_of_coordinates_that_is_no_text_is_unreadable(tmp_path: Path) -> None:
    path = write_polygons(tmp_path, VECTOR_2018, features(), ".shp")
    projection = path.with_suffix(".prj")
    projection.write_text(projection.read_text().replace("PROJECTION", "PROJ\x01CTION").replace("PARAMETER", "P["))
    assert set() < told(check_products(path), "error") <= {"file.readable", "vector.crs"}


def test_a_fault_of_the_check_itself_is_not_taken_for_one_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str | None) -> int:
        raise UnboundLocalError("a mistake in Bocage")

    monkeypatch.setattr("bocage.products.conformance.polygons.epsg_code", fail)
    with pytest.raises(UnboundLocalError, match="a mistake in Bocage"):
        check_products(write_polygons(tmp_path, VECTOR_2018, features(), ".shp"))


def test_single_files_are_tested_by_their_own_rules_only(deliveries: dict[int, Path]) -> None:
    verdicts = check_products([deliveries[2021] / f"{SWF}.tif", str(deliveries[2021] / f"{FM}.tif")])
    assert {verdict.file for verdict in verdicts} == {f"{SWF}.tif", f"{FM}.tif", "E43N30 2021"}
    assert told(verdicts, "error", "warning") == set()
    assert "set.complete" in told(verdicts, "not tested")


def test_metadata_of_a_single_file_are_found_beside_its_folder(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy(2021)
    (folder / "raster").mkdir()
    for path in list(folder.glob(f"{SWF}*")):
        path.rename(folder / "raster" / path.name)
    monkeypatch.chdir(folder / "raster")
    for path in (Path(f"{SWF}.tif"), folder / "raster" / f"{SWF}.tif"):
        assert told(check_products(path), "error", "warning") == set()


def test_metadata_are_found_in_any_case(copy: Copy) -> None:
    folder = copy(2021)
    (folder / "metadata").rename(folder / "Metadata")
    path = folder / "Metadata" / f"{SWF}.xml"
    path.rename(path.with_name(f"{SWF.upper()}_METADATA.XML"))
    assert told(check_products(folder), "error", "warning") == set()


def test_files_are_found_in_subfolders_and_once(copy: Copy) -> None:
    folder = copy(2021)
    for name in ("raster", "vector", ".hidden", "extensions/more"):
        (folder / name).mkdir(parents=True)
    for path in list(folder.glob("*.tif*")):
        path.rename(folder / "raster" / path.name)
    shutil.copy(folder / "raster" / f"{SWF}.tif", folder / ".hidden" / "other.tif")
    shutil.copy(folder / "raster" / f"{SWF}.tif", folder / "extensions" / "more" / "types.tif")
    verdicts = check_products([folder, folder])
    assert told(verdicts, "error", "warning") == set()
    note = next(verdict for verdict in verdicts if verdict.rule == "file.own")
    assert "extensions/more/types.tif" in note.detail
    assert f"raster/{SWF}.tif" in {verdict.file for verdict in verdicts}


def test_what_the_caller_says_stands_for_the_name(copy: Copy) -> None:
    folder = copy(2021)
    path = (folder / f"{SWF}.tif").rename(folder / "mine.tif")
    polygons = (folder / f"{VECTOR}.gpkg").rename(folder / "mine.gpkg")
    assert told(check_products(path), "error") == {"name.pattern"}
    verdicts = check_products([path, polygons], layer="swf", year=2021)
    assert told(verdicts, "error") == {"metadata.present"}
    assert "name.forced" in told(verdicts, "information")
    assert "set.area" in told(verdicts, "pass")
    # The same features by the rules of 2015: codes are texts then, and areas are exact.
    assert "vector.column_types" in told(check_products(polygons, layer="swf", year=2015), "error")


def test_the_rules_of_another_year_can_be_taken(deliveries: dict[int, Path]) -> None:
    path = deliveries[2018] / f"{VECTOR_2018}.gpkg"
    assert "shape.compactness" not in {verdict.rule for verdict in check_products(path)}
    verdicts = check_products(path, year=2015)
    assert "shape.compactness" in {verdict.rule for verdict in verdicts}
    # The name is still one of its own year.
    assert not {rule for rule in told(verdicts, "error", "warning") if rule.startswith("name.")}


def test_products_in_the_future_pattern_go_by_the_rules_of_2021(deliveries: dict[int, Path], tmp_path: Path) -> None:
    stem = "CLMS_SLF-SWF_S2024_R5m_E43N30_3035_V01-R00"
    for suffix in (".tif", ".tif.aux.xml"):
        shutil.copy(deliveries[2021] / f"{SWF}{suffix}", tmp_path / f"{stem}{suffix}")
    write_metadata(tmp_path, stem)
    verdicts = check_products(tmp_path)
    assert told(verdicts, "error", "warning") == set()
    assert "name.provisional" in told(verdicts, "information")
    for path in list(tmp_path.rglob(f"{stem}*")):
        path.rename(path.with_name(path.name.replace("_3035_", "_03035_")))
    assert told(check_products(tmp_path), "warning") == {"name.zeros", "metadata.identifier"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "is not there"),
        (("empty",), "holds no product"),
        (("note.txt",), "is no raster"),
    ],
)
def test_paths_that_hold_nothing_are_refused(arguments: tuple[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").touch()
    with pytest.raises(ProductError, match=words):
        check_products([tmp_path / name for name in arguments])


def test_layers_that_are_not_there_are_refused(deliveries: dict[int, Path]) -> None:
    path = deliveries[2021] / f"{SWF}.tif"
    with pytest.raises(ProductError, match="without a year"):
        check_products(path, layer="swf")
    with pytest.raises(ProductError, match="no layer is called 'hedges'"):
        check_products(path, layer="hedges", year=2021)
    with pytest.raises(ProductError, match="no such form"):
        check_products(path, layer="stl", year=2021)


@pytest.mark.parametrize(
    "content", [b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"not a raster", b"II+\0\x08\0\0\0" + b"\xff" * 40]
)
def test_hostile_rasters_are_unreadable_and_no_more(content: bytes, copy: Copy) -> None:
    folder = copy(2021)
    (folder / f"{FM}.tif").write_bytes(content)
    assert told(check_products(folder), "error") == {"file.readable"}


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb", ".gdb"])
@pytest.mark.parametrize(
    "content", [b"", b"PAR1" + b"\xff" * 40 + b"PAR1", b"SQLite format 3\0" + b"\0" * 100, b"fgb\x03fgb\0"]
)
def test_hostile_polygons_are_unreadable_and_no_more(suffix: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{VECTOR}{suffix}").write_bytes(content)
    assert told(check_products(tmp_path), "error") == {"file.readable"}


def test_tables_without_geometry_are_unreadable(tmp_path: Path) -> None:
    features().drop(columns="geometry").to_parquet(tmp_path / f"{VECTOR}.parquet")
    assert told(check_products(tmp_path), "error") == {"file.readable"}


# Facts of the rules -------------------------------------------------------------------------------------------------


def test_findings_say_where(copy: Copy) -> None:
    folder = copy(2021)
    write_polygons(folder, VECTOR, features().assign(area=lambda frame: frame["area"] + np.eye(1, len(frame), 4)[0]))
    found = next(verdict for verdict in check_products(folder) if verdict.rule == "vector.area")
    assert found.outcome == "error"
    assert f"1 polygon (row 4 near {LEFT + 910:.0f}, {TOP - 450:.0f})" in found.detail
    assert found.mend
    assert found.as_dict()["passed"] is False


def test_areas_may_be_off_by_the_tolerance_of_their_year(copy: Copy) -> None:
    folder = copy(2021)
    write_polygons(folder, VECTOR, features().assign(area=lambda frame: frame["area"] + 0.4))
    assert told(check_products(folder), "error") == set()


def test_density_keeps_a_point_of_tolerance(copy: Copy) -> None:
    folder = copy(2021)
    raster(SWF.replace("r5m", "r100m"), painted(1, slice(0, 1), slice(0, 1)))(folder)
    assert told(check_products(folder), "error") == set()


def test_the_published_colours_of_change_and_density_are_those_of_the_samples() -> None:
    from bocage.products.conformance.names import parse_name

    change, density = parse_name(CHANGE), parse_name(SWF.replace("r5m", "r100m"))
    assert change is not None
    assert density is not None
    assert (colours_of(change) or {})[203] == (88, 61, 31)
    ramp = colours_of(density) or {}
    # Entries of the product definition of the service, between the ends of the ramp too.
    assert [ramp[value] for value in (1, 10, 25, 42, 50, 51, 75, 83, 100)] == [
        (168, 255, 172), (153, 238, 157), (127, 208, 131), (99, 176, 103), (85, 160, 89), (84, 159, 88), (56, 126, 62),
        (47, 115, 54), (28, 92, 36),
    ]  # fmt: skip


@given(seed=st.integers(0, 10_000), count=st.integers(0, 40))
def test_touching_pairs_are_those_of_every_with_every(seed: int, count: int) -> None:
    corners = np.random.default_rng(seed).integers(0, 12, (count, 2)).astype(float)
    boxes = np.asarray([box(x, y, x + 2, y + 1) for x, y in corners], object)
    first, second = touching_pairs(boxes)
    expected = [(i, j) for i in range(count) for j in range(i + 1, count) if boxes[i].intersects(boxes[j])]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected


def test_touching_pairs_are_found_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bocage.products.conformance.polygons._CHUNK", 3)
    row = np.asarray([box(x, 0, x + 1, 1) for x in range(10)], object)
    assert [pair.tolist() for pair in touching_pairs(row)] == [list(range(9)), list(range(1, 10))]


@given(length=st.floats(20, 300), width=st.floats(2, 15), turn=st.floats(0, 90))
def test_the_axis_of_a_strip_is_its_length_also_where_it_bends(length: float, width: float, turn: float) -> None:
    straight = shapely.affinity.rotate(box(0, 0, max(length, width), width), turn)
    assert axis_lengths(np.asarray([straight], object))[0] == pytest.approx(max(length, width), rel=1e-6)
    assert long_sides(np.asarray([straight], object))[0] == pytest.approx(max(length, width), rel=1e-6)
    bent = LineString([(0, 0), (length, 0), (length, length)]).buffer(width / 2, cap_style="flat", join_style="mitre")
    assert axis_lengths(np.asarray([bent], object))[0] == pytest.approx(2 * length, rel=0.02)


def test_large_rasters_are_read_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bocage.products.conformance.raster._STRIP", 60_000)
    shape = {"width": 300, "height": 1000, "count": 1, "dtype": "uint8"}
    tiles = {"tiled": True, "blockxsize": 64, "blockysize": 64}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape, **tiles) as file:
        file.write(np.arange(300_000).reshape(1, 1000, 300).astype(np.uint8))
    with rasterio.open(tmp_path / "a.tif") as file:
        windows = list(strips(file))
    assert {window.height for window in windows[:-1]} == {192}
    assert sum(window.height for window in windows) == 1000


# The list of rules --------------------------------------------------------------------------------------------------


def test_rules_have_names_of_their_own_and_say_what_must_be() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.statement.endswith(".")
        assert rule.source
        assert rule.id.split(".")[0] in {"file", "name", "raster", "vector", "shape", "metadata", "set"}


def test_the_page_of_the_rules_is_up_to_date() -> None:
    page = (ROOT / "docs" / "reference" / "product-rules.md").read_text(encoding="utf-8")
    assert page == as_page(), "run: make docs"
    assert all(f"`{rule.id}`" in page for rule in RULES)


# Published files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples of the service, unpacked."""
    folder = tmp_path_factory.mktemp("published")
    for archive in sorted((data_folder / "clms").glob("*.zip")):
        with zipfile.ZipFile(archive) as content:
            content.extractall(folder / archive.stem)
    for mask in (data_folder / "clms").glob("*.tif"):
        shutil.copy(mask, folder)
    return folder


FR = "swf_2015_vec_ras_FR_3035_123_pt01/swf_2015_vec_ras_FR_3035_123_pt01"
EU = "swf_2015_100m_eu_3035_v1_1/SWF_2015_100m_eu_3035_V1_1"
# Each file looked at by eye: what it breaks, and why. What is not named here it keeps.
PUBLISHED: dict[str, dict[str, str]] = {
    # One strip of 200 x 40 pixels a block, LZW, all codes 0, 1, 3 and 255, the colours as published.
    f"{FR}/raster/swf_2015_005m_FR_3035_123_pt01.tif": {},
    f"{FR}/vector/swf_2015_vec_FR_3035_123_pt01.shp": {
        # Row 9 was stretched and its column left: it says 1578.911 m2, the polygon has 2761.686 m2.
        "vector.area": "error",
        # The same polygon is wider than 30 m where it was stretched.
        "shape.linear_width": "warning",
        # Row 11 is a lump of 33 m by 21 m.
        "shape.linear_length": "warning",
        # The XML lies beside the shapefile and is that of the whole region, "..._full".
        "metadata.place": "warning",
        "metadata.identifier": "warning",
    },
    # The three densities are one and the same file, byte by byte.
    f"{EU}/SWF_2015_100m_eu_3035_V1_1.tif": {"metadata.place": "warning"},
    # Their metadata are those of an imperviousness layer, IMD_2015_100m_eu_03035_d02_full.
    f"{EU}/AWF_2015_100m_eu_3035_V1_1.tif": {"metadata.place": "warning", "metadata.identifier": "warning"},
    f"{EU}/SWFAWF_2015_100m_eu_3035_V1_1.tif": {"metadata.place": "warning", "metadata.identifier": "warning"},
    "EU 2015": {"set.sum_2015": "warning"},
    # Raster 19 000 m2, polygons 18 999.4 m2: the raster shows the stretched polygon, too.
    "swf_2015_vec_FR_3035_123_pt01.shp": {},
    "FR 123 2015": {},
    # Tree cover density and boundary masks are no layers of small woody features.
    "TCD_2018_010m_eu_03035_v0_1/TCD_2018_010m_eu_03035_v0_1/TCD_2018_010m_eu_03035_v0_1.tif": {
        "name.pattern": "error"
    },
    "TCD_2018_100m_eu_03035_v0_1/TCD_2018_100m_eu_03035_v0_1/TCD_2018_100m_eu_03035_v0_1.tif": {
        "name.pattern": "error"
    },
    "mask_swf_005m_123.tif": {"name.pattern": "error"},
    "mask_swf_100m_eu.tif": {"name.pattern": "error"},
}


@pytest.mark.real
def test_published_files_get_the_verdicts_that_they_deserve(published: Path) -> None:
    found: dict[str, dict[str, str]] = {}
    for verdict in check_products(published):
        own = found.setdefault(verdict.file, {})
        if verdict.outcome not in {"pass", "not tested"}:
            own[verdict.rule] = verdict.outcome
    assert found == PUBLISHED


@pytest.mark.real
def test_what_was_altered_in_the_published_polygons_is_named(published: Path) -> None:
    verdicts = check_products(published / FR)
    area = next(verdict for verdict in verdicts if verdict.rule == "vector.area")
    assert "row 9 says 1578.911, its polygon has 2761.686 m2" in area.detail
    # With the column put right the delivery is one that the service accepts.
    path = next((published / FR).rglob("*.shp"))
    frame = gpd.read_file(path)
    frame.assign(area=frame.geometry.area).to_file(path, engine="pyogrio")
    assert told(check_products(published / FR), "error") == set()


# What the boundary masks of the service would break if somebody called them products.
MASKS: dict[str, set[str]] = {
    # No compression, no colours, and nodata is 0: where the mask is not.
    "mask_swf_005m_123.tif": {"raster.compression", "raster.nodata", "raster.palette"},
    # Its nodata is 255, as it must be; a layer of 100 m has metadata.
    "mask_swf_100m_eu.tif": {"raster.compression", "raster.palette", "metadata.present"},
}


@pytest.mark.real
@pytest.mark.parametrize("name", MASKS)
def test_masks_that_are_called_products_are_seen_through(name: str, published: Path) -> None:
    assert told(check_products(published / name, layer="swf", year=2015), "error") == MASKS[name]


def test_streets_are_tested_alone(deliveries: dict[int, Path]) -> None:
    verdicts = check_products(deliveries[2021] / f"{STREETS}.gpkg")
    assert told(verdicts, "error", "warning") == set()
    assert "shape.street_tree" in told(verdicts, "pass")
