from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window

from bocage.errors import SceneError
from bocage.scenes.deliveries.archive import open_archive
from bocage.scenes.deliveries.assembly import dataset_name, open_image
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.deliveries.store import Store
from bocage.scenes.metadata import BandRecord, PartRecord
from tests.object_store import ObjectStore
from tests.scenes.deliveries.assembling import BANDS, METADATA, deliver, grid, read, single
from tests.scenes.deliveries.images import ORIGIN, pixels, tar_folder, write, write_tiles, zip_folder

# Some of the files are written without a position on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.mark.parametrize("name", ["x.tif", "x.jp2", "X.TIFF"])
def test_a_single_file_is_opened_as_it_is(tmp_path: Path, name: str) -> None:
    whole = pixels()
    write(tmp_path / name, whole)
    image = single(tmp_path, name)
    assert image.described
    assert dataset_name(image) == str(tmp_path / name)
    assert (image.shape, image.count, image.dtype, image.nodata) == ((150, 130), 4, "uint16", None)
    assert (image.crs, image.transform) == ("EPSG:32631", ORIGIN)
    assert (read(image) == whole).all()


@pytest.mark.parametrize("ending", [".TIF", ".JP2"])
def test_tiles_read_as_the_whole(tmp_path: Path, ending: str) -> None:
    whole = pixels()
    write_tiles(tmp_path, whole, "IMG", ending, (70, 50, 30), (64, 66))
    image = deliver(Folder(tmp_path), grid(3, 2, ending=ending))
    assert not image.described
    assert image.shape == (150, 130)
    assert (read(image) == whole).all()
    with open_image(image) as file:
        for window in (Window(60, 65, 10, 10), Window(63, 69, 2, 2), Window(0, 119, 130, 2)):
            rows, columns = window.toslices()
            assert (file.read([4, 1], window=window) == whole[[3, 0]][:, rows, columns]).all()


def test_tiles_by_offset_read_as_the_whole(tmp_path: Path) -> None:
    whole = pixels()
    write_tiles(tmp_path, whole, "IMG", ".TIF", (70, 80), (64, 66))
    offsets = [(0, 0), (0, 64), (70, 0), (70, 64)]
    parts = [replace(part, offset=offset) for part, offset in zip(grid(2, 2), offsets, strict=True)]
    assert (read(deliver(Folder(tmp_path), parts[::-1])) == whole).all()


@pytest.mark.parametrize("ending", [".tif", ".jp2"])
def test_one_file_per_band_reads_as_the_whole(tmp_path: Path, ending: str) -> None:
    whole = pixels()
    for number in range(4):
        write(tmp_path / f"x_{number}{ending}", whole[[number]])
    order = (3, 1, 2, 0)
    image = deliver(Folder(tmp_path), [PartRecord(f"x_{number}{ending}", (number + 1,)) for number in order])
    assert image.count == 4
    assert (read(image) == whole).all()


def test_two_files_of_three_bands_in_tiles_read_as_the_whole(tmp_path: Path) -> None:
    whole = pixels(6)
    write_tiles(tmp_path, whole[:3], "RGB", ".TIF", (70, 80), (130,))
    write_tiles(tmp_path, whole[3:], "NED", ".TIF", (70, 80), (130,))
    six = replace(METADATA, bands=(*BANDS, BandRecord("other"), BandRecord("other")))
    parts = [*grid(2, 1, "RGB", bands=(1, 2, 3)), *grid(2, 1, "NED", bands=(4, 5, 6))]
    assert (read(deliver(Folder(tmp_path), parts, six)) == whole).all()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "s3", "s3 zip", "s3 tar"])
@pytest.mark.parametrize("ending", [".TIF", ".JP2"])
def test_tiles_read_the_same_wherever_they_lie(
    tmp_path: Path, object_store: ObjectStore, kind: str, ending: str
) -> None:
    whole = pixels()
    content = tmp_path / "a {b} ü"
    write_tiles(content / "in", whole, "IMG", ending, (70, 80), (64, 66))
    packed = tmp_path / f"x {{1}}.{kind.removeprefix('s3 ')}"
    if kind != "s3":
        (zip_folder if "zip" in kind else tar_folder)(content, packed)
    files: DeliveryFiles
    if kind == "s3":
        files = Store(object_store.put_folder(content, "a/ü b"))
    elif kind.startswith("s3"):
        files = open_archive(object_store.put(packed.name, packed))
    else:
        files = open_archive(str(packed))
    image = deliver(files, [replace(part, name=f"in/{part.name}") for part in grid(2, 2, ending=ending)])
    assert (read(image) == whole).all()
    alone = deliver(files, [PartRecord(f"in/IMG_R1C1{ending}")], None)
    assert alone.described
    assert (read(alone) == whole[:, :70, :64]).all()


def test_overviews_of_tiles_are_used(tmp_path: Path) -> None:
    whole = pixels(rows=152, columns=128)
    write_tiles(tmp_path, whole, "IMG", ".TIF", (76, 76), (128,))
    for path in tmp_path.iterdir():
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2], rasterio.enums.Resampling.average)
    averages = whole.reshape(4, 76, 2, 64, 2).mean(axis=(2, 4))
    with open_image(deliver(Folder(tmp_path), grid(2, 1))) as file:
        assert np.abs(file.read(out_shape=(4, 76, 64)) - averages).max() <= 1


def test_an_image_travels_to_threads_and_processes(tmp_path: Path) -> None:
    whole = pixels()
    write_tiles(tmp_path, whole, "IMG", ".TIF", (70, 80), (64, 66))
    image = pickle.loads(pickle.dumps(deliver(Folder(tmp_path), grid(2, 2))))
    with ThreadPoolExecutor(4) as pool:
        assert all((found == whole).all() for found in pool.map(read, [image] * 16))


def test_names_of_files_cannot_add_to_the_document(tmp_path: Path) -> None:
    name = "</SourceFilename><SourceFilename>\"&amp;'.tif"
    folder = tmp_path / "<x>&quot;"
    write(folder / name.replace("/", "_"), pixels(1))
    write(folder / "b.tif", pixels(1))
    parts = [PartRecord(name.replace("/", "_"), (1,)), PartRecord("b.tif", (2,))]
    image = deliver(Folder(folder), parts, None)
    document = ET.fromstring(dataset_name(image))
    assert [element.text for element in document.iter("SourceFilename")] == [part.href for part in image.parts]
    assert read(image).shape == (2, 150, 130)


def test_position_and_nodata_of_the_metadata(tmp_path: Path) -> None:
    whole = pixels()
    whole[:, :10] = 0
    write(tmp_path / "x.tif", whole, crs=None)
    metadata = replace(METADATA, nodata=0, georeference=("EPSG:32631", ORIGIN))
    image = single(tmp_path, metadata=metadata)
    assert not image.described
    assert (image.nodata, image.crs, image.transform) == (0, "EPSG:32631", ORIGIN)
    assert (read(image) == whole).all()
    with open_image(image) as file:
        assert file.nodata == 0
        assert not file.dataset_mask()[:10].any()


def test_the_files_own_nodata_position_and_mask_go_before_the_metadata(tmp_path: Path) -> None:
    elsewhere = ("EPSG:3035", Affine(5, 0, 0, 0, -5, 0))
    metadata = replace(METADATA, nodata=7, georeference=elsewhere)
    write(tmp_path / "x.tif", pixels(), nodata=3)
    assert single(tmp_path, metadata=metadata) == single(tmp_path)
    assert single(tmp_path).nodata == 3
    mask = np.ones((150, 130), dtype=bool)
    mask[:9] = False
    write(tmp_path / "x.tif", pixels(), mask=mask)
    image = single(tmp_path, metadata=metadata)
    assert image.described
    assert image.nodata is None
    with open_image(image) as file:
        assert (file.dataset_mask().astype(bool) == mask).all()


def test_a_nodata_value_that_no_pixel_can_have(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", pixels())
    image = single(tmp_path, metadata=replace(METADATA, nodata=-9999.0))
    assert (read(image) == pixels()).all()
    with open_image(image) as file:
        assert file.nodata is None


def test_an_alpha_band_is_not_a_band_of_the_image(tmp_path: Path) -> None:
    colours = [rasterio.enums.ColorInterp.gray, *[rasterio.enums.ColorInterp.undefined] * 3]
    with rasterio.open(write(tmp_path / "x.tif", pixels(5)), "r+") as file:
        file.colorinterp = [*colours, rasterio.enums.ColorInterp.alpha]
    image = single(tmp_path, metadata=replace(METADATA, nodata=0))
    assert (image.count, image.parts[0].bands) == (4, (1, 2, 3, 4, 0))
    assert image.described
    # A band that the metadata name is no alpha band, nor one of a file without metadata: it may be named by a person.
    named = replace(METADATA, bands=(*BANDS, BandRecord("other")), nodata=0)
    assert single(tmp_path, metadata=named).parts[0].bands == (1, 2, 3, 4, 5)
    assert single(tmp_path, metadata=named).nodata == 0
    assert single(tmp_path).count == 5


def test_a_mask_beside_the_file_is_read(tmp_path: Path, object_store: ObjectStore) -> None:
    mask = np.ones((150, 130), dtype=bool)
    mask[:9] = False
    path = write(tmp_path / "in" / "x.tif", pixels())
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    assert (path.parent / "x.tif.msk").is_file()
    archive = open_archive(str(zip_folder(path.parent, tmp_path / "x.zip")))
    for files in (Folder(path.parent), Store(object_store.put_folder(path.parent, "in")), archive):
        with open_image(deliver(files, [PartRecord("x.tif")], None)) as file:
            assert (file.dataset_mask().astype(bool) == mask).all()


@pytest.mark.real
def test_real_files_read_as_they_are(data_folder: Path) -> None:
    paths = sorted((data_folder / "cog-edge-cases").glob("*.tif"))
    assert paths
    for path in paths:
        try:
            image = single(path.parent, path.name)
        except SceneError as error:
            assert path.name in error.problem  # noqa: PT017 - some are refused, all others are compared
            continue
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(read(image), file.read())
