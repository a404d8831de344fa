from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import dimap1
from bocage.scenes.metadata import ProductMetadata
from tests.scenes.dialects.dimap_documents import BOMB, GEOSAT, PLEIADES, changed
from tests.scenes.dialects.files import FolderFiles, MemoryFiles

NAME = "DE2_MS4_L1C_TEST.dim"


def parse(content: bytes) -> ProductMetadata:
    return dimap1.parse(NAME, MemoryFiles({NAME: content}))


def test_a_geosat_orthoimage_is_read_whole() -> None:
    metadata = parse(GEOSAT.encode())
    assert (metadata.dialect, metadata.sensor, metadata.platform) == ("dimap1", "GEOSAT2", "Geosat-2")
    assert metadata.product == "DE2_MS4_L1C_TEST"
    assert metadata.acquired == datetime(2023, 5, 23, 9, 28, 38, tzinfo=UTC)
    assert [(band.name, band.label) for band in metadata.bands] == [
        ("nir", "NIR"),
        ("red", "RED"),
        ("green", "GREEN"),
        ("blue", "BLUE"),
    ]
    assert [band.gain for band in metadata.bands] == [0.0068, 0.0111, 0.0131, 0.0143]
    assert [band.offset for band in metadata.bands] == [-0.0068, -0.0111, -0.0131, -0.0143]
    assert [band.solar_irradiance for band in metadata.bands] == [1076.885158, 1517.427492, 1794.381858, 1811.593874]
    assert [(part.name, part.bands, part.tile) for part in metadata.parts] == [("DE2_MS4_L1C_TEST.tif", (), (1, 1))]
    assert (metadata.sun_elevation, metadata.sun_azimuth) == (54.7151, 120.377)
    assert (metadata.off_nadir, metadata.view_azimuth) == (10.9, 262.4)
    assert metadata.cloud_cover is None
    assert (metadata.nodata, metadata.saturation) == (0.0, None)
    assert metadata.orthorectified is True


def test_the_bits_are_those_of_the_file_not_of_the_sensor() -> None:
    assert parse(GEOSAT.encode()).bit_depth == 16


def test_bands_are_ordered_by_their_index_not_by_their_place() -> None:
    content = changed(
        GEOSAT,
        ("<BAND_INDEX>1<", "<BAND_INDEX>9<"),
        ("<BAND_INDEX>4<", "<BAND_INDEX>1<"),
        ("<BAND_INDEX>9<", "<BAND_INDEX>4<"),
    )
    assert [band.name for band in parse(content).bands] == ["blue", "red", "green", "nir"]


def test_pictures_without_a_unit_stay_uncalibrated() -> None:
    unit = "W m&lt;sup&gt;-2&lt;/sup&gt; &amp;micro;m&lt;sup&gt;-1&lt;/sup&gt;"
    metadata = parse(changed(GEOSAT, (unit, "N/A")))
    assert {(band.gain, band.offset) for band in metadata.bands} == {(None, None)}


def test_a_sensor_product_is_not_on_a_map() -> None:
    assert parse(changed(GEOSAT, ("ORTHORECTIFIED ENHANCED", "GEOLOCATED"))).orthorectified is False


def test_one_file_per_band_names_its_band() -> None:
    one = '<Data_File><DATA_FILE_PATH href="DE2_MS4_L1C_TEST.tif"/></Data_File>'
    four = "".join(
        f'<Data_File><BAND_INDEX>{band}</BAND_INDEX><DATA_FILE_PATH href="b{band}.tif"/></Data_File>'
        for band in (2, 1, 3, 4)
    )
    parts = parse(changed(GEOSAT, (one, four))).parts
    assert [(part.name, part.bands) for part in parts] == [
        ("b2.tif", (2,)),
        ("b1.tif", (1,)),
        ("b3.tif", (3,)),
        ("b4.tif", (4,)),
    ]
    with pytest.raises(MetadataError, match="the files of 4"):
        parse(changed(GEOSAT, (one, four.replace("<BAND_INDEX>3<", "<BAND_INDEX>4<"))))


def test_the_cloud_cover_is_read_where_it_is_stated() -> None:
    change = ("<QUALITY_PARAMETER_VALUE/>", "<QUALITY_PARAMETER_VALUE>7.5</QUALITY_PARAMETER_VALUE>")
    assert parse(changed(GEOSAT, change)).cloud_cover == 7.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([("<MISSION>Deimos 2</MISSION>", "<MISSION></MISSION>")], "MISSION"),
        ([("<START_TIME>2023-05-23T09:28:38</START_TIME>", "")], "IMAGING_DATE"),
        ([("<START_TIME>2023-05-23T", "<START_TIME>2023-15-23T")], "is not a time"),
        ([("<NBANDS>4<", "<NBANDS>5<")], "has 5 bands but describes 4"),
        ([("<NBANDS>4<", "<NBANDS>3<")], "beyond the 3 bands"),
        ([("<BAND_INDEX>2<", "<BAND_INDEX>1<")], "stands twice"),
        ([("<BAND_INDEX>1<", "<BAND_INDEX>0<")], "stands twice or beyond"),
        ([("<BAND_INDEX>1<", "<BAND_INDEX>one<")], "is not a number"),
        ([(">RED</BAND_DESCRIPTION>", ">NIR</BAND_DESCRIPTION>")], "two bands alike"),
        ([("<BAND_DESCRIPTION>RED</BAND_DESCRIPTION>", "")], "BAND_DESCRIPTION"),
        ([("<PHYSICAL_GAIN>0.0068<", "<PHYSICAL_GAIN>0<")], "cannot be true"),
        ([("<PHYSICAL_GAIN>0.0068<", "<PHYSICAL_GAIN>-0.0068<")], "cannot be true"),
        ([("<PHYSICAL_GAIN>0.0068<", "<PHYSICAL_GAIN>small<")], "is not a number"),
        ([("<PHYSICAL_BIAS>-0.0068</PHYSICAL_BIAS>", "")], "lacks PHYSICAL_GAIN or PHYSICAL_BIAS"),
        ([("<ESUN>1076.885158<", "<ESUN>0<")], "cannot be true"),
        ([('<SUN_ELEVATION unit="DEG">54.7151<', '<SUN_ELEVATION unit="DEG">400<')], "cannot be true"),
        ([('<SUN_AZIMUTH unit="DEG">120.377<', '<SUN_AZIMUTH unit="DEG">400<')], "cannot be true"),
        ([('<VIEWING_ANGLE unit="DEG">-10.9<', '<VIEWING_ANGLE unit="DEG">400<')], "cannot be true"),
        ([('href="DE2_MS4_L1C_TEST.tif"', 'href="/DE2.tif"')], "outside its folder"),
        ([('href="DE2_MS4_L1C_TEST.tif"', 'href="a/../../DE2.tif"')], "outside its folder"),
        ([('<DATA_FILE_PATH href="DE2_MS4_L1C_TEST.tif"/>', "")], "outside its folder"),
        ([("Data_File>", "File>")], "names no raster file"),
        ([("<Dimap_Document", BOMB + "<Dimap_Document")], "entities"),
        ([("</Dimap_Document>", "")], "well-formed"),
    ],
)
def test_a_damaged_document_is_refused(changes: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(MetadataError, match=said) as caught:
        parse(changed(GEOSAT, *changes))
    assert caught.value.problem.startswith(NAME)
    assert caught.value.mend


@pytest.mark.parametrize(
    ("mission", "index", "said"),
    [("SPOT", "5", "SPOT 5"), ("Formosat", "2", "Formosat 2"), ("ALSAT 1B", "", "ALSAT 1B")],
)
def test_another_satellite_is_refused_by_name(mission: str, index: str, said: str) -> None:
    content = changed(
        GEOSAT,
        ("<MISSION>Deimos 2</MISSION><MISSION_INDEX>0001<", f"<MISSION>{mission}</MISSION><MISSION_INDEX>{index}<"),
    )
    with pytest.raises(UnsupportedSensorError) as caught:
        parse(content)
    assert caught.value.problem == f"{NAME}: not supported: {said}"


def test_files_of_snap_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedSensorError, match="BEAM-DATAMODEL-V1"):
        parse(changed(GEOSAT, (">GEOSAT<", ">BEAM-DATAMODEL-V1<")))


def test_only_documents_of_images_are_claimed() -> None:
    assert dimap1.claims("METADATA.DIM", GEOSAT.encode()[:4096])
    assert not dimap1.claims("VOL_LIST.DIM", changed(GEOSAT, (">GEOSAT<", ">SPOT_VOLUME<"))[:4096])
    assert not dimap1.claims("DIM.XML", PLEIADES.encode()[:4096])
    assert not dimap1.claims("a.dim", b"")


@given(st.data())
def test_a_mutated_document_gives_an_error_of_ours_or_a_sound_result(data: st.DataObject) -> None:
    content = bytearray(GEOSAT.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] = data.draw(st.integers(0, 255))
        else:
            del content[place : place + data.draw(st.integers(1, 60))]
    try:
        metadata = parse(bytes(content))
    except (MetadataError, UnsupportedSensorError):
        return
    assert metadata.sensor == "GEOSAT2"
    assert len(metadata.bands) == 4
    assert all(band.gain is None or band.gain > 0 for band in metadata.bands)


REAL = {
    "vhr-metadata/gdal-gcore/spot/METADATA.DIM": (UnsupportedSensorError, "not supported: SPOT 4"),
    "vhr-metadata/gdal-gdrivers/dimap/METADATA.DIM": (UnsupportedSensorError, "not supported: SPOT 4"),
    # A form that nobody filled in.
    "vhr-metadata/otb/METADATA.DIM": (MetadataError, "MISSION"),
}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_documents_of_other_families_are_refused(name: str, data_folder: Path) -> None:
    files = FolderFiles((data_folder / name).parent)
    assert dimap1.claims("METADATA.DIM", files.head("METADATA.DIM"))
    kind, said = REAL[name]
    with pytest.raises(kind, match=said):
        dimap1.parse("METADATA.DIM", files)
