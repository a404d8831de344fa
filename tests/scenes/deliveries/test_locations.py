from __future__ import annotations

from pathlib import Path

import pytest
import rasterio

from bocage.errors import SceneError
from bocage.scenes.deliveries.archive import Archive, open_archive
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.deliveries.locations import gdal_name, open_files, split_member
from bocage.scenes.deliveries.store import Store
from tests.object_store import ObjectStore
from tests.scenes.deliveries.images import pixels, tar_folder, write, zip_folder

NAMES = ("plain", "a {b} c", "ü ä", "50%20 ?#&+", "q'\"<x>", "ex!cl", "a=b;c,d", "s3", "x.zip!", "vsizip")


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("/a/x.tif", "/a/x.tif"),
        ("/a/x.zip!/b/x.tif", "/vsizip/{/a/x.zip}/b/x.tif"),
        ("/a/x.DIMA.tar!/x.tif", "/vsitar/{/a/x.DIMA.tar}/x.tif"),
        ("/a/x.tar.gz!/x.tif", "/vsitar/{/a/x.tar.gz}/x.tif"),
        ("/a/{1}/x.TGZ!/x.tif", "/vsitar/{/a/{1}/x.TGZ}/x.tif"),
        ("s3://bkt/k/x.tif", "/vsis3/bkt/k/x.tif"),
        ("s3://bkt/k.zip!/x.tif", "/vsizip/{/vsis3/bkt/k.zip}/x.tif"),
        ("/a!/x.tif", "/a!/x.tif"),
    ],
)
def test_names_of_gdal(object_store: ObjectStore, href: str, name: str) -> None:
    assert gdal_name(href) == name


@pytest.mark.parametrize(
    "href", ["x.tif", "http://x/y.tif", "/vsicurl/http://x/y.tif", "<VRTDataset/>", "zip+s3://x!y", "GTIFF_DIR:1:x"]
)
def test_what_is_no_place_of_a_file_is_refused(href: str) -> None:
    with pytest.raises(SceneError, match="is not an absolute path"):
        gdal_name(href)


@pytest.mark.parametrize("folder", ["{", "}", "}{", "{{}"])
def test_unpaired_braces_in_the_path_of_an_archive_are_refused(folder: str) -> None:
    assert gdal_name(f"/{folder}/x.tif") == f"/{folder}/x.tif"
    with pytest.raises(SceneError, match="unpaired braces"):
        gdal_name(f"/{folder}/x.zip!/x.tif")


@pytest.mark.parametrize("name", NAMES)
def test_gdal_opens_files_of_any_name(tmp_path: Path, name: str) -> None:
    image = pixels(1, 20, 20)
    content = tmp_path / name
    write(content / f"{name}.tif", image)
    zipped, tarred = zip_folder(content, tmp_path / f"{name} x.zip"), tar_folder(content, tmp_path / f"{name} x.tar")
    trees: list[DeliveryFiles] = [Folder(content), open_archive(str(zipped)), open_archive(str(tarred))]
    for files in trees:
        with rasterio.open(gdal_name(files.href(f"{name}.tif")), driver="GTiff") as file:
            assert (file.read() == image).all()


@pytest.mark.parametrize("name", ["a {b} c", "ü ä", "50%20 #&+", "q?x=1"])
def test_gdal_opens_objects_of_any_name(tmp_path: Path, object_store: ObjectStore, name: str) -> None:
    image = pixels(1, 20, 20)
    path = write(tmp_path / "x.tif", image)
    url = object_store.put(f"{name}/{name}.tif", path)
    with rasterio.open(gdal_name(url), driver="GTiff") as file:
        assert (file.read() == image).all()
    packed = object_store.put(
        f"{name}/{name}.zip", zip_folder(write(tmp_path / name / "y.tif", image).parent, tmp_path / "x.zip")
    )
    with rasterio.open(gdal_name(f"{packed}!/y.tif"), driver="GTiff") as file:
        assert (file.read() == image).all()


def test_reading_a_compressed_tar_leaves_no_file_behind(tmp_path: Path) -> None:
    path = tar_folder(write(tmp_path / "in" / "x.tif", pixels()).parent, tmp_path / "x.tar.gz")
    before = sorted(tmp_path.iterdir())
    with rasterio.open(gdal_name(f"{path}!/x.tif"), driver="GTiff") as file:
        file.read()
    assert sorted(tmp_path.iterdir()) == before


def test_a_source_is_opened_by_what_it_is(tmp_path: Path, object_store: ObjectStore) -> None:
    (tmp_path / "folder.zip").mkdir()
    zipped = zip_folder(write(tmp_path / "in" / "x.tif", pixels(1, 8, 8)).parent, tmp_path / "x.zip")
    assert isinstance(open_files(str(tmp_path / "folder.zip")), Folder)
    assert isinstance(open_files(str(zipped)), Archive)
    assert isinstance(open_files(object_store.url), Store)
    assert isinstance(open_files(object_store.put("x.zip", zipped)), Archive)


def test_a_folder_that_is_named_like_a_member(tmp_path: Path) -> None:
    path = write(tmp_path / "x.zip!" / "y.tif", pixels(1, 8, 8))
    assert split_member(str(path)) == (str(path), "")
