"""Families that are not supported."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage.errors import UnsupportedSensorError
from bocage.scenes.dialects import foreign
from tests.scenes.dialects.files import FolderFiles, MemoryFiles

REAL = {
    "gdal-gcore/alos/summary.txt": "ALOS",
    "gdal-gcore/md_eros.pass": "EROS-B1",
    "gdal-gcore/md_ls_MTL.txt": "Landsat-8",
    "gdal-gcore/md_ov.pvl": "OrbView-3",
    "gdal-gcore/md_rdk1.xml": "Resurs-DK1",
    "gdal-gcore/md_re_metadata.xml": "RapidEye",
    "otb/Arcachon_extrait_3852_3319_546_542.IMD": "SPOT-5",
}


@pytest.mark.real
@pytest.mark.parametrize(("name", "family"), REAL.items())
def test_real_files_are_refused_by_name(name: str, family: str, data_folder: Path) -> None:
    files = FolderFiles(data_folder / "vhr-metadata")
    assert foreign.claims(name, files.head(name))
    with pytest.raises(UnsupportedSensorError) as caught:
        foreign.parse(name, files)
    assert caught.value.problem == f"{name}: not supported: {family}"
    assert caught.value.mend


@pytest.mark.parametrize(
    ("name", "content", "family"),
    [
        ("a_metadata.xml", b'<?xml version="1.0"?><ps:EarthObservation xmlns:ps="x">', "PlanetScope"),
        ("MTD_MSIL1C.xml", b"<n1:Level-1C_User_Product>", "Sentinel-2"),
        ("GF2.xml", b"<ProductMetaData><SatelliteID>GF2</SatelliteID>", "GF2"),
    ],
)
def test_made_files_are_refused_by_name(name: str, content: bytes, family: str) -> None:
    files = MemoryFiles({name: content})
    assert foreign.claims(name, files.head(name))
    with pytest.raises(UnsupportedSensorError, match=f"not supported: {family}"):
        foreign.parse(name, files)


@pytest.mark.parametrize(
    "head", [b"", b"\xff" * 4096, b"LINE_OFF: 1", b"<isd>", b"<ProductMetaData><SatelliteID>SV1-01<"]
)
def test_nothing_else_is_claimed(head: bytes) -> None:
    assert not foreign.claims("a.xml", head)
