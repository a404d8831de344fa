"""Where the files of a layer may lie: folders, patterns, archives, indexes of tiles and stores."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from tests.object_store import ObjectStore

from bocage.errors import LayerError, SettingsError
from bocage.grid import Window
from bocage.project import Project
from bocage.reference import sources as module
from bocage.reference.layer import Layer, open_layer
from bocage.reference.paths import local_files
from bocage.settings import LayerSettings

Writer = Callable[..., Path]
Maker = Callable[..., Project]
LEFT, TOP = 4_000_000.0, 3_000_000.0


def tcd(*paths: str, **more: Any) -> LayerSettings:
    return LayerSettings.model_validate({"kind": "tree_cover_density", "paths": paths} | more)


@pytest.fixture
def tiles(write_layer: Writer, tmp_path: Path) -> list[Path]:
    """Four tiles of 100 m from west to east, of 10, 20, 30 and 40 %."""
    (tmp_path / "tcd").mkdir()
    return [
        write_layer(f"tcd/t{number}.tif", np.full((10, 10), 10 * number, np.uint8), 10.0,
                    origin=(LEFT + 100 * number - 100, TOP), nodata=255)
        for number in (1, 2, 3, 4)
    ]  # fmt: skip


def values(layer: Layer) -> list[int]:
    """Return the values of a row of pixels in the middle of the four tiles, 0 where unknown."""
    reading = layer.read(layer.grid, Window(2_000_000, -1_499_975, 200, 1))
    row = np.where(reading.valid, reading.values, 0)[0]
    return [int(row[at]) for at in (25, 75, 125, 175)]


def packed(path: Path, *files: Path, folder: str = "delivery/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"{folder}{file.name}")
        archive.writestr(f"{folder}readme.xml", "<a/>")
    return path


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("tcd",), [10, 20, 30, 40]),
        (("tcd/*.tif",), [10, 20, 30, 40]),
        (("tcd/t1.tif", "tcd/t3.tif"), [10, 0, 30, 0]),
        (("tcd/t1.tif", "tcd"), [10, 20, 30, 40]),
    ],
)
def test_a_layer_is_a_folder_a_pattern_or_files(
    tiles: list[Path], make_project: Maker, paths: tuple[str, ...], expected: list[int]
) -> None:
    project = make_project(settings := tcd(*paths))
    layer = open_layer(settings, project)
    assert values(layer) == expected
    assert len(layer.files) == len(set(layer.files)) == np.count_nonzero(expected)


def test_archives_are_read_in_place(tiles: list[Path], tmp_path: Path, make_project: Maker) -> None:
    inside = packed(tmp_path / "tcd.zip", *tiles[:2])
    project = make_project()
    assert values(open_layer(tcd("tcd.zip"), project)) == [10, 20, 0, 0]
    assert values(open_layer(tcd("tcd.zip!/*/t2.tif"), project)) == [0, 20, 0, 0]
    assert values(open_layer(tcd("tcd.zip!/**/t1.tif", "tcd/t4.tif"), project)) == [10, 0, 0, 40]
    (tmp_path / "tcd" / "more").mkdir()
    packed(tmp_path / "tcd" / "more" / "documents.zip")
    inside.rename(tmp_path / "tcd" / "more" / "tcd.zip")
    for tile in tiles[:2]:
        tile.unlink()
    assert values(open_layer(tcd("tcd"), project)) == [10, 20, 30, 40]
    assert sorted(tmp_path.rglob("*.gz")) == []
    stamps = [file.stamp for file in open_layer(tcd("tcd/more/tcd.zip"), project).files]
    assert len(set(stamps)) == 2
    assert not [stamp for stamp in stamps if str(tmp_path) in stamp]


def test_archives_that_cannot_be_a_layer_are_refused(tiles: list[Path], tmp_path: Path, make_project: Maker) -> None:
    project = make_project()
    packed(tmp_path / "documents.zip")
    with pytest.raises(LayerError, match=r"documents\.zip holds no raster"):
        open_layer(tcd("documents.zip"), project)
    (tmp_path / "short.zip").write_bytes(packed(tmp_path / "long.zip", tiles[0]).read_bytes()[:-30])
    with pytest.raises(LayerError, match=r"short\.zip is damaged or truncated"):
        open_layer(tcd("short.zip"), project)
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.write(tiles[0], "../outside.tif")
    with pytest.raises(LayerError, match="lead out of the archive"):
        open_layer(tcd("evil.zip"), project)
    twin = tiles[0].rename(tiles[0].with_name("a.tif"))
    twin.with_name("b.tif").write_bytes(twin.read_bytes())
    packed(tmp_path / "twins.zip", twin, twin.with_name("b.tif"))
    with pytest.raises(LayerError, match=r"same ground: delivery/a\.tif, delivery/b\.tif") as caught:
        open_layer(tcd("twins.zip"), project)
    assert "twins.zip!/delivery/a.tif" in caught.value.mend
    assert values(open_layer(tcd("twins.zip!/delivery/b.tif"), project)) == [10, 0, 0, 0]


def footprints(files: list[Path], base: Path | None = None) -> geopandas.GeoDataFrame:
    boxes = [shapely.box(LEFT + 100 * at, TOP - 100, LEFT + 100 * at + 100, TOP) for at in range(len(files))]
    names = [str(path if base is None else path.relative_to(base)) for path in files]
    return geopandas.GeoDataFrame({"location": names, "note": 1}, geometry=boxes, crs="EPSG:3035")


@pytest.mark.parametrize("name", ["index.gpkg", "index.geojson", "index.parquet", "index.csv", "index.shp"])
@pytest.mark.parametrize("relative", [True, False])
def test_an_index_names_the_tiles(
    tiles: list[Path], tmp_path: Path, make_project: Maker, name: str, relative: bool
) -> None:
    table = footprints(tiles, tmp_path if relative else None)
    if name.endswith(".geojson"):
        table = table.to_crs("EPSG:4326")
    if name.endswith(".parquet"):
        table.to_parquet(tmp_path / name)
    elif name.endswith(".csv"):
        table.rename(columns={"location": "path"}).drop(columns="geometry").join(
            table.bounds.set_axis(["left", "bottom", "right", "top"], axis=1)
        ).to_csv(tmp_path / name, index=False)
    else:
        table.to_file(tmp_path / name)
    everything = open_layer(tcd(name), make_project())
    assert values(everything) == [10, 20, 30, 40]
    # What lies within 1 km and a tile of 200 m of the area is kept; in degrees the bounds of the area are wider.
    far = make_project(area={"bbox": (LEFT - 3000, TOP - 100, LEFT - 1190, TOP)})
    first, *_, last = values(open_layer(tcd(name), far))
    assert (first, last) == (10, 0)


def test_tiles_outside_the_area_are_not_even_looked_at(tiles: list[Path], tmp_path: Path, make_project: Maker) -> None:
    footprints(tiles).to_file(tmp_path / "index.gpkg")
    tiles[3].write_bytes(b"damaged")
    project = make_project(area={"bbox": (LEFT - 3000, TOP - 100, LEFT - 1050, TOP)})
    assert values(open_layer(tcd("index.gpkg"), project)) == [10, 20, 0, 0]
    with pytest.raises(LayerError, match=r"t4\.tif cannot be opened"):
        open_layer(tcd("index.gpkg"), make_project())
    elsewhere = make_project(area={"bbox": (0, 0, 100, 100)})
    with pytest.raises(LayerError, match=r"index\.gpkg has no tile in the area of the project: its 4 tiles"):
        open_layer(tcd("index.gpkg"), elsewhere)


def test_an_index_that_cannot_be_true_is_refused(tiles: list[Path], tmp_path: Path, make_project: Maker) -> None:
    project = make_project()
    table = footprints(tiles)
    table.geometry = table.geometry.translate(5000)
    table.to_file(tmp_path / "shifted.gpkg")
    with pytest.raises(LayerError, match=r"t1\.tif lies at .* and its index places it at"):
        open_layer(tcd("shifted.gpkg"), project)
    (tmp_path / "missing.csv").write_text("path\ntcd/t1.tif\ntcd/t9.tif\n")
    with pytest.raises(LayerError, match=r"missing\.csv names tcd/t9\.tif, which is not there"):
        open_layer(tcd("missing.csv"), project)
    (tmp_path / "hollow.csv").write_text("path,left\ntcd/t1.tif,1\n,2\n")
    with pytest.raises(LayerError, match=r"hollow\.csv names no tile in 1 of its rows"):
        open_layer(tcd("hollow.csv"), project)
    (tmp_path / "other.csv").write_text("tile\na\n")
    with pytest.raises(LayerError, match=r"other\.csv has no column of paths"):
        open_layer(tcd("other.csv"), project)


def test_local_files_are_those_whose_change_is_a_change(tiles: list[Path], tmp_path: Path, make_project: Maker) -> None:
    settings = tcd("tcd/*.tif", "a.zip!/x/*.tif", "s3://bucket/prefix", "tcd")
    assert list(local_files(settings, make_project())) == [*tiles, tmp_path / "a.zip", tmp_path / "tcd", *tiles]


def test_a_layer_may_lie_in_a_store(
    tiles: list[Path], tmp_path: Path, make_project: Maker, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = object_store.put_folder(tmp_path / "tcd", "layers/tcd")
    archive = object_store.put("zips/tcd.zip", packed(tmp_path / "tcd.zip", *tiles[2:]))
    table = footprints(tiles)
    table["location"] = [f"{url}/{path.name}" for path in tiles]
    table.to_parquet(tmp_path / "index.parquet")
    table.to_file(tmp_path / "index.gpkg")
    indexes = [object_store.put(f"layers/{name}", tmp_path / name) for name in ("index.parquet", "index.gpkg")]
    project = make_project()
    monkeypatch.setenv("LAYERS", f"{object_store.url}/layers")
    for path, expected in (
        (url, [10, 20, 30, 40]),
        ("${LAYERS}/tcd", [10, 20, 30, 40]),
        (f"{url}/t[12].tif", [10, 20, 0, 0]),
        (f"{object_store.url}/**/t4.tif", [0, 0, 0, 40]),
        (f"{url}/t2.tif", [0, 20, 0, 0]),
        (archive, [0, 0, 30, 40]),
        (f"{archive}!/*/t3.tif", [0, 0, 30, 0]),
        *((index, [10, 20, 30, 40]) for index in indexes),
        ("index.gpkg", [10, 20, 30, 40]),
    ):
        assert values(open_layer(tcd(path), project)) == expected, path
    layer = open_layer(tcd(url), project)
    assert layer.files[0].stamp.startswith("t1.tif:")
    monkeypatch.setattr(module, "_LISTED", 0)
    assert values(open_layer(tcd(indexes[0]), project)) == [10, 20, 30, 40]


def test_what_is_not_in_the_store_is_named(make_project: Maker, object_store: ObjectStore) -> None:
    project = make_project()
    with pytest.raises(LayerError, match=r"t1\.tif is not there"):
        open_layer(tcd(f"{object_store.url}/t1.tif"), project)
    with pytest.raises(LayerError, match="no file is at 's3://"):
        open_layer(tcd(f"{object_store.url}/layers/*.tif"), project)
    with pytest.raises(SettingsError, match="needs the environment variable BUCKET"):
        open_layer(tcd("s3://${BUCKET}/layers"), project)
    object_store.put("broken.tif", b"no raster")
    with pytest.raises(LayerError, match=r"broken\.tif cannot be opened"):
        open_layer(tcd(f"{object_store.url}/broken.tif"), project)
