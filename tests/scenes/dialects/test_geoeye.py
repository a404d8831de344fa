"""GeoEye's ``*_metadata.txt``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import geoeye
from bocage.scenes.metadata import PartRecord, ProductMetadata
from tests.scenes.dialects.files import FolderFiles, MemoryFiles

TEXT = """\
==============================================================
Version Number: 2.2
==================================================================

Product Order Metadata

Creation Date: 01/01/12
Sensor Name: GeoEye-1
Product Line: Geo
Processing Level: Standard Geometrically Corrected
   Bits per Pixel per Band: 11 bits per pixel
Multispectral Files: BGRN

==============================================================

Source Image Metadata

Number of Source Images: 1

Source Image ID: 2012060114002500000010000000
Product Image ID: 000
Sensor: GeoEye-1
Nominal Collection Azimuth: 124.5 degrees
Nominal Collection Elevation: 71.25 degrees
Sun Angle Azimuth: 141.2 degrees
Sun Angle Elevation: 62.75 degrees
Acquisition Date/Time: 2012-06-01 14:00 GMT
Percent Cloud Cover: 16

==============================================================
"""


def read(text: str = TEXT, *images: str) -> ProductMetadata:
    files = MemoryFiles({"o/po_1_metadata.txt": text.encode(), **{f"o/{image}": b"II" for image in images}})
    assert geoeye.claims("o/po_1_metadata.txt", files.head("o/po_1_metadata.txt"))
    return geoeye.parse("o/po_1_metadata.txt", files)


@pytest.mark.real
def test_the_real_order_of_ikonos_is_refused_by_name(data_folder: Path) -> None:
    files = FolderFiles(data_folder / "vhr-metadata")
    name = "gdal-gcore/md_ge_metadata.txt"
    assert geoeye.claims(name, files.head(name))
    with pytest.raises(UnsupportedSensorError, match="not supported: IKONOS-2"):
        geoeye.parse(name, files)


def test_one_file_per_band_is_stacked_by_the_names() -> None:
    found = read(TEXT, *(f"po_1_{code}_0000000.tif" for code in ("nir", "red", "grn", "blu")), "po_2_rgb_0000000.tif")
    assert (found.sensor, found.platform, found.product) == ("GE1", "GeoEye-1", "po_1")
    assert [band.name for band in found.bands] == ["blue", "green", "red", "nir"]
    assert found.parts[0] == PartRecord("po_1_blu_0000000.tif", (1,))
    assert found.parts[3] == PartRecord("po_1_nir_0000000.tif", (4,))
    assert {band.gain for band in found.bands} == {None}
    assert found.acquired == datetime(2012, 6, 1, 14, 0, tzinfo=UTC)
    assert (found.sun_elevation, found.sun_azimuth, found.off_nadir, found.view_azimuth) == (62.75, 141.2, 18.75, 124.5)
    assert (found.cloud_cover, found.bit_depth, found.orthorectified) == (16.0, 11, True)


def test_a_stack_has_the_order_of_its_letters() -> None:
    found = read(TEXT, "po_1_bgrn_0000000.tif")
    assert [band.name for band in found.bands] == ["blue", "green", "red", "nir"]
    assert found.parts == (PartRecord("po_1_bgrn_0000000.tif"),)


def test_without_names_that_tell_there_are_no_bands() -> None:
    assert read(TEXT, "po_1.tif").bands == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("GeoEye-1", "", "names no sensor"),
        ("Sun Angle Elevation: 62.75", "Sun Angle Elevation: high", "'high' is not a number"),
        ("Nominal Collection Elevation: 71.25", "Nominal Collection Elevation: 171", "cannot be true"),
        ("2012-06-01 14:00", "2012-06-41 14:00", "is not a time"),
        ("Product Image ID: 000", "Source Image ID: 2", "2 source images"),
        ("11 bits per pixel", "64 bits per pixel", "cannot be true"),
    ],
)
def test_damaged_text_is_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(MetadataError, match=message):
        read(TEXT.replace(old, new).replace("Sensor Name: \n", "").replace("Sensor: \n", ""))


@pytest.mark.parametrize(
    "images",
    [
        ("po_1_rgb_0000000.tif", "po_1_blu_0000000.tif"),
        ("po_1_rgb_0000000.tif", "po_1_bgrn_0000000.tif"),
        ("po_1_blu_0000000.tif", "po_1_grn_0010000.tif"),
        ("po_1_blu_0000000.tif", "po_1_blu_0000000.ntf"),
    ],
)
def test_images_that_do_not_make_one_set_are_refused(images: tuple[str, ...]) -> None:
    with pytest.raises(MetadataError, match=r"one set of images|several components"):
        read(TEXT, *images)
