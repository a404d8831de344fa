"""What the name of a delivered file says about its product and year.

Codes alone do not tell products apart: a boundary mask of 0 and 1 would pass as small woody features, and a density of
100 m cells as one of 10 m. The names of the Copernicus Land service say what a file is, so a name that contradicts the
settings stops the work. A name that says nothing is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bocage.errors import LayerError
from bocage.settings import LayerKind, LayerSettings

# In this order: the names of masks and changes hold the name of the product that they belong to.
_PRODUCTS: tuple[tuple[str, str, tuple[LayerKind, ...]], ...] = (
    (r"^mask_\w+?_\d+m_", "a boundary mask of the quality checks", ()),
    (r"(^|_)swfc_\d|_c20\d\d-20\d\d_", "a change layer", ()),
    (r"(hrlslf|swf_20\d\d)_fm_", "a forest mask", ("forest_mask",)),
    (r"hrlslf_cm_", "a crop mask", ("crop_mask",)),
    (r"hrlslf_wvl_", "the woody vegetation layer", ()),
    (r"(hrlslf_wvcl|vlcc_\w+cl)_s20", "a confidence layer", ()),
    (r"(^|_)(swf|awf|swfawf)_.*_r?0*100m", "small woody features at 100 m", ("small_woody_density",)),
    (r"(^|_)(swf|awf|swfawf)_(s?20|vec)", "small woody features", ("small_woody_features",)),
    (r"(^|_)tcd_s?20", "tree cover density", ("tree_cover_density",)),
    (r"(^|_)cty_s?20", "crop types", ("crop_types",)),
    (r"(^|_)(dlt|fty|gra|imd)_s?20", "another high resolution layer", ()),
    (r"clcplus_", "CLC+ Backbone", ("clc_backbone",)),
    (r"^esa_worldcover_", "ESA WorldCover", ("worldcover",)),
    (r"_ua_stl_|_stl_", "the street tree layer", ()),
    (r"_ua_lcu_|_ua20\d\d", "Urban Atlas", ("urban",)),
)
_YEAR = re.compile(r"(?:^|_)s?(20\d\d)(?:_|$)")


def year_in(name: str) -> int | None:
    """Return the reference year that the name of a file of a known product states, or None."""
    stem = _stem(name)
    found = _YEAR.search(stem)
    return int(found[1]) if found is not None and _claim(stem) is not None else None


def check_name(name: str, settings: LayerSettings) -> None:
    """Check that the name of a file does not contradict the kind and year of its layer.

    A map of one's own (``classes``) may be any file: its table says what the codes mean.

    Raises
    ------
    LayerError
        If the name is that of another product or year.
    """
    claim = _claim(_stem(name))
    if settings.kind == "classes" or claim is None:
        return
    product, kinds = claim
    if settings.kind not in kinds:
        mend = f'use kind = "{kinds[0]}"' if kinds else 'use kind = "classes" with tree, other and ignore'
        raise LayerError(f"{name} is {product} by its name, not a {settings.kind} layer", f"{mend}, or rename the file")
    year = year_in(name)
    if year is not None and settings.year is not None and year != settings.year:
        raise LayerError(
            f"{name} is of {year} by its name, but its layer is registered with year = {settings.year}",
            "mend year in bocage.toml, or register the file as a layer of its own year",
        )


def common_year(names: Sequence[str], settings: LayerSettings) -> int | None:
    """Return the year of a layer: that of the settings, else the one that the names of its files state, else None.

    Raises
    ------
    LayerError
        If the names state different years: where tiles overlap one year would win over another unseen.
    """
    if settings.year is not None or settings.kind == "classes":
        return settings.year
    stated = {year: name for name in reversed(names) if (year := year_in(name)) is not None}
    if len(stated) > 1:
        first, second = sorted(stated)[:2]
        raise LayerError(
            f"a {settings.kind} layer holds files of different years: {stated[first]} of {first} and {stated[second]} "
            f"of {second}",
            "register each year as a [[reference.layers]] of its own",
        )
    return next(iter(stated), None)


def _stem(name: str) -> str:
    return name.rpartition("/")[2].lower().partition(".")[0] + "_"


def _claim(stem: str) -> tuple[str, tuple[LayerKind, ...]] | None:
    return next(((product, kinds) for pattern, product, kinds in _PRODUCTS if re.search(pattern, stem)), None)
