from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import keywords
from bocage.scenes.metadata import ProductMetadata
from tests.scenes.dialects.files import FolderFiles, MemoryFiles

NAME = "image.geom"

SPOT = '''adjustment_0.description:  Initial adjustment
image_id:  600143101
sensor:  SPOT 7
support_data.azimuth_angle:  """158 159 160 157 158.5 159.5 156 158 159 """
support_data.band_name_list:  """B2 B1 B0 B3 """
support_data.elevation_angle:  """23 23 23 23 23.5 24 24 24 24 """
support_data.image_date:  2019-05-07T10:20:27.1
support_data.incident_angle:  """7 6 4 7 5.5 4 7 5 4 """
support_data.number_bands:  4
support_data.number_of_viewing_angle:  9
support_data.physical_bias:  """0 0.5 0 0 """
support_data.physical_gain:  """8 10 12.5 16 """
support_data.processing_level:  ORTHO
support_data.scene_orientation:  """61 41 21 58 35 12 55 29 2 """
support_data.sensorID:  SPOT 7
support_data.solar_irradiance:  """1964.63 1810.11 1520.30 1084.46 """
support_data.viewing_angle:  """7 5 3.5 6.5 5.25 3.5 6 4.7 3.4 """
type:  ossimSpot6Model
'''

WORLDVIEW = """image_id:  19MAY07-M2AS
sensor:  WV03
support_data.azimuth_angle:  171.7
support_data.band_name_list:  B G R N
support_data.elevation_angle:  24.9
support_data.sat_azimuth_angle:  299.2
support_data.sat_elevation_angle:  60.5
support_data.sat_id:  WV03
support_data.tlc_date:  2019-05-07T10:30:18.142149Z;
type:  ossimQuickbirdRpcModel
"""


def parse(text: str | bytes) -> ProductMetadata:
    content = text if isinstance(text, bytes) else text.encode()
    return keywords.parse(NAME, MemoryFiles({NAME: content}))


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def gains(metadata: ProductMetadata) -> dict[str, float]:
    return {band.name: round(1.0 / band.gain, 6) for band in metadata.bands if band.gain}


def test_a_list_of_spot_is_read_whole() -> None:
    metadata = parse(SPOT)
    assert (metadata.dialect, metadata.sensor, metadata.platform) == ("keywords", "SPOT", "SPOT7")
    assert metadata.product == "600143101"
    assert metadata.acquired == datetime(2019, 5, 7, 10, 20, 27, 100_000, tzinfo=UTC)
    assert [band.name for band in metadata.bands] == ["red", "green", "blue", "nir"]
    assert [band.solar_irradiance for band in metadata.bands] == [1520.30, 1810.11, 1964.63, 1084.46]
    assert gains(metadata) == {"blue": 8.0, "green": 10.0, "red": 12.5, "nir": 16.0}
    assert {band.name: band.offset for band in metadata.bands} == {"blue": 0.0, "green": 0.5, "red": 0.0, "nir": 0.0}
    assert (metadata.sun_elevation, metadata.sun_azimuth) == (23.5, 158.5)
    assert (metadata.off_nadir, metadata.view_azimuth) == (5.25, 35.0)
    assert metadata.orthorectified is True
    assert metadata.parts == ()


def test_irradiances_tell_in_which_order_the_gains_stand() -> None:
    in_file_order = changed(SPOT, ("1964.63 1810.11 1520.30 1084.46", "1520.30 1810.11 1964.63 1084.46"))
    assert gains(parse(in_file_order)) == {"red": 8.0, "green": 10.0, "blue": 12.5, "nir": 16.0}


def test_without_irradiances_the_order_of_spot_is_not_guessed() -> None:
    for filler in ('"""999 999 999 999 """', ""):
        text = changed(SPOT, ('"""1964.63 1810.11 1520.30 1084.46 """', filler))
        metadata = parse(text)
        assert {(band.gain, band.offset, band.solar_irradiance) for band in metadata.bands} == {(None, None, None)}


def test_a_list_of_worldview_gives_the_angle_of_incidence() -> None:
    metadata = parse(WORLDVIEW)
    assert (metadata.sensor, metadata.platform) == ("WV3", "WorldView-3")
    assert [band.name for band in metadata.bands] == ["blue", "green", "red", "nir"]
    assert (metadata.off_nadir, metadata.view_azimuth) == (29.5, 299.2)
    assert metadata.acquired == datetime(2019, 5, 7, 10, 30, 18, 142_149, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        (SPOT, [("sensor:  SPOT 7\n", "")], "number"),
        (SPOT, [("support_data.sensorID:  SPOT 7", "support_data.sensorID:  SPOT 6")], "contradicts itself"),
        (SPOT, [("support_data.image_date:  2019-05-07T10:20:27.1\n", "")], "no image_date"),
        (SPOT, [("2019-05-07T10:20:27.1", "yesterday")], "is not a time"),
        (SPOT, [("number_bands:  4", "number_bands:  3")], "has 3 bands but names 4"),
        (SPOT, [("number_bands:  4", "number_bands:  four")], "is not a number"),
        (SPOT, [('"""B2 B1 B0 B3 """', "")], "no band_name_list"),
        (SPOT, [("8 10 12.5 16", "8 10 12.5")], "4 bands but 3 values of physical_gain"),
        (SPOT, [("8 10 12.5 16", "0 10 12.5 16")], "cannot be true"),
        (SPOT, [("8 10 12.5 16", "8 -10 12.5 16")], "cannot be true"),
        (SPOT, [("8 10 12.5 16", "8 ten 12.5 16")], "is not a number"),
        (SPOT, [('support_data.physical_bias:  """0 0.5 0 0 """\n', "")], "only one of"),
        (SPOT, [("1964.63 1810.11", "1364.63 1810.11")], "in any order"),
        (SPOT, [("23 23 23 23 23.5 24", "23 23 23 23 400 24")], "cannot be true"),
        (SPOT, [("61 41 21 58 35 12", "61 41 21 58 north 12")], "is not a number"),
        (SPOT, [('"""7 5 3.5 6.5 5.25 3.5 6 4.7 3.4 """', '"""7 5 3.5 6.5"""')], "odd number"),
        (SPOT, [("number_of_viewing_angle:  9", "number_of_viewing_angle:  3")], "odd number"),
        (SPOT, [("type:  ossimSpot6Model", "no keyword at all")], "line 18"),
        (SPOT, [("type:  ossimSpot6Model", "sensor:  SPOT 7")], "keyword sensor twice"),
        (WORLDVIEW, [("B G R N", "B G R R")], "names a band twice"),
        (WORLDVIEW, [("sat_elevation_angle:  60.5", "sat_elevation_angle:  400")], "cannot be true"),
        (WORLDVIEW, [("support_data.tlc_date", "support_data.date")], "no tlc_date"),
        (WORLDVIEW, [("support_data.sat_id:  WV03", "support_data.sat_id:  WV02")], "contradicts itself"),
    ],
)
def test_a_damaged_list_is_refused(text: str, changes: list[tuple[str, str]], said: str) -> None:
    if said == "number":
        text = changed(text, *changes, ("support_data.sensorID:  SPOT 7\n", ""))
        said, changes = "names no satellite", []
    with pytest.raises(MetadataError, match=said) as caught:
        parse(changed(text, *changes))
    assert caught.value.problem.startswith(NAME)
    assert caught.value.mend


def test_a_file_that_is_not_text_is_refused() -> None:
    with pytest.raises(MetadataError, match="not a text file"):
        parse(b"sensor:  \xff\xfe")


def test_only_keyword_lists_are_claimed() -> None:
    assert keywords.claims("a.GEOM", SPOT.encode())
    assert not keywords.claims("a.txt", SPOT.encode())
    assert not keywords.claims("a.geom", b"POLYGON ((0 0, 1 1, 1 0, 0 0))")


@given(st.data())
def test_a_mutated_list_gives_an_error_of_ours_or_a_sound_result(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([SPOT, WORLDVIEW])).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] = data.draw(st.integers(0, 255))
        else:
            del content[place : place + data.draw(st.integers(1, 40))]
    try:
        metadata = parse(bytes(content))
    except (MetadataError, UnsupportedSensorError):
        return
    assert metadata.sensor in {"SPOT", "WV2", "WV3"}
    assert all(band.gain is None or band.gain > 0 for band in metadata.bands)


class Read(NamedTuple):
    """What the eye reads in a list: bands with gain (as written) and irradiance, in the order of the file."""

    sensor: str
    platform: str
    product: str
    acquired: datetime
    bands: tuple[tuple[str, float | None, float | None], ...]
    sun: tuple[float, float]
    off_nadir: float
    view_azimuth: float
    orthorectified: bool | None = None


def _uncalibrated(*names: str) -> tuple[tuple[str, None, None], ...]:
    return tuple((name, None, None) for name in names)


_SPOT6 = Read(
    "SPOT",
    "SPOT6",
    "600143101",
    datetime(2012, 12, 7, 10, 20, 27, tzinfo=UTC),
    (
        ("red", 10.04, 1540.494123),
        ("green", 9.1625, 1826.087443),
        ("blue", 8.5175, 1982.671954),
        ("nir", 12.733, 1094.747446),
    ),
    (23.4440179602, 159.278430936),
    5.03087869906,
    34.9854381129,
    False,
)
_WV2_MULTI = Read(
    "WV2",
    "WorldView-2",
    "09DEC10103019-M2AS-052298844010_01_P001",
    datetime(2009, 12, 10, 10, 30, 18, tzinfo=UTC),
    _uncalibrated("other", "blue", "green", "other", "red", "other", "nir", "other"),
    (24.9, 171.7),
    29.5,
    299.2,
)
_WV2_PAN = Read(
    "WV2",
    "WorldView-2",
    "09DEC10103019-P2AS-052298844010_01_P001",
    datetime(2009, 12, 10, 10, 30, 18, tzinfo=UTC),
    _uncalibrated("other"),
    (24.9, 171.7),
    29.5,
    299.3,
)
REAL = {
    "phr_xs.geom": Read(
        "PHR",
        "PHR1A",
        "602631101-002",
        datetime(2012, 11, 15, 11, 5, 4, tzinfo=UTC),
        (("red", 10.33, 1594.0), ("green", 9.16, 1830.0), ("blue", 9.59, 1915.0), ("nir", 15.64, 1060.0)),
        (27.5114755695954, 170.616743393573),
        13.9329814331108,
        246.9,
        False,
    ),
    "phr_pan.geom": Read(
        "PHR",
        "PHR1A",
        "602631101-001",
        datetime(2012, 11, 15, 11, 5, 4, tzinfo=UTC),
        (("other", 11.36, 1548.0),),
        (27.5114755695954, 170.616743393573),
        13.9329814331108,
        246.9,
        False,
    ),
    "maido.geom": Read(
        "PHR",
        "PHR1A",
        "559102101-002",
        datetime(2012, 6, 5, 6, 30, 6, tzinfo=UTC),
        (("red", 10.2, None), ("green", 9.15, None), ("blue", 9.55, None), ("nir", 15.49, None)),
        (39.2072431471418, 32.4440294202269),
        14.1714238876625,
        102.9,
        False,
    ),
    "pleiades-1.geom": Read(
        "PHR",
        "PHR1A",
        "IPU_20120222_0901-001",
        datetime(2012, 1, 15, 11, 0, 18, tzinfo=UTC),
        (("red", 10.74, None), ("green", 9.63, None), ("blue", 9.1, None), ("nir", 16.66, None)),
        (23.8363299922858, 163.867522615066),
        7.76246259015536,
        258.0,
        False,
    ),
    "spot6-1.geom": _SPOT6,
    "spot6-2.geom": _SPOT6,
    "WV2_MUL_ROI_1000_100.geom": _WV2_MULTI,
    "wv2-2.geom": _WV2_MULTI,
    "WV2_PAN_ROI_1000_100.geom": _WV2_PAN,
    "wv2-1.geom": _WV2_PAN,
    "geoeye1-1.geom": Read(
        "GE1",
        "GeoEye-1",
        "geoeye1-1",
        datetime(2009, 6, 30, 10, 48, tzinfo=UTC),
        _uncalibrated("blue", "green", "red", "nir"),
        (65.21125, 149.0761),
        26.28825,
        218.5834,
    ),
}
REFUSED = {
    "FORMOSAT_ROI_1000_100.geom": "Formosat 2",
    "IKONOS_BLOSSEVILLE_ROI_1000_100.geom": "IKONOS-2",
    "ikonos-1.geom": "IKONOS-2",
    "ikonos-2.geom": "IKONOS-2",
    "QB_MUL_ROI_1000_100.geom": "QuickBird-2",
    "qb-1.geom": "QuickBird-2",
    "qb-2.geom": "QuickBird-2",
    "rapideye-1.geom": "RapidEye",
}
FOLDER = "vhr-metadata/otb"


@pytest.mark.real
def test_the_table_names_every_real_list(data_folder: Path) -> None:
    assert {path.name for path in (data_folder / FOLDER).glob("*.geom")} == {*REAL, *REFUSED}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_lists_say_what_the_eye_reads(name: str, data_folder: Path) -> None:
    files = FolderFiles(data_folder / FOLDER)
    assert keywords.claims(name, files.head(name))
    metadata, expected = keywords.parse(name, files), REAL[name]
    assert metadata.acquired is not None
    assert (metadata.sensor, metadata.platform, metadata.product) == expected[:3]
    assert metadata.acquired.replace(microsecond=0) == expected.acquired
    assert [band.name for band in metadata.bands] == [band[0] for band in expected.bands]
    assert [band.gain and round(1.0 / band.gain, 6) for band in metadata.bands] == [band[1] for band in expected.bands]
    assert [band.solar_irradiance for band in metadata.bands] == [band[2] for band in expected.bands]
    assert (metadata.sun_elevation, metadata.sun_azimuth) == expected.sun
    assert metadata.off_nadir == pytest.approx(expected.off_nadir, abs=1e-9)
    assert metadata.view_azimuth == pytest.approx(expected.view_azimuth, abs=0.1)
    assert metadata.orthorectified is expected.orthorectified
    assert metadata.parts == ()


@pytest.mark.real
@pytest.mark.parametrize("name", REFUSED)
def test_real_lists_of_other_families_are_refused_by_name(name: str, data_folder: Path) -> None:
    files = FolderFiles(data_folder / FOLDER)
    assert keywords.claims(name, files.head(name))
    with pytest.raises(UnsupportedSensorError) as caught:
        keywords.parse(name, files)
    assert caught.value.problem == f"{name}: not supported: {REFUSED[name]}"


@pytest.mark.real
def test_real_lists_that_were_damaged_give_an_error_of_ours(data_folder: Path) -> None:
    chance = random.Random(1)
    for name in REAL:
        content = (data_folder / FOLDER / name).read_bytes()
        for _ in range(20):
            damaged = bytearray(content[: chance.randrange(1, len(content))] if chance.random() < 0.3 else content)
            for _ in range(chance.randrange(1, 20)):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            try:
                metadata = parse(bytes(damaged))
            except (MetadataError, UnsupportedSensorError):
                continue
            assert metadata.platform
