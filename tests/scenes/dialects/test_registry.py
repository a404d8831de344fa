"""Which dialect reads which file, over every real sample and over made ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage.errors import MetadataError, SceneError, UnsupportedSensorError
from bocage.scenes.deliveries.files import METADATA_LIMIT
from bocage.scenes.dialects.registry import DIALECTS, SUFFIXES, read_metadata
from bocage.scenes.dialects.signatures import suffix
from tests.scenes.dialects.files import FolderFiles, MemoryFiles

FOLDER = "vhr-metadata"

# Read by eye from the files. The letters are the bands in their order, "-" is one that is neither red, green, blue nor
# near infrared; no letters where the file truly names no bands (samples that were cut for the tests of GDAL).
PARSED = {
    "gdal-gcore/md_dg.IMD": ("digitalglobe", "WorldView-3", "2010-04-01T12:00:00Z", ""),
    "gdal-gcore/md_dg_2.XML": ("digitalglobe", "WorldView-3", "2011-05-01T13:00:00Z", ""),
    "gdal-gdrivers/dimap2/bundle/DIM_foo.XML": ("dimap2", "PHR1A", "2016-06-17T12:34:56Z", "RGBN"),
    "gdal-gdrivers/dimap2/primary_rpc_center_h/DIM_PNEO3_STD_x_1_1_F_1.XML": ("dimap2", "", "", "-"),
    "gdal-gdrivers/dimap2/single_component/DIM_foo.XML": ("dimap2", "PHR1A", "2016-06-17T12:34:56Z", "RGBN"),
    "gdal-gdrivers/dimap2/vhr2020_ms_fs/MS-FS/DIM_MS-FS.XML": ("dimap2", "PNEO4", "2017-04-12T11:06:01Z", "RGBN--"),
    "gdal-gdrivers/jpeg2000/DIM_md_ple.XML": ("dimap2", "PHR1A", "2015-01-01T00:00:00Z", ""),
    "gdal-gdrivers/jpeg2000/DIM_md_pneo.XML": ("dimap2", "PNEO3", "2021-08-27T00:00:00Z", ""),
    "gdal-gdrivers/til/testtil.imd": ("digitalglobe", "WorldView-3", "2015-01-01T00:00:00Z", ""),
    "gdal-gdrivers/til/testtil.til": ("digitalglobe", "WorldView-3", "2015-01-01T00:00:00Z", ""),
    "gdal-gdrivers/til/testtil2.til": ("digitalglobe", "WorldView-3", "2015-01-01T00:00:00Z", ""),
    "gdal-gdrivers/til/testtil2.xml": ("digitalglobe", "WorldView-3", "2015-01-01T00:00:00Z", ""),
    "otb/WV2_MUL_ROI_1000_100.geom": ("keywords", "WorldView-2", "2009-12-10T10:30:18Z", "-BG-R-N-"),
    "otb/WV2_PAN_ROI_1000_100.geom": ("keywords", "WorldView-2", "2009-12-10T10:30:18Z", "-"),
    "otb/geoeye1-1.geom": ("keywords", "GeoEye-1", "2009-06-30T10:48:00Z", "BGRN"),
    "otb/maido.geom": ("keywords", "PHR1A", "2012-06-05T06:30:06Z", "RGBN"),
    "otb/phr_pan.geom": ("keywords", "PHR1A", "2012-11-15T11:05:04Z", "-"),
    "otb/phr_xs.geom": ("keywords", "PHR1A", "2012-11-15T11:05:04Z", "RGBN"),
    "otb/pleiades-1.geom": ("keywords", "PHR1A", "2012-01-15T11:00:18Z", "RGBN"),
    "otb/spot6-1.geom": ("keywords", "SPOT6", "2012-12-07T10:20:27Z", "RGBN"),
    "otb/spot6-2.geom": ("keywords", "SPOT6", "2012-12-07T10:20:27Z", "RGBN"),
    "otb/wv2-1.geom": ("keywords", "WorldView-2", "2009-12-10T10:30:18Z", "-"),
    "otb/wv2-2.geom": ("keywords", "WorldView-2", "2009-12-10T10:30:18Z", "-BG-R-N-"),
    "pleiades/PHRDIMAP_P1BP--2017030824934340CP.XML": ("pleiades_archive", "PHR1B", "2017-03-08T06:55:34Z", "-"),
    "pleiades/PHRDIMAP_P1BP--2018122638935449CP.XML": ("pleiades_archive", "PHR1B", "2018-12-26T10:48:55Z", "-"),
    "rpc/rpc_WV2.xml": ("digitalglobe", "WorldView-2", "2015-09-30T10:56:56Z", "RGB"),
}

REFUSED = {
    "gdal-gcore/alos/summary.txt": "ALOS",
    "gdal-gcore/md_eros.pass": "EROS-B1",
    "gdal-gcore/md_ge_metadata.txt": "IKONOS-2",
    "gdal-gcore/md_kompsat.txt": "KOMPSAT-2",
    "gdal-gcore/md_ls_MTL.txt": "Landsat-8",
    "gdal-gcore/md_ov.pvl": "OrbView-3",
    "gdal-gcore/md_rdk1.xml": "Resurs-DK1",
    "gdal-gcore/md_re_metadata.xml": "RapidEye",
    "gdal-gcore/spot/METADATA.DIM": "SPOT 4",
    "gdal-gdrivers/dimap/METADATA.DIM": "SPOT 4",
    "otb/Arcachon_extrait_3852_3319_546_542.IMD": "SPOT-5",
    "otb/FORMOSAT_ROI_1000_100.geom": "Formosat 2",
    "otb/IKONOS_BLOSSEVILLE_ROI_1000_100.geom": "IKONOS-2",
    "otb/QB_MUL_ROI_1000_100.geom": "QuickBird-2",
    "otb/ikonos-1.geom": "IKONOS-2",
    "otb/ikonos-2.geom": "IKONOS-2",
    "otb/qb-1.geom": "QuickBird-2",
    "otb/qb-2.geom": "QuickBird-2",
    "otb/rapideye-1.geom": "RapidEye",
    "rpc/rpc_WV1.xml": "WorldView-1",
    "rpc/rpc_WV3.xml": "WorldView-1",
}

DAMAGED = {
    "gdal-gdrivers/dimap2/bundle/DIM_foo2.XML": "has 1 bands but displays 4: B2, B1, B0, B3",
    "otb/METADATA.DIM": "has no Dataset_Sources/Source_Information/Scene_Source/MISSION",
}

NOT_METADATA = {
    "gdal-gcore/alos/RPC-md_alos.txt",
    "gdal-gcore/md_ge_rgb_0010000_rpc.txt",
    "gdal-gcore/md_ov_rpc.txt",
    "gdal-gcore/test_rpc.txt",
    "gdal-gdrivers/dimap2/bundle/RPC_foo.XML",
    "gdal-gdrivers/dimap2/bundle/STRIP_foo_DIM.XML",
    "gdal-gdrivers/dimap2/bundle/VOL_PHR.XML",
    "gdal-gdrivers/dimap2/primary_rpc_center_h/RPC_PNEO3_STD_x_1_1_F_1.XML",
    "gdal-gdrivers/dimap2/single_component/RPC_foo.XML",
    "gdal-gdrivers/dimap2/single_component/STRIP_foo_DIM.XML",
    "gdal-gdrivers/dimap2/single_component/VOL_PHR.XML",
    "gdal-gdrivers/dimap2/vhr2020_ms_fs/VOL_PNEO.XML",
    "gdal-gdrivers/jpeg2000/RPC_md_ple.XML",
    "gdal-gdrivers/jpeg2000/RPC_md_pneo.XML",
    "pleiades/RPC_P1BP--2017092838284574CP.XML",
    "pleiades/RPC_P1BP--2017092838319324CP.XML",
    "pleiades/RPC_PHR1B_P_201709281038045_SEN_PRG_FC_178608-001.XML",
    "pleiades/RPC_PHR1B_P_201709281038393_SEN_PRG_FC_178609-001.XML",
    "rpc/rpc_PLEIADES.xml",
    "rpc/rpc_SPOT6.xml",
}

UNKNOWN = [b"\n", b"<a/>", b"{}", b"\x00\xff" * 3000, b"<<<<", b"BEGIN_GROUP = "]
OTHER_SUFFIXES = {"", ".tif", ".jp2", ".rpc", ".rpb", ".vrt"}
LETTERS = {"red": "R", "green": "G", "blue": "B", "nir": "N", "other": "-"}


@pytest.mark.real
def test_no_real_file_is_forgotten(data_folder: Path) -> None:
    names = FolderFiles(data_folder / FOLDER).names
    told = {*PARSED, *REFUSED, *DAMAGED, *NOT_METADATA}
    assert len(told) == len(PARSED) + len(REFUSED) + len(DAMAGED) + len(NOT_METADATA)
    assert {name for name in names if suffix(name) not in OTHER_SUFFIXES} == told
    assert all(suffix(name) in SUFFIXES for name in told)


@pytest.mark.real
@pytest.mark.parametrize("name", PARSED)
def test_real_files_are_read(name: str, data_folder: Path) -> None:
    metadata = read_metadata(name, FolderFiles(data_folder / FOLDER))
    assert metadata is not None
    acquired = f"{metadata.acquired:%Y-%m-%dT%H:%M:%SZ}" if metadata.acquired else ""
    bands = "".join(LETTERS[band.name] for band in metadata.bands)
    assert (metadata.dialect, metadata.platform, acquired, bands) == PARSED[name]


@pytest.mark.real
@pytest.mark.parametrize(("name", "sensor"), REFUSED.items())
def test_real_files_of_other_sensors_are_refused_by_name(name: str, sensor: str, data_folder: Path) -> None:
    with pytest.raises(UnsupportedSensorError) as caught:
        read_metadata(name, FolderFiles(data_folder / FOLDER))
    assert caught.value.problem == f"{name}: not supported: {sensor}"
    assert caught.value.mend


@pytest.mark.real
@pytest.mark.parametrize(("name", "problem"), DAMAGED.items())
def test_real_files_that_contradict_themselves_are_refused(name: str, problem: str, data_folder: Path) -> None:
    with pytest.raises(MetadataError) as caught:
        read_metadata(name, FolderFiles(data_folder / FOLDER))
    assert caught.value.problem == f"{name} {problem}"


@pytest.mark.real
def test_real_rasters_and_models_are_no_metadata(data_folder: Path) -> None:
    files = FolderFiles(data_folder / FOLDER)
    others = {name for name in files.names if suffix(name) in OTHER_SUFFIXES} | NOT_METADATA
    assert [name for name in sorted(others) if read_metadata(name, files) is not None] == []


def test_every_dialect_is_asked_once_and_those_of_many_families_last() -> None:
    names = [dialect.__name__.rpartition(".")[2] for dialect in DIALECTS]  # type: ignore[attr-defined]
    assert len(set(names)) == len(names)
    assert names[0] == "foreign"
    for one_family in ("vision1", "superview", "triplesat", "pleiades_archive"):
        assert names.index(one_family) < min(names.index("dimap2"), names.index("dimap1"))


@pytest.mark.parametrize("end", [".xml", ".XML", ".eph", ".txt", ".json", ".geom", ".dim", ".pvl", ".pass"])
@pytest.mark.parametrize("content", [b"", *UNKNOWN])
def test_what_nobody_knows_is_no_metadata(end: str, content: bytes) -> None:
    assert read_metadata(f"a{end}", MemoryFiles({f"a{end}": content})) is None


@pytest.mark.parametrize("end", [".imd", ".IMD", ".til"])
@pytest.mark.parametrize("content", UNKNOWN)
def test_a_damaged_file_whose_suffix_tells_the_dialect_is_refused(end: str, content: bytes) -> None:
    with pytest.raises(MetadataError, match=f"a{end}"):
        read_metadata(f"a{end}", MemoryFiles({f"a{end}": content}))


@pytest.mark.parametrize("name", ["a.tif", "a.exe", "a", ".xml", "a.xml.zip"])
def test_other_suffixes_are_not_looked_into(name: str) -> None:
    assert read_metadata(name, MemoryFiles({name: b"<isd><IMD/></isd>"})) is None


def test_a_file_too_large_for_metadata_is_refused_only_where_it_is_claimed() -> None:
    filler = b" " * METADATA_LIMIT
    files = MemoryFiles({"a.xml": b"<isd>" + filler, "b.xml": b"<other>" + filler})
    with pytest.raises(SceneError, match=r"a\.xml has \d+ bytes"):
        read_metadata("a.xml", files)
    assert read_metadata("b.xml", files) is None


@pytest.mark.parametrize(
    ("platform", "dialect"),
    [("SuperView", "superview"), ("TripleSat", "triplesat")],
)
def test_a_dimap_document_of_one_family_goes_to_its_own_module(platform: str, dialect: str) -> None:
    head = f"<Dimap_Document><Scene_Source><MISSION>{platform}</MISSION>".encode()
    claiming = [each.__name__.rpartition(".")[2] for each in DIALECTS if each.claims("DIM_a.xml", head)]  # type: ignore[attr-defined]
    assert claiming[:1] == [dialect]
