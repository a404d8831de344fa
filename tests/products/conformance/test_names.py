import pytest

from bocage.products.conformance.checking import profile_of
from bocage.products.conformance.names import Layer, parse_name


@pytest.mark.parametrize(
    ("stem", "kind", "year", "profile", "area", "epsg"),
    [
        # 2015, as in the published samples, the examples of the reference and the downloads
        ("swf_2015_005m_FR_3035_123_pt01", "swf r5m", 2015, 2015, "FR", 3035),
        ("swf_2015_vec_PL_03035_71_v1_1", "swf vec", 2015, 2015, "PL", 3035),
        ("SWFAWF_2015_100m_eu_3035_V1_1", "swfawf r100m", 2015, 2015, "EU", 3035),
        ("awf_2015_100m_eu_03035_v1_1", "awf r100m", 2015, 2015, "EU", 3035),
        ("swf_2015_005m_GB023_3035_v012", "swf r5m", 2015, 2015, "GB", 3035),
        # 2018
        ("SWF_2018_005m_E34N27_03035_v1_0", "swf r5m", 2018, 2018, "E34N27", 3035),
        ("swf_2018_fm_E34N27_03035", "fm r5m", 2018, 2018, "E34N27", 3035),
        ("swf_2018_vec_E34N27_03035_v1_0", "swf vec", 2018, 2018, "E34N27", 3035),
        ("swf_2018_100m_EU_03035_V1_0", "swf r100m", 2018, 2018, "EU", 3035),
        ("swfc_1518_100m_EU_03035_V1_0", "swfc r100m", 2018, 2018, "EU", 3035),
        # 2021
        ("clms_hrlslf_swf_s2021_r5m_e34n27_03035_v01_r00_20241231", "swf r5m", 2021, 2021, "E34N27", 3035),
        ("clms_hrlslf_swf_s2021_r100m_e34n27_03035_v01_r00_20241231", "swf r100m", 2021, 2021, "E34N27", 3035),
        ("clms_hrlslf_swf_s2021_vec_yt_32738_v01_r00_20241231", "swf vec", 2021, 2021, "YT", 32738),
        ("clms_hrlslf_wvl_s2018_r5m_gf_32622_v01_r00_20241231", "wvl r5m", 2018, 2021, "GF", 32622),
        ("clms_hrlslf_wvcl_s2021_r5m_e34n27_03035_v01_r00_20241231", "wvcl r5m", 2021, 2021, "E34N27", 3035),
        ("clms_hrlslf_psil_s2021_vec_e34n27_03035_v01_r00_20241231", "psil vec", 2021, 2021, "E34N27", 3035),
        ("clms_hrlslf_swfc_c2018-2021_r100m_eu_03035_v01_r00_00", "swfc r100m", 2021, 2021, "EU", 3035),
        ("clms_ua_stl_s2021_vec_at001l3_wien_03035_v01_r00_20241231", "stl vec", 2021, 2021, "AT001L3", 3035),
        # The provisional pattern
        ("CLMS_SLF-SWF_S2024_R5m_E34N27_3035_V01-R00", "swf r5m", 2024, 2024, "E34N27", 3035),
        ("CLMS_SLF-SWF_S2024_V002ha_E34N27_3035_V01-R00", "swf vec", 2024, 2024, "E34N27", 3035),
        ("CLMS_SLF-SWF_S2024_E34N27_3035_V01-R00", "swf vec", 2024, 2024, "E34N27", 3035),
        ("CLMS_SLF-SWFC_C2021-2024_R100m_EUROPE_3035_V01-R00", "swfc r100m", 2024, 2024, "EUROPE", 3035),
        ("CLMS_UA-STL_S2024_V005ha_AT001L3_3035_V01-R00", "stl vec", 2024, 2024, "AT001L3", 3035),
    ],
)
def test_names_are_understood(stem: str, kind: str, year: int, profile: int, area: str, epsg: int) -> None:
    layer = parse_name(stem)
    assert layer is not None
    assert (layer.kind, layer.year, layer.profile, layer.area, layer.epsg) == (kind, year, profile, area, epsg)
    assert parse_name(stem.lower()) == parse_name(stem.upper()) == layer


@pytest.mark.parametrize(
    "stem",
    [
        "mask_swf_005m_123",
        "TCD_2018_010m_eu_03035_v0_1",
        "clms_hrlslf_swf_s2021_r10m_e34n27_03035_v01_r00_20241231",
        "clms_hrlslf_xyz_s2021_r5m_e34n27_03035_v01_r00_20241231",
        "clms_hrlslf_wvl_s2021_r100m_e34n27_03035_v01_r00_20241231",
        "clms_hrlslf_swf_s2021_r5m_e34n27_3035_v01_r00_20241231",
        "clms_hrlslf_swf_s2021_r5m_e34n27_03035_v01_r00",
        "clms_hrlslf_swf_s2021_r5m_e34n27_03035_v1_r00_20241231",
        "CLMS_SLF-SWF_S2024_R5m_E34N27_3035_V01_R00",
        "swf_2015_100m_eu",
        "swf_2019_005m_E34N27_03035",
        "swfc_1821_100m_EU_03035",
        "",
    ],
)
def test_other_names_are_not(stem: str) -> None:
    assert parse_name(stem) is None


def test_regions_and_years_of_change_are_read() -> None:
    region = parse_name("swf_2015_005m_FR_3035_123_pt01")
    assert region is not None
    assert (region.region, region.since, region.text) == (123, None, "swf r5m 2015")
    first, second = parse_name("swfc_1518_100m_EU_03035"), parse_name("CLMS_SLF-SWFC_C2021-2024_R100m_EU_3035_V01-R00")
    assert first is not None
    assert second is not None
    assert (first.text, second.text) == ("swfc r100m 2015-2018", "swfc r100m 2021-2024")


def test_cells_are_those_of_their_year() -> None:
    def bounds(stem: str) -> tuple[float, ...] | None:
        layer = parse_name(stem)
        assert layer is not None
        return layer.cell_bounds

    tile = "clms_hrlslf_swf_s2021_r5m_e34n27_{}_v01_r00_20241231"
    assert bounds(tile.format("03035")) == (3.4e6, 2.7e6, 3.5e6, 2.8e6)
    assert bounds("SWF_2018_005m_E34N27_03035") == (3.4e6, 2.7e6, 3.6e6, 2.9e6)
    assert bounds(tile.format("03035").replace("swf_s2021", "wvl_s2018")) == (3.4e6, 2.7e6, 3.6e6, 2.9e6)
    # Cells of other grids are not those of the service, and a region has none.
    assert bounds(tile.format("26917")) is None
    assert bounds("swf_2015_005m_FR_3035_123_pt01") is None


def test_the_rules_of_a_year_are_those_of_the_next_product() -> None:
    assert [profile_of(year) for year in (2015, 2016, 2018, 2019, 2021, 2023, 2024, 2030)] == [
        2015, 2018, 2018, 2021, 2021, 2021, 2024, 2024,
    ]  # fmt: skip
    assert Layer("swf", "r5m", 2021, 2021).pixel == 5
    assert Layer("swf", "vec", 2021, 2021).pixel is None
