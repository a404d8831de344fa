"""A small simulated project and a bare truth that the tests of this room share."""

from pathlib import Path

import pytest

from bocage.simulation import Landscape, Raster, simulate
from bocage.simulation.truth import Truth

SQUARE = (4_317_000.0, 3_018_000.0, 3000.0)
"""Three by three blocks of the lattice: they hold each role once."""


@pytest.fixture(scope="session")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("simulated"), size=1200)


@pytest.fixture(scope="session")
def landscape() -> Landscape:
    return Landscape.over(0, *SQUARE)


@pytest.fixture(scope="session")
def truth(landscape: Landscape) -> Truth:
    left, bottom, size = SQUARE
    truth = Truth(left, bottom, size)
    for core in Raster(left, bottom + size, round(size), round(size)).pieces(1000):
        truth.add(landscape.render(core.pad(12)), core)
    return truth
