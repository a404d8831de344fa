"""The settings of the delivered layers: names, contact, and what is made beside the suite."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bocage.settings.section import Positive, Section


class ProductsSettings(Section):
    """Names of the delivered layers, and what stands in their metadata.

    ``profile`` is the release whose names, codes and set of layers are used; without it that of the features.
    ``reference_year`` stands in the names; without it the year of the profile. ``date`` is YYYYMMDD, by default the day
    of the newest scene. ``area`` names layers that are not tiled, such as parent scenes and change: two letters, by
    default eu on the European grid (EPSG:3035), the region overseas on its grid (gp, mq, gf, re, yt), and xx elsewhere.
    ``region`` says which region of the release of 2015 the project maps, as country and number: "fr_123"; it matters to
    that release alone.

    ``organisation``, ``email``, ``conditions`` and ``url`` go into the INSPIRE metadata of every layer; INSPIRE asks
    for the first two, and a delivery without them is warned about.

    Street trees are mapped where an Urban Atlas is registered as a layer of kind "urban". Its artificial surfaces
    without roads are closed over gaps of twice ``street_gap`` metres, which takes in the streets within a town.

    ``web_tiles`` adds a copy of the polygons as PMTiles for maps in a browser.
    """

    profile: Literal["2015", "2018", "2021", "2024"] | None = None
    reference_year: int | None = None
    version: Annotated[str, Field(pattern=r"^v\d{2}$")] = "v01"
    revision: Annotated[str, Field(pattern=r"^r\d{2}$")] = "r00"
    date: Annotated[str, Field(pattern=r"^\d{8}$")] | None = None
    area: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    region: Annotated[str, Field(pattern=r"^[a-z]{2}_\d{1,3}$")] | None = None
    organisation: str | None = None
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    conditions: str = "no conditions apply to access and use"
    url: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    street_gap: Positive = 30.0
    web_tiles: bool = True

    @model_validator(mode="after")
    def _year_of_the_release(self) -> Self:
        if self.profile in {"2015", "2018"} and self.reference_year not in {None, int(self.profile)}:
            raise ValueError(
                f"the release of {self.profile} names its own year only, and reference_year is {self.reference_year}; "
                "leave it out, or choose a later profile"
            )
        return self
