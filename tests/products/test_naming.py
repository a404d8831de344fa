import re

import pytest

from bocage.errors import ProductError
from bocage.products.naming import ProductName, epsg_of

STEM = "clms_hrlslf_swf_s2021_r5m_e43n30_03035_v01_r00_20210714"


def test_names_are_read_as_they_are_written() -> None:
    name = ProductName("swf", 2021, "r5m", "E43N30", 3035, "v01", "r00", "20210714")
    assert name.stem == STEM
    assert ProductName.parse(STEM) == name
    assert name.pixel == 5


@pytest.mark.parametrize(
    "stem",
    [
        STEM.upper(),
        STEM.replace("swf", "xyz"),
        STEM.replace("03035", "3035"),
        STEM.replace("r5m", "r10m"),
        STEM.replace("_20210714", ""),
        STEM.replace("e43n30", "eu"),
        "features",
    ],
)
def test_other_names_are_not_of_the_service(stem: str) -> None:
    assert ProductName.parse(stem) is None


@pytest.mark.parametrize(
    ("stem", "variable", "form"),
    [
        ("swf_2015_005m_FR_3035_123_pt01", "swf", "r5m"),
        ("swf_2015_vec_FR_3035_123_pt01", "swf", "vec"),
        ("SWFAWF_2015_100m_eu_3035_V1_1", "swfawf", "r100m"),
    ],
)
def test_names_of_2015_are_read(stem: str, variable: str, form: str) -> None:
    name = ProductName.parse(stem)
    assert name is not None
    assert (name.variable, name.form, name.year, name.epsg) == (variable, form, 2015, 3035)


def test_a_system_without_a_code_cannot_name_a_product() -> None:
    assert epsg_of("EPSG:26917") == 26917
    with pytest.raises(ProductError, match="no EPSG code"):
        epsg_of("+proj=laea +lat_0=12 +lon_0=3 +ellps=GRS80 +units=m")
    with pytest.raises(ProductError, match="not a coordinate reference system"):
        epsg_of("nonsense")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        (
            ProductName("wvcl", 2021, "r5m", "E43N30", 3035, "v01", "r00", "20210714"),
            "clms_hrlslf_wvcl_s2021_r5m_e43n30_03035_v01_r00_20210714",
        ),
        (
            ProductName("swfc", 2021, "r100m", "EU", 3035, "v01", "r00", "20210714", before=2018),
            "clms_hrlslf_swfc_c2018-2021_r100m_eu_03035_v01_r00_20210714",
        ),
        (
            ProductName("psil", 2021, "vec", "EU", 3035, "v01", "r00", "20210714"),
            "clms_hrlslf_psil_s2021_vec_eu_03035_v01_r00_20210714",
        ),
        (
            ProductName("stl", 2021, "vec", "AT001L3", 3035, "v01", "r01", "20251030", town="wien"),
            "clms_ua_stl_s2021_vec_at001l3_wien_03035_v01_r01_20251030",
        ),
        (
            ProductName("swf", 2024, "r5m", "E34N27", 3035, "v01", "r00", "", convention="2024"),
            "CLMS_SLF-SWF_S2024_R5m_E34N27_3035_V01-R00",
        ),
        (
            ProductName("swf", 2024, "vec", "E34N27", 3035, "v01", "r00", "", convention="2024"),
            "CLMS_SLF-SWF_S2024_V002ha_E34N27_3035_V01-R00",
        ),
        (
            ProductName("swfc", 2024, "r100m", "EUROPE", 3035, "v01", "r00", "", before=2021, convention="2024"),
            "CLMS_SLF-SWFC_C2021-2024_R100m_EUROPE_3035_V01-R00",
        ),
        (
            ProductName("stl", 2024, "vec", "DK004L3", 3035, "v01", "r00", "", convention="2024"),
            "CLMS_UA-STL_S2024_V005ha_DK004L3_3035_V01-R00",
        ),
        (
            ProductName("fm", 2018, "r5m", "E43N30", 3035, "_v1_0", "", "", convention="2018"),
            "swf_2018_fm_e43n30_03035_v1_0",
        ),
        (
            ProductName("swfc", 2018, "r100m", "EU", 3035, "_v1_0", "", "", before=2015, convention="2018"),
            "swfc_1518_100m_eu_03035_v1_0",
        ),
        (
            ProductName("swf", 2015, "r5m", "fr", 3035, "_123_v1_0", "", "", convention="2015"),
            "swf_2015_005m_fr_03035_123_v1_0",
        ),
    ],
)
def test_every_release_has_names_of_its_own(name: ProductName, stem: str) -> None:
    assert name.stem == stem
    assert ProductName.parse(stem) == name


def test_what_the_quality_tools_want_of_names_is_there() -> None:
    """The patterns are those of the product definitions of 2021 and 2018."""
    change = ProductName("swfc", 2021, "r100m", "EU", 3035, "v01", "r00", "20210714", before=2018).stem
    assert re.match(
        r"^clms_hrlslf_swfc_c2018-2021_r100m_([a-zA-Z]{2})_([0-9]{5})_(v[0-9]{2})_r[0-9]{2}_([0-9]{2})", change
    )
    streets = ProductName("stl", 2021, "vec", "AT001L3", 3035, "v01", "r00", "20210714", town="wien").stem
    assert re.match(
        r"^clms_ua_stl_s2021_vec_([0-9a-z]{6})[0-9]{1}_([a-z_]+)_([0-9]{5})_v[0-9]{2}_r[0-9]{2}_[0-9]{8}", streets
    )
    dense = ProductName("swf", 2018, "r100m", "EU", 3035, "_v1_0", "", "", convention="2018").stem
    assert re.match(r"^swf_2018_100m_([a-zA-Z]{2})_03035", dense)
