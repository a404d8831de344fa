"""Layers far from the scenes in time are told."""

from bocage.grid import Grid, Window
from bocage.reference.file import LayerFile
from bocage.reference.layer import Layer
from bocage.reference.sources import Source
from bocage.reference.years import MOST_YEARS_APART, outdated
from bocage.settings import LayerSettings


def layer(year: int | None) -> Layer:
    settings = LayerSettings(kind="tree_cover_density", paths=("tcd.tif",), year=year)
    file = LayerFile(Source("tcd.tif", 1, ""), Window(0, 0, 5, 5), 10.0)
    return Layer(settings, Grid("EPSG:3035", 2.0), (file,))


def test_only_layers_beyond_the_limit_are_told() -> None:
    scenes = {2021, 2022}
    near, far = layer(2021 - MOST_YEARS_APART), layer(2021 - MOST_YEARS_APART - 1)
    assert outdated([near, layer(None), layer(2025)], scenes) == []
    assert outdated([far], set()) == []
    (sentence,) = outdated([near, far], scenes)
    assert "tcd.tif is of 2017, 4 years from the nearest scene (2021 to 2022)" in sentence
