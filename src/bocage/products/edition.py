"""An edition: the release whose names and codes are used, its year and date, and what all its layers have in common."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bocage.errors import ProductError
from bocage.grid import Bounds, Grid
from bocage.products.delivery import Delivery
from bocage.products.mosaic import MappedTile
from bocage.products.naming import Convention, Form, ProductName, Variable, epsg_of
from bocage.products.suite import convention_of
from bocage.project import Project
from bocage.scenes import Catalogue

_AREAS = {3035: "eu", 32620: "gp", 32622: "gf", 32740: "re", 32738: "yt"}
# Guadeloupe and Martinique share a zone. Between them, from 1646 to 1750 km north, lies Dominica; m in EPSG:32620.
_ANTILLES, _GUADELOUPE, _MARTINIQUE, _BETWEEN = 32620, "gp", "mq", 1_698_000.0
_ELSEWHERE = "xx"  # ISO 3166 leaves it to its users

_log = logging.getLogger("bocage")


@dataclass(frozen=True, slots=True)
class Edition:
    """What is the same for every layer of a run.

    Attributes
    ----------
    grid
        The 5 m lattice.
    year
        The reference year.
    date
        Day in the names, YYYYMMDD.
    before
        The earlier year of a change, else None.
    """

    project: Project
    grid: Grid
    convention: Convention
    year: int
    date: str
    delivery: Delivery
    before: int | None = None

    def name(self, variable: Variable, form: Form, place: str) -> ProductName:
        """Return the name of a layer of a cell, a region (fr_123), an area of two letters or a town (code_name)."""
        settings, epsg = self.project.settings.products, epsg_of(self.grid.crs)
        version, revision, date = settings.version, settings.revision, self.date
        if self.convention in {"2015", "2018"}:
            version, revision, date = f"_{version[0]}{int(version[1:])}_{int(revision[1:])}", "", ""
        code, _, town = place.partition("_")
        if self.convention == "2015" and town:
            version, town = f"_{town}{version}", ""
        return ProductName(
            variable, self.year, form, code.upper(), epsg, version, revision, date, self.before, town, self.convention
        )

    def area(self, ground: Bounds) -> str:
        """Return the two letters of layers that are not tiled and show this ground; say where it is no single area."""
        said, epsg = self.project.settings.products.area, epsg_of(self.grid.crs)
        if said is not None or epsg != _ANTILLES:
            return said or _AREAS.get(epsg, _ELSEWHERE)
        if ground.bottom < _BETWEEN < ground.top:
            _log.warning(
                "the layers that are not tiled show Guadeloupe and Martinique and are named %s: set area in "
                "[products], or make a project of each",
                _GUADELOUPE,
            )
        return _MARTINIQUE if ground.top <= _BETWEEN else _GUADELOUPE

    def into(self, folder: Path) -> Delivery:
        """Return the delivery that writes into another folder."""
        return replace(self.delivery, folder=folder)


def edition_of(project: Project, profile: str | None, mosaic: Sequence[MappedTile], grid: Grid) -> Edition:
    """Return the edition that the settings and the option ``profile`` ask for.

    Raises
    ------
    ProductError
        If the release is not known, or names another year than the settings.
    """
    settings = project.settings.products
    convention = convention_of(profile or settings.profile or project.settings.features.profile)
    year = int(convention) if settings.reference_year is None else settings.reference_year
    if convention in {"2015", "2018"} and year != int(convention):
        raise ProductError(
            f"the release of {convention} names its own year only, and products.reference_year is {year}",
            "leave reference_year out, or choose another profile",
        )
    warn_of_contact(project)
    rules = project.settings.features.profile
    if rules != convention and (rules, convention) != ("2021", "2024"):  # of 2024 no other rules are known
        _log.warning(
            "names and codes are those of %s, the features follow the rules of %s: "
            'set profile = "%s" in [features] and run bocage features for those of the release',
            convention, rules, convention,
        )  # fmt: skip
    dates = _dates(project)
    models = sorted({mapped.model for mapped in mosaic if mapped.model})
    delivery = Delivery(
        project.products_folder,
        settings,
        project.settings.project.name,
        grid.crs,
        product_date(project, year),
        min(dates, default=f"{year}-01-01"),
        max(dates, default=f"{year}-12-31"),
        _lineage(project, models),
        {"bocage:model": models[0]} if models else {},
    )
    return Edition(project, grid, convention, year, delivery.date, delivery)


def product_date(project: Project, year: int) -> str:
    """Return the date in the names, YYYYMMDD: as set, else that of the newest scene, else the reference year's end."""
    settings = project.settings.products
    if settings.date is not None:
        return settings.date
    dates = _dates(project)
    return max(dates).replace("-", "") if dates else f"{year}1231"


def warn_of_contact(project: Project) -> None:
    """Say where the metadata will name no contact, which INSPIRE asks for."""
    settings = project.settings.products
    if settings.organisation is None or settings.email is None:
        _log.warning(
            "the INSPIRE metadata name no contact: set organisation and email in [products] before you deliver"
        )


def _lineage(project: Project, models: Sequence[str]) -> str:
    # No numbers of scenes or tiles: a tile more would change the metadata of every production cell.
    features = project.settings.features
    return (
        "Made with Bocage: probability of woody vegetation from very high resolution scenes"
        + (f" by the model of digest {models[0]}" if models else "")
        + f", threshold {features.threshold:g}; small woody features by the rules of the release of {features.profile}."
    )


def _dates(project: Project) -> list[str]:
    if not project.scenes_file.is_file():
        return []
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    return [f"{scene.acquired:%Y-%m-%d}" for scene in scenes if scene.acquired is not None]
