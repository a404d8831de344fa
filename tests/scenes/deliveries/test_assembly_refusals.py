from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from bocage.errors import SceneError
from bocage.scenes.deliveries.assembly import open_image
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.metadata import PartRecord
from tests.scenes.deliveries.assembling import METADATA, deliver, grid, read, single
from tests.scenes.deliveries.images import ORIGIN, pixels, write, write_tiles

# Some of the files are written without a position on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"drop": "IMG_R2C2.TIF"}, "3 of its 2 x 2 tiles are there"),
        ({"size": True}, "has another size than the tiles beside it"),
        ({"shift": 2}, "does not lie where its place in the image is"),
        ({"dtype": "uint8"}, "holds uint8 values but"),
        ({"crs": "EPSG:32632"}, "lies on another map projection"),
        ({"bands": 3}, "has 3 bands but its metadata name 4"),
        ({"nodata": 5}, "different nodata values"),
    ],
)
def test_tiles_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    whole = pixels()
    write_tiles(tmp_path, whole, "IMG", ".TIF", (70, 80), (64, 66))
    for path in tmp_path.iterdir():
        with rasterio.open(path, "r+") as file:
            file.nodata = 0
    parts = grid(2, 2)
    if "drop" in change:
        parts = [part for part in parts if part.name != change["drop"]]
    else:
        tile = whole[: int(str(change.get("bands", 4))), 70:, 64:].astype(str(change.get("dtype", "uint16")))
        rows, columns = (70, 65) if "size" in change else (80, 66)
        shift = int(str(change.get("shift", 0)))
        write(
            tmp_path / "IMG_R2C2.TIF", tile[:, :rows, :columns], row=70 + shift, column=64,
            crs=str(change.get("crs", "EPSG:32631")), nodata=change.get("nodata", 0),
        )  # fmt: skip
    with pytest.raises(SceneError, match=reason):
        deliver(Folder(tmp_path), parts)


def test_half_a_pixel_is_no_contradiction(tmp_path: Path) -> None:
    whole = pixels()
    write_tiles(tmp_path, whole, "IMG", ".TIF", (70, 80), (130,))
    with rasterio.open(tmp_path / "IMG_R2C1.TIF", "r+") as file:
        file.transform = file.transform @ Affine.translation(0.4, -0.4)
    assert (read(deliver(Folder(tmp_path), grid(2, 1))) == whole).all()


@pytest.mark.parametrize(
    ("offsets", "reason"),
    [([(0, 0), (69, 0)], "overlap"), ([(0, 0), (71, 0)], "leave a gap"), ([(0, 0), (-80, 0)], "cannot be true"),
     ([(0, 0), (10**9, 0)], "cannot be true"), ([(0, 0), None], "only some")],
)  # fmt: skip
def test_places_that_do_not_fit_are_refused(tmp_path: Path, offsets: list[tuple[int, int] | None], reason: str) -> None:
    write_tiles(tmp_path, pixels(), "IMG", ".TIF", (70, 80), (130,))
    parts = [replace(part, offset=offset) for part, offset in zip(grid(2, 1), offsets, strict=True)]
    with pytest.raises(SceneError, match=reason):
        deliver(Folder(tmp_path), parts)


def test_bands_that_are_missing_or_twice_are_refused(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.tif", pixels(1))
    for numbers in ((1, 2, 3), (1, 2, 3, 3), (1, 2, 3, 5)):
        parts = [PartRecord(f"{index}.tif", (number,)) for index, number in enumerate(numbers)]
        with pytest.raises(SceneError, match="its files hold the bands"):
            deliver(Folder(tmp_path), parts)
    write(tmp_path / "3.tif", pixels(1, rows=151))
    with pytest.raises(SceneError, match="not on one pixel grid"):
        deliver(Folder(tmp_path), [PartRecord(f"{index}.tif", (index + 1,)) for index in range(4)])


@pytest.mark.parametrize(
    "document",
    [
        '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand band="1"><SimpleSource><SourceFilename>/etc/passwd',
        "<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1/${z}</ServerUrl></Service></GDAL_WMS>",
        "P5 3 3 255 123456789", "\x89PNG\r\n\x1a\n", "", "II", "not a raster",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["x.tif", "x.jp2"])
def test_other_formats_under_the_name_of_a_raster_are_refused(tmp_path: Path, document: str, name: str) -> None:
    (tmp_path / name).write_text(document)
    with pytest.raises(SceneError, match="is not a GeoTIFF or JPEG 2000 file"):
        single(tmp_path, name)


def test_a_file_that_became_another_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", pixels(1))
    image = single(tmp_path)
    (tmp_path / "x.tif").write_text('<VRTDataset rasterXSize="130" rasterYSize="150"/>')
    with pytest.raises(SceneError, match="is not a raster that can be read"), open_image(image):
        pass


@pytest.mark.parametrize("ending", [".ovr", ".msk"])
def test_companions_that_gdal_would_follow_are_refused(tmp_path: Path, ending: str) -> None:
    write(tmp_path / "x.tif", pixels(1))
    (tmp_path / f"x.tif{ending}").write_text('<VRTDataset rasterXSize="65" rasterYSize="75"/>')
    with pytest.raises(SceneError, match=f"x.tif{ending} is not a TIFF file"):
        single(tmp_path)


def test_overviews_in_another_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", pixels(1))
    (tmp_path / "x.tif.aux.xml").write_text(
        '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">/etc/x.vrt</MDI></Metadata></PAMDataset>'
    )
    with pytest.raises(SceneError, match="names another file for its overviews"):
        single(tmp_path)
    with rasterio.open(tmp_path / "y.tif", "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8") as file:
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE="/etc/x.vrt")
    with pytest.raises(SceneError, match="names another file for its overviews"):
        single(tmp_path, "y.tif")


def test_an_image_without_a_place_is_refused(tmp_path: Path) -> None:
    points = [GroundControlPoint(row, column, column, -row) for row, column in ((0, 0), (0, 9), (9, 0))]
    plain: dict[str, object] = {"crs": None, "transform": Affine.identity()}
    for name, settings, reason in (
        ("a.tif", plain, "no coordinate reference system and no position"),
        ("b.tif", {"crs": None, "transform": ORIGIN}, "has no coordinate reference system"),
        ("c.tif", {"crs": "EPSG:32631", "transform": Affine.identity()}, "has a CRS but no position"),
    ):
        write(tmp_path / name, pixels(1), **settings)
        with pytest.raises(SceneError, match=reason):
            single(tmp_path, name)
    write(tmp_path / "d.tif", pixels(1), **plain)  # type: ignore[arg-type]
    with rasterio.open(tmp_path / "d.tif", "r+") as file:
        file.gcps = (points, CRS.from_epsg(32631))
    with pytest.raises(SceneError, match="ground control points") as caught:
        single(tmp_path, "d.tif")
    assert "orthorectify" in caught.value.mend


def test_a_position_that_the_metadata_contradict_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", pixels(), crs=None, transform=ORIGIN)
    assert single(tmp_path, metadata=replace(METADATA, georeference=("EPSG:32631", ORIGIN))).crs == "EPSG:32631"
    moved = ORIGIN @ Affine.translation(5, 0)
    with pytest.raises(SceneError, match="its metadata contradict"):
        single(tmp_path, metadata=replace(METADATA, georeference=("EPSG:32631", moved)))


def test_absurd_sizes_are_refused(tmp_path: Path) -> None:
    wide: dict[str, object] = {"SPARSE_OK": True, "tiled": True}
    with rasterio.open(
        tmp_path / "x.tif", "w", driver="GTiff", width=1_000_001, height=1, count=1, dtype="uint8", **wide
    ):
        pass
    with pytest.raises(SceneError, match="1000001 x 1 pixels"):
        single(tmp_path)
    write(tmp_path / "y.tif", pixels(66, 4, 4))
    with pytest.raises(SceneError, match="66 bands"):
        single(tmp_path, "y.tif")


def test_types_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.tif", pixels().astype(np.complex64))
    with pytest.raises(SceneError, match="complex64 values"):
        single(tmp_path)


def test_a_truncated_file_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", pixels())
    image = single(tmp_path)
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(SceneError, match=r"x\.tif is (damaged or truncated|not a raster)"):
        read(image)
    path.unlink()
    with pytest.raises(SceneError, match=r"x\.tif is not a raster that can be read"):
        read(image)
    with pytest.raises(SceneError, match="is not there"):
        single(tmp_path)
