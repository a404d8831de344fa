"""The geometric rules of the service, one profile per product year.

The documents disagree in places. A disputed rule is a field here, so that a reader can see which reading was taken and
can take another with :func:`dataclasses.replace`:

=================  ============================================================================================
field              readings
=================  ============================================================================================
linear_length      30 m (method description of 2021); 50 m (quality checks of 2015). 2018 was not published: 50 m.
isolated           "keep" features of 0.15 to 5 ha that touch no valid one (user manual, "additional woody features");
                   "drop" them (method description of 2021)
least_elongation   compactness 4 pi A / P^2 of a linear feature at most 0.75 (quality checks of 2015), a rectangle
                   that is 1.5 times as long as wide. The 0.785 that the method description of 2021 lists "for
                   completeness" is that of a square, which every candidate passes. It moves features between linear and
                   patchy, never in or out of the product, crop rule apart.
least_width        10 m at the widest place, patchy features only (quality checks of 2015, "minimum mapping
                   width"); none since
width              "rectangle": of the rectangle with the same area and the same mean distance to the outline;
                   "maximum": the widest place ("width = max" of the distance transform), which makes the length =
                   area / width of a hedge with one bulge far too short
=================  ============================================================================================

The codes of the releases and whether 254 is one of them are in :mod:`bocage.products.colours`. No rules of the release
of 2024 are published: its profile has those of 2021 and is provisional.

Sources: HRL SLF method description v1.1 (2025-11-20), product user manual v1.1 (2025-11-04), Copernicus quality tools
2.4.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bocage.errors import FeatureError


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules by which woody cells become features. Lengths in metres, areas in square metres.

    Attributes
    ----------
    linear_width, linear_length
        Largest width and smallest length of a linear feature.
    least_elongation
        Smallest length / width of a linear feature.
    patchy_area
        Smallest and largest area of a patchy feature.
    least_width
        Smallest width of a patchy feature at its widest place.
    crop_share
        A patch with more than this share (0 to 1) of its known cells on crops is not a feature.
    isolated, isolated_area
        Whether patches out of the patchy range that touch no linear feature are kept, and within which areas.
    forest_cover, forest_area, forest_buffer
        Tree cover density (percent) from which a cell may be forest, smallest forest, and the margin around it.
    width
        How the width of a feature is read off its distance transform.
    smooth
        Whether the staircases of outlines are made straight; if not they follow the edges of cells.
    """

    name: str
    linear_width: float = 30.0
    linear_length: float = 30.0
    least_elongation: float = 1.5
    patchy_area: tuple[float, float] = (200.0, 5000.0)
    least_width: float = 0.0
    crop_share: float = 0.8
    isolated: Literal["drop", "keep"] = "drop"
    isolated_area: tuple[float, float] = (1500.0, 50_000.0)
    forest_cover: int = 10
    forest_area: float = 50_000.0
    forest_buffer: float = 10.0
    width: Literal["rectangle", "maximum"] = "rectangle"
    smooth: bool = True


PROFILES = MappingProxyType(
    {
        "2015": Profile("2015", linear_length=50.0, least_width=10.0, isolated="keep"),
        "2018": Profile("2018", linear_length=50.0, isolated="keep"),
        "2021": Profile("2021"),
        "2024": Profile("2024"),
    }
)


def profile_of(profile: Profile | str) -> Profile:
    """Return a profile by its name; a profile is returned as it is.

    Raises
    ------
    FeatureError
        If no profile has that name.
    """
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise FeatureError(f"{profile!r} is not a profile", f"use one of {', '.join(PROFILES)}")
    return PROFILES[profile]
