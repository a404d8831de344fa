"""What the names of files say about product and year."""

import pytest

from bocage.errors import LayerError
from bocage.reference.claims import check_name, common_year, year_in
from bocage.settings import LayerKind, LayerSettings


def of(kind: LayerKind, year: int | None = None) -> LayerSettings:
    return LayerSettings(kind=kind, paths=("x",), year=year, tree=(1,) if kind == "classes" else ())


@pytest.mark.parametrize(
    ("name", "kind", "year"),
    [
        ("clms_hrl_vlcc_tcd_s2021_r10m_e43n30_03035_v01_r00.tif", "tree_cover_density", 2021),
        ("TCD_2018_010m_eu_03035_v0_1.tif", "tree_cover_density", 2018),
        ("clms_hrlslf_swf_s2021_r5m_e34n27_03035_v01_r00_20250101.tif", "small_woody_features", 2021),
        ("clms_hrlslf_swf_s2021_r100m_eu_03035_v01_r00_20250101.tif", "small_woody_density", 2021),
        ("SWF_2018_005m_E34N27_03035_v1_0.tif", "small_woody_features", 2018),
        ("swf_2015_vec_FR_3035_123_pt01.shp", "small_woody_features", 2015),
        ("swf_2018_fm_E34N27_03035.tif", "forest_mask", 2018),
        ("clms_hrlslf_fm_s2021_r5m_e34n27_03035_v01_r00_20250101.tif", "forest_mask", 2021),
        ("clms_hrlslf_cm_s2021_r5m_e34n27_03035_v01_r00_20250101.tif", "crop_mask", 2021),
        ("clms_hrl_vlcc_cty_s2019_r10m_e43n30_03035_v01_r00.tif", "crop_types", 2019),
        ("CLMS_CLCPLUS_RASTER_2021_010m_eu_03035_V1_1.tif", "clc_backbone", 2021),
        ("ESA_WorldCover_10m_2021_v200_N48E000_Map.tif", "worldcover", 2021),
        ("CLMS_UA_LCU_S2021_V025ha_fr001l1_paris_03035_v01_r00_20250101.gpkg", "urban", 2021),
    ],
)
def test_delivered_names_are_understood(name: str, kind: LayerKind, year: int) -> None:
    assert year_in(name) == year
    check_name(name, of(kind, year))
    with pytest.raises(LayerError, match=f"of {year} by its name"):
        check_name(name, of(kind, year + 3))
    other: LayerKind = "worldcover" if kind == "tree_cover_density" else "tree_cover_density"
    with pytest.raises(LayerError, match=f"by its name, not a {other} layer") as caught:
        check_name(name, of(other))
    assert f'kind = "{kind}"' in caught.value.mend
    check_name(name, of("classes", 2000))


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("mask_swf_005m_123.tif", "boundary mask"),
        ("swfc_1518_100m_EU_03035.tif", "change layer"),
        ("clms_hrlslf_swfc_c2018-2021_r100m_eu_03035_v01_r00_01.tif", "change layer"),
        ("clms_hrlslf_wvl_s2021_r5m_e34n27_03035_v01_r00_20250101.tif", "woody vegetation layer"),
        ("clms_hrl_vlcc_dlt_s2021_r10m_e43n30_03035_v01_r00.tif", "another high resolution layer"),
        ("clms_ua_stl_s2021_vec_fr001l1_paris_03035_v01.gpkg", "street tree layer"),
    ],
)
def test_products_without_a_kind_are_refused_as_any_kind_but_one_s_own(name: str, product: str) -> None:
    for kind in ("small_woody_features", "forest_mask", "urban", "tree_cover_density"):
        with pytest.raises(LayerError, match=product) as caught:
            check_name(name, of(kind))
        assert '"classes"' in caught.value.mend
    check_name(name, of("classes"))


@pytest.mark.parametrize("name", ["tcd.tif", "swf_a.tif", "layers/chm.tif", "mask.tif", "field_2019_survey.tif"])
def test_other_names_say_nothing(name: str) -> None:
    check_name(name, of("small_woody_features", 1999))
    assert year_in(name) is None


def test_one_layer_is_of_one_year() -> None:
    names = ["tcd_2018_010m_a.tif", "tcd_2018_010m_b.tif", "mine.tif"]
    assert common_year(names, of("tree_cover_density")) == 2018
    assert common_year(names, of("tree_cover_density", 2019)) == 2019
    assert common_year(["mine.tif"], of("tree_cover_density")) is None
    with pytest.raises(LayerError, match=r"tcd_2018_010m_a\.tif of 2018 and TCD_2021\.tif of 2021"):
        common_year([*names, "TCD_2021.tif"], of("tree_cover_density"))
