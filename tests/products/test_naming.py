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
