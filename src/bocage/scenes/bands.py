"""Names of spectral bands: what a file calls them, and the four that Bocage works with.

Bands are identified by name only. Sensors deliver them in three different orders, so a position says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bocage.errors import SceneError

BANDS = ("red", "green", "blue", "nir")
"""The bands in the order in which every array of Bocage holds them."""

OTHER = "other"
"""A band that Bocage does not use (coastal, red edge, alpha)."""

_SYNONYMS = {
    "red": "red",
    "r": "red",
    "green": "green",
    "g": "green",
    "blue": "blue",
    "b": "blue",
    "nir": "nir",
    "n": "nir",
    "nearinfrared": "nir",
    "nearinfra": "nir",
    "infrared": "nir",
    "nir1": "nir",
    "nir08": "nir",
}


def common_name(text: str | None) -> str | None:
    """Return the common name that a band's description stands for: red, green, blue or nir; None for another text.

    Case, blanks, hyphens and underscores do not matter, nor does a leading or trailing word "band", so
    ``Near Infrared``, ``NIR`` and ``band_nir`` are one name. Numbered names such as ``B3`` are not names: their meaning
    differs by sensor.
    """
    if not text:
        return None
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    return _SYNONYMS.get(plain) or _SYNONYMS.get(plain.removeprefix("band").removesuffix("band"))


def common_names(texts: Sequence[str | None]) -> tuple[str, ...] | None:
    """Return one name per band, ``other`` for those without a common name; None if no band has one."""
    names = tuple(common_name(text) or OTHER for text in texts)
    return names if any(name != OTHER for name in names) else None


def check_bands(bands: Sequence[str], count: int, subject: str) -> tuple[str, ...]:
    """Return the band names of a file if they are complete and unambiguous.

    Parameters
    ----------
    bands
        One name per band in file order; ``other`` marks a band that is not used.
    count
        How many bands the file has.
    subject
        The file, for the message.

    Raises
    ------
    SceneError
        If the number of names differs from ``count``, red, green or blue is missing or a name stands twice.
    """
    if len(bands) != count:
        raise SceneError(
            f"{subject} has {count} bands but {len(bands)} band names are given: {', '.join(bands)}",
            "name every band of the file in its order, with other for those that are not used",
        )
    known = {*BANDS, OTHER}
    if unknown := [name for name in bands if name not in known]:
        raise SceneError(
            f"{subject}: {', '.join(unknown)} is not the name of a band", f"use {', '.join(sorted(known))}"
        )
    if missing := [name for name in BANDS if name not in bands and name != "nir"]:
        raise SceneError(
            f"{subject} has no {' and no '.join(missing)} band (its bands: {', '.join(bands)})",
            "deliver the multispectral product with its red, green, blue and near-infrared bands",
        )
    if twice := [name for name in BANDS if bands.count(name) > 1]:
        raise SceneError(f"{subject} names the band {twice[0]} twice", "correct the band names of the file")
    return tuple(bands)


def band_indexes(bands: Sequence[str]) -> tuple[int, ...]:
    """Return the image's band numbers, counted from 1, of red, green, blue and, where there is one, nir."""
    return tuple(bands.index(name) + 1 for name in BANDS if name in bands)
