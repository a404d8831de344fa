from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import dimap2
from bocage.scenes.metadata import ProductMetadata
from tests.scenes.dialects.dimap_documents import BOMB, GEOSAT, PLEIADES, changed, neo
from tests.scenes.dialects.files import FolderFiles, MemoryFiles

NAME = "DIM_PHR1B_MS_TEST.XML"


def parse(content: bytes, name: str = NAME) -> ProductMetadata:
    return dimap2.parse(name, MemoryFiles({name: content}))


def gains(metadata: ProductMetadata) -> list[float]:
    """Return what a maker writes as GAIN: the inverse of the factor."""
    return [round(1.0 / band.gain, 9) for band in metadata.bands if band.gain]


def test_a_pleiades_orthoimage_is_read_whole() -> None:
    metadata = parse(PLEIADES.encode())
    assert (metadata.dialect, metadata.sensor, metadata.platform) == ("dimap2", "PHR", "PHR1B")
    assert metadata.product == "PHR1B_MS_TEST"
    assert metadata.acquired == datetime(2021, 6, 14, 10, 41, 7, 300_000, tzinfo=UTC)
    assert [(band.name, band.label) for band in metadata.bands] == [
        ("red", "B2"),
        ("green", "B1"),
        ("blue", "B0"),
        ("nir", "B3"),
    ]
    assert gains(metadata) == [12.5, 10.0, 8.0, 16.0]
    assert [band.offset for band in metadata.bands] == [0.0, 0.0, 0.5, 0.0]
    assert [band.solar_irradiance for band in metadata.bands] == [1547.8, 1835.6, 1912.0, None]
    assert [(part.name, part.bands, part.tile) for part in metadata.parts] == [
        ("IMG_R1C1.JP2", (), (1, 1)),
        ("IMG_R2C1.JP2", (), (2, 1)),
    ]
    assert metadata.numbers == "counts"
    assert (metadata.sun_elevation, metadata.sun_azimuth) == (48.25, 151.5)
    assert metadata.off_nadir == 14.1
    assert metadata.cloud_cover == 12.5
    assert (metadata.nodata, metadata.saturation, metadata.bit_depth) == (0.0, 4095.0, 12)
    assert metadata.orthorectified is True
    assert metadata.georeference == ("EPSG:3035", Affine(2, 0, 4000000, 0, -2, 2900000))
    assert metadata.cloud_masks == ("MASKS/CLD.GML",)


def test_pleiades_states_the_azimuth_of_its_scan_axis_from_which_that_of_the_satellite_follows() -> None:
    # The satellite stands 45 degrees to the right of an axis that points south: in the south-west.
    assert parse(PLEIADES.encode()).view_azimuth == pytest.approx(225.0)


def test_spot_states_the_azimuth_of_the_satellite_itself() -> None:
    content = changed(
        PLEIADES,
        ("PHR_ORTHO", "S7_ORTHO"),
        ("<MISSION>PHR</MISSION><MISSION_INDEX>1B<", "<MISSION>SPOT</MISSION><MISSION_INDEX>7<"),
        ("<AZIMUTH_ANGLE>180<", "<AZIMUTH_ANGLE>271.68<"),
        ("<LOCATION_TYPE>Center<", "<LOCATION_TYPE>CENTER<"),
    )
    metadata = parse(content)
    assert (metadata.sensor, metadata.platform) == ("SPOT", "SPOT7")
    assert metadata.view_azimuth == 271.68


def test_pleiades_neo_has_two_stacks_of_bands() -> None:
    metadata = parse(neo().encode())
    assert (metadata.sensor, metadata.platform) == ("PNEO", "PNEO4")
    assert [band.name for band in metadata.bands] == ["red", "green", "blue", "nir", "other", "other"]
    assert [(part.name, part.bands) for part in metadata.parts] == [
        ("IMG_RGB_R1C1.TIF", (1, 2, 3)),
        ("IMG_NED_R1C1.TIF", (4, 5, 6)),
    ]
    assert gains(metadata) == [12.5, 10.0, 8.0, 16.0]


def test_the_angle_of_incidence_stands_in_for_a_missing_viewing_angle() -> None:
    content = changed(PLEIADES, ('<VIEWING_ANGLE unit="deg">14.1</VIEWING_ANGLE>', ""))
    assert parse(content).off_nadir == 15.9


def test_reflectance_products_hold_ten_thousandths() -> None:
    content = changed(PLEIADES, (">BASIC<", ">REFLECTANCE<"))
    metadata = parse(content)
    assert metadata.numbers == "reflectance"
    assert {(band.gain, band.offset) for band in metadata.bands} == {(1e-4, 0.0)}


def test_a_reflectance_record_goes_before_the_rule() -> None:
    record = (
        "<Band_Reflectance><BAND_ID>B2</BAND_ID><MEASURE_DESC>Formulae: RHO=RHO'/GAIN+BIAS</MEASURE_DESC>"
        "<GAIN>20000</GAIN><BIAS>0</BIAS></Band_Reflectance></Band_Measurement_List>"
    )
    metadata = parse(changed(PLEIADES, (">BASIC<", ">REFLECTANCE<"), ("</Band_Measurement_List>", record)))
    assert [band.gain for band in metadata.bands] == [5e-5, 1e-4, 1e-4, 1e-4]


@pytest.mark.parametrize(
    "change",
    [
        (">BASIC<", ">DISPLAY<"),
        (">BASIC<", ">LINEAR_STRETCH<"),
        ("<RADIOMETRIC_STRETCH>false<", "<RADIOMETRIC_STRETCH>true<"),
        (
            "<Dynamic_Range>",
            "<Dynamic_Adjustment><ADJUSTMENT_TYPE>AUTO</ADJUSTMENT_TYPE></Dynamic_Adjustment><Dynamic_Range>",
        ),
    ],
)
def test_numbers_that_were_adjusted_for_display_stay_uncalibrated(change: tuple[str, str]) -> None:
    metadata = parse(changed(PLEIADES, change))
    assert metadata.numbers == "counts"
    assert {(band.gain, band.offset) for band in metadata.bands} == {(None, None)}


def test_eight_bit_reflectance_without_a_record_stays_uncalibrated() -> None:
    content = changed(PLEIADES, (">BASIC<", ">REFLECTANCE<"), ("<PRODUCT_RANGE>12<", "<PRODUCT_RANGE>8<"))
    assert {band.gain for band in parse(content).bands} == {None}


def test_placeholders_of_stripped_documents_are_silent() -> None:
    content = changed(
        PLEIADES,
        ("<GAIN>8</GAIN><BIAS>0.5</BIAS>", "<GAIN>GAIN</GAIN><BIAS>BIAS</BIAS>"),
        ('<SUN_ELEVATION unit="deg">48.25<', '<SUN_ELEVATION unit="deg">CENTER_SUN_ELEVATION<'),
    )
    metadata = parse(content)
    assert metadata.sun_elevation is None
    assert [band.gain is None for band in metadata.bands] == [False, False, True, False]


def test_a_sensor_product_is_not_on_a_map() -> None:
    content = changed(PLEIADES, ("<PROCESSING_LEVEL>ORTHO<", "<PROCESSING_LEVEL>SENSOR<"), (">GROUND<", ">SENSOR<"))
    metadata = parse(content)
    assert metadata.orthorectified is False
    assert metadata.georeference is None


def test_positions_of_pixel_centres_are_moved_to_the_corner() -> None:
    content = changed(PLEIADES, ("<PIXEL_ORIENTATION>UL<", "<PIXEL_ORIENTATION>CENTER<"))
    georeference = parse(content).georeference
    assert georeference is not None
    assert (georeference[1].c, georeference[1].f) == (3999999.0, 2900001.0)


def test_a_panchromatic_product_has_a_band_that_is_not_used() -> None:
    content = changed(
        PLEIADES,
        ("<NBANDS>4<", "<NBANDS>1<"),
        (">B2</RED_CHANNEL>", ">P</RED_CHANNEL>"),
        (">B1</GREEN_CHANNEL>", ">P</GREEN_CHANNEL>"),
        (">B0</BLUE_CHANNEL>", ">P</BLUE_CHANNEL>"),
        ("<ALPHA_CHANNEL>B3</ALPHA_CHANNEL>", ""),
    )
    assert [(band.name, band.label) for band in parse(content).bands] == [("other", "P")]


def test_a_document_without_raster_data_says_nothing_of_bands() -> None:
    start, end = PLEIADES.index("<Raster_Data>"), PLEIADES.index("</Raster_Data>") + len("</Raster_Data>")
    metadata = parse((PLEIADES[:start] + PLEIADES[end:]).encode())
    assert metadata.bands == ()
    assert metadata.parts == ()
    assert metadata.platform == "PHR1B"


def test_paths_are_spelled_as_the_file_system_spells_them() -> None:
    files = MemoryFiles({f"a/{NAME}": PLEIADES.encode(), "a/img_r1c1.jp2": b"", "a/IMG_R2C1.JP2": b""})
    metadata = dimap2.parse(f"a/{NAME}", files)
    assert [part.name for part in metadata.parts] == ["img_r1c1.jp2", "IMG_R2C1.JP2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([("<IMAGING_DATE>2021-06-14</IMAGING_DATE>", "")], "IMAGING_DATE"),
        ([("<IMAGING_TIME>10:41:07.3Z<", "<IMAGING_TIME>25:41:07<")], "is not a time"),
        ([("<IMAGING_DATE>2021-", "<IMAGING_DATE>1921-")], "cannot be true"),
        ([("<MISSION>PHR</MISSION>", "<MISSION></MISSION>")], "MISSION"),
        ([("PHR_ORTHO", "S6_ORTHO")], "contradicts itself"),
        ([("<GAIN>8</GAIN>", "<GAIN>eight</GAIN>")], "is not a number"),
        ([("<GAIN>8</GAIN>", "<GAIN>0</GAIN>")], "cannot be true"),
        ([("<GAIN>8</GAIN>", "<GAIN>-8</GAIN>")], "cannot be true"),
        ([("<GAIN>8</GAIN>", "<GAIN>nan</GAIN>")], "cannot be true"),
        ([("<GAIN>8</GAIN>", "")], "only one of GAIN and BIAS"),
        ([("L=DN/GAIN+BIAS", "L=RHO/GAIN+BIAS")], "does not state the formula"),
        ([("<VALUE>1912<", "<VALUE>19120<")], "cannot be true"),
        ([("<Band_Radiance><BAND_ID>B1<", "<Band_Radiance><BAND_ID>B2<")], "two Band_Radiance records"),
        ([('<SUN_ELEVATION unit="deg">48.25<', '<SUN_ELEVATION unit="deg">400<')], "cannot be true"),
        ([('<SUN_AZIMUTH unit="deg">151.5<', '<SUN_AZIMUTH unit="deg">south<')], "is not a number"),
        ([('<VIEWING_ANGLE unit="deg">14.1<', '<VIEWING_ANGLE unit="deg">400<')], "cannot be true"),
        ([('<CLOUD_COVERAGE unit="percent">12.5<', '<CLOUD_COVERAGE unit="percent">101<')], "cannot be true"),
        ([("<PRODUCT_RANGE>12<", "<PRODUCT_RANGE>64<")], "cannot be true"),
        ([("<PIXEL_ORIENTATION>UL<", "<PIXEL_ORIENTATION>UP<")], "PIXEL_ORIENTATION"),
        ([('href="IMG_R2C1.JP2"', 'href="/etc/passwd"')], "outside its folder"),
        ([('href="IMG_R2C1.JP2"', 'href="../../IMG_R2C1.JP2"')], "outside its folder"),
        ([('href="MASKS/CLD.GML"', 'href="http://example.org/CLD.GML"')], "outside its folder"),
        ([("<Dimap_Document>", BOMB + "<Dimap_Document>")], "entities"),
        ([("</Dimap_Document>", "")], "well-formed"),
        ([("<Dimap_Document>", "<Other>"), ("</Dimap_Document>", "</Other>")], "not a DIMAP document"),
    ],
)
def test_a_damaged_document_is_refused(changes: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(MetadataError, match=said) as caught:
        parse(changed(PLEIADES, *changes))
    assert caught.value.problem.startswith(NAME)
    assert caught.value.mend


def test_a_mosaic_of_several_days_or_satellites_is_refused() -> None:
    strip = PLEIADES[PLEIADES.index("<Strip_Source>") : PLEIADES.index("</Strip_Source>") + len("</Strip_Source>")]
    second = "<Source_Identification>{}</Source_Identification></Dataset_Sources>"
    same = second.format(strip.replace("10:41:07.3Z", "10:41:05.0Z"))
    assert parse(changed(PLEIADES, ("</Dataset_Sources>", same))).acquired == datetime(
        2021, 6, 14, 10, 41, 5, tzinfo=UTC
    )
    later = second.format(strip.replace("06-14", "06-15"))
    with pytest.raises(MetadataError, match="several days"):
        parse(changed(PLEIADES, ("</Dataset_Sources>", later)))
    other = second.format(strip.replace("1B", "1A"))
    with pytest.raises(MetadataError, match="2 satellites"):
        parse(changed(PLEIADES, ("</Dataset_Sources>", other)))


@pytest.mark.parametrize(
    ("profile", "mission", "index", "said"),
    [
        ("PER1_ORTHO", "PER", "1", "PER 1"),
        ("X_ORTHO", "SuperView", "1", "SuperView 1"),
        ("S8_ORTHO", "SPOT", "8", "SPOT 8"),
    ],
)
def test_another_satellite_is_refused_by_name(profile: str, mission: str, index: str, said: str) -> None:
    content = changed(
        PLEIADES,
        ("PHR_ORTHO", profile),
        ("<MISSION>PHR</MISSION><MISSION_INDEX>1B<", f"<MISSION>{mission}</MISSION><MISSION_INDEX>{index}<"),
    )
    with pytest.raises(UnsupportedSensorError) as caught:
        parse(content)
    assert caught.value.problem == f"{NAME}: not supported: {said}"


def test_without_strips_the_profile_names_the_sensor() -> None:
    start, end = PLEIADES.index("<Dataset_Sources>"), PLEIADES.index("</Dataset_Sources>") + len("</Dataset_Sources>")
    bare = PLEIADES[:start] + PLEIADES[end:]
    metadata = parse(bare.encode())
    assert (metadata.sensor, metadata.platform, metadata.acquired) == ("PHR", "", None)
    with pytest.raises(UnsupportedSensorError, match="not supported: PER1"):
        parse(changed(bare, ("PHR_ORTHO", "PER1_ORTHO")))
    with pytest.raises(MetadataError, match="names no satellite"):
        parse(changed(bare, ("PHR_ORTHO", "")))


def test_only_documents_of_products_are_claimed() -> None:
    assert dimap2.claims("any.xml", PLEIADES.encode()[:4096])
    for part in ("RPC", "STRIP", "PROCESSING", "GROUND", "HEIGHT", "SINGLE_VOLUME"):
        assert not dimap2.claims(NAME, changed(PLEIADES, (">PRODUCT<", f">{part}<"))[:4096])
    assert not dimap2.claims("SPOT_PROD.XML", changed(PLEIADES, ("PHR_ORTHO", "PRODUCT"))[:4096])
    assert not dimap2.claims("a.dim", GEOSAT.encode()[:4096])
    assert not dimap2.claims("a.xml", b"<isd></isd>")
    assert not dimap2.claims("a.xml", b"")


@given(st.data())
def test_a_mutated_document_gives_an_error_of_ours_or_a_sound_result(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([PLEIADES, neo()])).encode())
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
    assert metadata.sensor in {"PHR", "PNEO", "SPOT"}
    assert all(band.gain is None or band.gain > 0 for band in metadata.bands)
    assert all(".." not in part.name and not part.name.startswith("/") for part in metadata.parts)


SAMPLES = "vhr-metadata/gdal-gdrivers"
REAL = {
    f"{SAMPLES}/dimap2/bundle/DIM_foo.XML": {
        "sensor": "PHR",
        "platform": "PHR1A",
        "product": "foo",
        "acquired": datetime(2016, 6, 17, 12, 34, 56, tzinfo=UTC),
        "bands": ("red", "green", "blue", "nir"),
        "gain": (None,) * 4,
        "irradiance": (None,) * 4,
        "parts": (("IMG_foo_R1C1.TIF", (), (1, 1)), ("IMG_foo_R2C1.TIF", (), (2, 1))),
        "special": (0.0, 4095.0, 12),
        "sun": (None, None),
        "view": (None, None),
        "masks": ("CLD_foo_MSK.GML",),
        "orthorectified": False,
    },
    f"{SAMPLES}/dimap2/single_component/DIM_foo.XML": {
        "sensor": "PHR",
        "platform": "PHR1A",
        "product": "foo",
        "acquired": datetime(2016, 6, 17, 12, 34, 56, tzinfo=UTC),
        "bands": ("red", "green", "blue", "nir"),
        "gain": (None,) * 4,
        "irradiance": (None,) * 4,
        "parts": (("IMG_foo_R1C1.TIF", (), (1, 1)), ("IMG_foo_R2C1.TIF", (), (2, 1))),
        "special": (0.0, 4095.0, 12),
        "sun": (None, None),
        "view": (None, None),
        "masks": ("CLD_foo_MSK.GML",),
        "orthorectified": False,
    },
    f"{SAMPLES}/dimap2/vhr2020_ms_fs/MS-FS/DIM_MS-FS.XML": {
        "sensor": "PNEO",
        "platform": "PNEO4",
        "product": "MS-FS",
        "acquired": datetime(2017, 4, 12, 11, 6, 1, 900_000, tzinfo=UTC),
        "bands": ("red", "green", "blue", "nir", "other", "other"),
        "gain": (1e-4,) * 6,
        "irradiance": (1553.1, 1817.5, 1975.3, 1063.1, 1350.4, 1790.8),
        "parts": (("IMG_RGB_R1C1.TIF", (1, 2, 3), (1, 1)), ("IMG_NED_R1C1.TIF", (4, 5, 6), (1, 1))),
        "special": (0.0, None, 16),
        "sun": (52.3271354095661, 165.76238124344286),
        "view": (10.12318337396411, 179.96867893793004),
        "masks": (),
        "orthorectified": True,
    },
    f"{SAMPLES}/dimap2/primary_rpc_center_h/DIM_PNEO3_STD_x_1_1_F_1.XML": {
        "sensor": "PNEO",
        "platform": "",
        "product": "PNEO3_STD_x_1_1_F_1",
        "acquired": None,
        "bands": ("other",),
        "gain": (None,),
        "irradiance": (None,),
        "parts": (("IMG_PNEO3_STD_x_1_1_F_1_P_R1C1.JP2", (), (1, 1)),),
        "special": (0.0, 32767.0, None),
        "sun": (None, None),
        "view": (None, None),
        "masks": (),
        "orthorectified": None,
    },
    f"{SAMPLES}/jpeg2000/DIM_md_ple.XML": {
        "sensor": "PHR",
        "platform": "PHR1A",
        "product": "md_ple",
        "acquired": datetime(2015, 1, 1, tzinfo=UTC),
        "bands": (),
        "gain": (),
        "irradiance": (),
        "parts": (),
        "special": (None, None, None),
        "sun": (None, None),
        "view": (None, None),
        "masks": (),
        "orthorectified": None,
    },
    f"{SAMPLES}/jpeg2000/DIM_md_pneo.XML": {
        "sensor": "PNEO",
        "platform": "PNEO3",
        "product": "md_pneo",
        "acquired": datetime(2021, 8, 27, tzinfo=UTC),
        "bands": (),
        "gain": (),
        "irradiance": (),
        "parts": (),
        "special": (None, None, None),
        "sun": (None, None),
        "view": (None, None),
        "masks": (),
        "orthorectified": None,
    },
}
"""What the real files say, read by eye. Those of GDAL's bundle are stripped of their numbers."""

REFUSED = {
    # One band, yet a display of four.
    f"{SAMPLES}/dimap2/bundle/DIM_foo2.XML": "has 1 bands but displays 4",
}

NOT_CLAIMED = (
    f"{SAMPLES}/dimap2/bundle/RPC_foo.XML",
    f"{SAMPLES}/dimap2/bundle/STRIP_foo_DIM.XML",
    f"{SAMPLES}/dimap2/bundle/VOL_PHR.XML",
    f"{SAMPLES}/dimap2/vhr2020_ms_fs/VOL_PNEO.XML",
    f"{SAMPLES}/jpeg2000/RPC_md_ple.XML",
    f"{SAMPLES}/dimap/METADATA.DIM",
    "vhr-metadata/pleiades/RPC_P1BP--2017092838284574CP.XML",
    "vhr-metadata/pleiades/PHRDIMAP_P1BP--2018122638935449CP.XML",
    "vhr-metadata/rpc/rpc_PLEIADES.xml",
    "vhr-metadata/rpc/rpc_SPOT6.xml",
    "vhr-metadata/rpc/rpc_WV3.xml",
    "vhr-metadata/otb/METADATA.DIM",
)


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_documents_say_what_the_eye_reads(name: str, data_folder: Path) -> None:
    files = FolderFiles((data_folder / name).parent)
    plain = Path(name).name
    assert dimap2.claims(plain, files.head(plain))
    metadata, expected = dimap2.parse(plain, files), REAL[name]
    assert {
        "sensor": metadata.sensor,
        "platform": metadata.platform,
        "product": metadata.product,
        "acquired": metadata.acquired,
        "bands": tuple(band.name for band in metadata.bands),
        "gain": tuple(band.gain for band in metadata.bands),
        "irradiance": tuple(band.solar_irradiance for band in metadata.bands),
        "parts": tuple((part.name, part.bands, part.tile) for part in metadata.parts),
        "special": (metadata.nodata, metadata.saturation, metadata.bit_depth),
        "sun": (metadata.sun_elevation, metadata.sun_azimuth),
        "view": (metadata.off_nadir, metadata.view_azimuth),
        "masks": metadata.cloud_masks,
        "orthorectified": metadata.orthorectified,
    } == expected


@pytest.mark.real
def test_the_real_orthoimage_lies_where_its_own_raster_says(data_folder: Path) -> None:
    import rasterio

    folder = data_folder / SAMPLES / "dimap2/vhr2020_ms_fs/MS-FS"
    georeference = dimap2.parse("DIM_MS-FS.XML", FolderFiles(folder)).georeference
    assert georeference is not None
    with rasterio.open(folder / "IMG_RGB_R1C1.TIF") as dataset:
        assert georeference[0] == f"EPSG:{dataset.crs.to_epsg()}"
        assert georeference[1].almost_equals(dataset.transform, 1e-9)


@pytest.mark.real
@pytest.mark.parametrize("name", REFUSED)
def test_real_documents_that_contradict_themselves_are_refused(name: str, data_folder: Path) -> None:
    files = FolderFiles((data_folder / name).parent)
    with pytest.raises(MetadataError, match=REFUSED[name]):
        dimap2.parse(Path(name).name, files)


@pytest.mark.real
@pytest.mark.parametrize("name", NOT_CLAIMED)
def test_real_files_of_other_kinds_are_not_claimed(name: str, data_folder: Path) -> None:
    files = FolderFiles((data_folder / name).parent)
    assert not dimap2.claims(Path(name).name, files.head(Path(name).name))


@pytest.mark.real
def test_real_documents_that_were_damaged_give_an_error_of_ours(data_folder: Path) -> None:
    chance = random.Random(1)
    for name in REAL:
        content = (data_folder / name).read_bytes()
        for _ in range(30):
            damaged = bytearray(content[: chance.randrange(1, len(content))] if chance.random() < 0.3 else content)
            for _ in range(chance.randrange(1, 20)):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            try:
                metadata = parse(bytes(damaged))
            except (MetadataError, UnsupportedSensorError):
                continue
            assert metadata.sensor in {"PHR", "PNEO", "SPOT"}
