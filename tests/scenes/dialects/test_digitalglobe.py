"""DigitalGlobe's IMD, TIL and XML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import digitalglobe
from bocage.scenes.metadata import PartRecord, ProductMetadata
from tests.scenes.dialects.files import FolderFiles, MemoryFiles


@dataclass(frozen=True)
class Known:
    """What a person reads in a file. Calibration: the quotient absCalFactor / effectiveBandwidth, gain and offset."""

    name: str
    sensor: str
    platform: str
    acquired: datetime
    bands: tuple[str, ...] = ()
    gains: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    angles: tuple[float | None, ...] = (None, None, None, None)
    clouds: float = 2.7
    parts: tuple[PartRecord, ...] = ()
    orthorectified: bool | None = True


BYTE = PartRecord("byte.tif", offset=(0, 0))
TABLE = [
    Known("gdal-gcore/md_dg.IMD", "WV3", "WorldView-3", datetime(2010, 4, 1, 12, 0, 0, tzinfo=UTC)),
    Known("gdal-gcore/md_dg_2.XML", "WV3", "WorldView-3", datetime(2011, 5, 1, 13, 0, 0, tzinfo=UTC)),
    *(
        Known(
            f"gdal-gdrivers/til/{name}", "WV3", "WorldView-3", datetime(2015, 1, 1, tzinfo=UTC), parts=(BYTE,),
            orthorectified=None,
        )
        for name in ("testtil.imd", "testtil.til", "testtil2.xml", "testtil2.til")
    ),
    Known(
        "rpc/rpc_WV2.xml", "WV2", "WorldView-2", datetime(2015, 9, 30, 10, 56, 56, tzinfo=UTC),
        bands=("red", "green", "blue"),
        gains=(0.955 * 0.01103623 / 0.0574, 0.953 * 0.009713071 / 0.063, 1.002 * 0.01260825 / 0.0543),
        offsets=(-5.046, -7.218, -9.835),
        angles=(40.3, 162.1, 32.7, 172.7),
        clouds=0.0,
        parts=(PartRecord("15SEP30105657-S2AS-15EUSI-2042-01.TIF", offset=(0, 0)),),
    ),
]  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("known", TABLE, ids=lambda known: known.name)
def test_real_files_say_what_a_person_reads_in_them(known: Known, data_folder: Path) -> None:
    files = FolderFiles(data_folder / "vhr-metadata")
    assert digitalglobe.claims(known.name, files.head(known.name))
    found = digitalglobe.parse(known.name, files)
    assert (found.dialect, found.sensor, found.platform) == ("digitalglobe", known.sensor, known.platform)
    assert found.acquired is not None
    assert found.acquired.replace(microsecond=0) == known.acquired
    assert tuple(band.name for band in found.bands) == known.bands
    assert [band.gain for band in found.bands] == pytest.approx(known.gains, rel=1e-9)
    assert tuple(band.offset for band in found.bands) == known.offsets
    assert (found.sun_elevation, found.sun_azimuth, found.off_nadir, found.view_azimuth) == known.angles
    assert found.cloud_cover == pytest.approx(known.clouds)
    assert found.parts == known.parts
    assert found.orthorectified is known.orthorectified


@pytest.mark.real
@pytest.mark.parametrize("name", ["rpc/rpc_WV1.xml", "rpc/rpc_WV3.xml"])
def test_real_files_of_worldview_1_are_refused_by_name(name: str, data_folder: Path) -> None:
    """The second is called after WorldView-3 but says WV01."""
    files = FolderFiles(data_folder / "vhr-metadata")
    with pytest.raises(UnsupportedSensorError, match="not supported: WorldView-1"):
        digitalglobe.parse(name, files)


GE1 = """\
version = "28.3";
bandId = "Multi";
bitsPerPixel = 16;
productLevel = "LV1B";
radiometricLevel = "Corrected";
BEGIN_GROUP = BAND_B
\tabsCalFactor = 8.919000e-03;
\teffectiveBandwidth = 6.000000e-02;
END_GROUP = BAND_B
BEGIN_GROUP = BAND_G
\tabsCalFactor = 7.094500e-03;
\teffectiveBandwidth = 7.000000e-02;
END_GROUP = BAND_G
BEGIN_GROUP = BAND_R
\tabsCalFactor = 5.667901e-03;
\teffectiveBandwidth = 3.500000e-02;
END_GROUP = BAND_R
BEGIN_GROUP = BAND_N
\tabsCalFactor = 7.987000e-03;
\teffectiveBandwidth = 1.400000e-01;
END_GROUP = BAND_N
BEGIN_GROUP = IMAGE_1
\tsatId = "GE01";
\tTLCTime = 2021-03-18T02:12:24.150078Z;
\tTLCList = (
\t(0,  0.000000),
\t(9137, -3.654800)\t);
\tmeanSunEl =  39.1;
\tmeanSunAz = 156.6;
\tmeanSatAz =  45.9;
\tmeanOffNadirViewAngle =  23.7;
\tcloudCover = -999;
END_GROUP = IMAGE_1
END;
"""
TIL = """\
bandId = "Multi";
numTiles = 2;
BEGIN_GROUP = TILE_1
\tfilename = "a_R1C1.TIF";
\tULColOffset = 0;
\tULRowOffset = 0;
END_GROUP = TILE_1
BEGIN_GROUP = TILE_2
\tfilename = "a_R2C1.TIF";
\tULColOffset = 0;
\tULRowOffset = 2048;
END_GROUP = TILE_2
END;
"""


def read(imd: str = GE1, til: str | None = None) -> ProductMetadata:
    contents = {"d/a.IMD": imd.encode()} | ({"d/a.TIL": til.encode()} if til is not None else {})
    return digitalglobe.parse("d/a.IMD", MemoryFiles(contents))


def test_geoeye_1_is_calibrated_and_its_unknown_clouds_are_none() -> None:
    found = read()
    assert (found.sensor, found.product, found.orthorectified, found.cloud_cover) == ("GE1", "a", False, None)
    assert [(band.name, band.label) for band in found.bands] == [
        ("blue", "BAND_B"), ("green", "BAND_G"), ("red", "BAND_R"), ("nir", "BAND_N")
    ]  # fmt: skip
    assert found.bands[3].gain == pytest.approx(0.951 * 0.007987 / 0.14)
    assert found.bands[3].offset == 0.0
    assert found.acquired == datetime(2021, 3, 18, 2, 12, 24, 150078, tzinfo=UTC)
    assert (found.sun_elevation, found.sun_azimuth, found.off_nadir, found.view_azimuth) == (39.1, 156.6, 23.7, 45.9)


def test_the_tile_index_gives_files_with_rows_and_columns() -> None:
    assert read(til=TIL).parts == (
        PartRecord("a_R1C1.TIF", offset=(0, 0)), PartRecord("a_R2C1.TIF", offset=(2048, 0))
    )  # fmt: skip


def test_a_tile_index_alone_says_the_files_and_nothing_else() -> None:
    found = digitalglobe.parse("a.TIL", MemoryFiles({"a.TIL": TIL.encode()}))
    assert (found.sensor, found.bands, len(found.parts)) == ("GENERIC", (), 2)


def test_parts_take_the_spelling_of_the_files_that_are_there() -> None:
    files = MemoryFiles(
        {"d/a.IMD": GE1.encode(), "d/a.til": TIL.encode(), "d/a_r1c1.tif": b"II", "d/a_R2C1.TIF": b"II"}
    )
    assert [part.name for part in digitalglobe.parse("d/a.IMD", files).parts] == ["a_r1c1.tif", "a_R2C1.TIF"]


def test_eight_bands_keep_the_order_of_their_groups() -> None:
    groups = "".join(
        f"BEGIN_GROUP = BAND_{band}\nEND_GROUP = BAND_{band}\n" for band in ("C", "B", "G", "Y", "R", "RE", "N", "N2")
    )
    text = f'bandId = "Multi";\n{groups}BEGIN_GROUP = IMAGE_1\nsatId = "WV02";\nEND_GROUP = IMAGE_1\nEND;\n'
    found = read(text)
    assert [band.name for band in found.bands] == ["other", "blue", "green", "other", "red", "other", "nir", "other"]
    assert {band.gain for band in found.bands} == {None}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bitsPerPixel = 16", "bitsPerPixel = 8"),
        ('radiometricLevel = "Corrected"', 'radiometricLevel = "ACOMP"'),
        ('bandId = "Multi";', 'bandId = "Multi";\nradiometricEnhancement = "DRA";'),
    ],
)
def test_numbers_that_were_changed_are_not_calibrated(old: str, new: str) -> None:
    assert {band.gain for band in read(GE1.replace(old, new)).bands} == {None}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('satId = "GE01";', "", "no satId"),
        ("END;\n", "", "truncated"),
        ("END_GROUP = BAND_N\n", "", "has no end"),
        ("END_GROUP = BAND_N", "END_GROUP = BAND_X", "not the one that is open"),
        ("BAND_N", "BAND_R", "BAND_R twice"),
        ("BAND_N", "BAND_X", "contradict bandId"),
        ('bandId = "Multi"', 'bandId = "RGB"', "contradict bandId"),
        ('bandId = "Multi"', 'bandId = "NRGB"', "contradict bandId"),
        ("meanSunEl =  39.1", "meanSunEl =  -91", "sun elevation -91 cannot be true"),
        ("meanSunEl =  39.1", "meanSunEl =  nan", "cannot be true"),
        ("meanSunAz = 156.6", "meanSunAz = north", "'north' is not a number"),
        ("meanOffNadirViewAngle =  23.7", "meanOffNadirViewAngle =  95", "cannot be true"),
        ("absCalFactor = 8.919000e-03", "absCalFactor = -8.9e-03", "absCalFactor of BAND_B"),
        ("effectiveBandwidth = 6.000000e-02", "effectiveBandwidth = 0", "effectiveBandwidth of BAND_B"),
        ("cloudCover = -999", "cloudCover = 27", "cloudCover"),
        ("2021-03-18T", "2021-13-18T", "is not a time"),
        ("2021-03-18T", "1821-03-18T", "cannot be true"),
        ("version = ", "bitsPerPixel = 8;\nversion = ", "states bitsPerPixel twice"),
        ("(9137, -3.654800)\t);", "(9137,", "does not end"),
        ("version", "!version", "not of the form key = value"),
        ("END;\n", "END;\nmore = 1;\n", "follows the end"),
        ("BEGIN_GROUP = IMAGE_1", "BEGIN_GROUP = VIEW_1", "ends the group|no group IMAGE"),
    ],
)
def test_damaged_image_metadata_are_refused(old: str, new: str, message: str) -> None:
    assert old in GE1
    with pytest.raises(MetadataError, match=message) as caught:
        read(GE1.replace(old, new))
    assert caught.value.problem.startswith("d/a.IMD")
    assert caught.value.mend


def test_groups_without_end_are_refused_before_they_fill_the_stack() -> None:
    with pytest.raises(MetadataError, match="nests more than 8 groups"):
        read("".join(f"BEGIN_GROUP = G{depth}\n" for depth in range(100_000)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("a_R2C1.TIF", "../a_R2C1.TIF", "outside its folder"),
        ("a_R2C1.TIF", "/etc/passwd", "outside its folder"),
        ("a_R2C1.TIF", "s3://other/a.tif", "outside its folder"),
        ("a_R2C1.TIF", "a_R1C1.TIF", "two tiles"),
        ("ULRowOffset = 2048", "ULRowOffset = 0", "two tiles"),
        ("ULRowOffset = 2048", "ULRowOffset = -1", "cannot be true"),
        ("ULRowOffset = 2048", "ULRowOffset = 0.5", "not a whole number"),
        ("\tULRowOffset = 2048;\n", "", "has no ULROWOFFSET"),
        ("numTiles = 2", "numTiles = 3", "2 of 3 tiles"),
    ],
)
def test_damaged_tile_indexes_are_refused(old: str, new: str, message: str) -> None:
    assert old in TIL
    with pytest.raises(MetadataError, match=message):
        read(til=TIL.replace(old, new))


BOMB = '<!DOCTYPE isd [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;">]><isd><IMD><VERSION>&b;</VERSION></IMD></isd>'
BAND = "<BAND_R><ABSCALFACTOR>0.01</ABSCALFACTOR></BAND_R>"


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (BOMB, "entities"),
        ("<isd><RPB/></isd>", "has no IMD"),
        ("<isd><IMD><BANDID>RGB</BANDID>", "not well-formed"),
        ("<isd><IMD><BANDID>RGB</BANDID></IMD></isd>", "no group IMAGE"),
        (f"<isd><IMD>{BAND}{BAND}<IMAGE><SATID>WV02</SATID></IMAGE></IMD></isd>", "BAND_R twice"),
        ("<isd><IMD><A>1</A><A>2</A></IMD></isd>", "states A twice"),
        (f"<isd><IMD>{'<A>' * 20}<B/>{'</A>' * 20}</IMD></isd>", "nests more than"),
    ],
)
def test_damaged_xml_is_refused(xml: str, message: str) -> None:
    with pytest.raises(MetadataError, match=message):
        digitalglobe.parse("a.xml", MemoryFiles({"a.xml": xml.encode()}))


@pytest.mark.parametrize(("code", "name"), [("QB02", "QuickBird-2"), ("WV04", "WorldView-4"), ("LG01", "LG01")])
def test_other_satellites_are_refused_by_name(code: str, name: str) -> None:
    with pytest.raises(UnsupportedSensorError, match=f"d/a.IMD: not supported: {name}"):
        read(GE1.replace("GE01", code))
