"""The well-formed deliveries, written once and copied for each test that breaks one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.products.conformance.well_formed import write_2015, write_2018, write_2021

Copy = Callable[..., Path]


@pytest.fixture(scope="session")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """One delivery per product year."""
    folder = tmp_path_factory.mktemp("deliveries")
    found = {}
    for year, write in ((2015, write_2015), (2018, write_2018), (2021, write_2021)):
        found[year] = folder / str(year)
        found[year].mkdir()
        write(found[year])
    return found


@pytest.fixture
def copy(deliveries: dict[int, Path], tmp_path: Path) -> Copy:
    """Return a function that copies the delivery of a year, or some of its layers."""

    def copied(year: int, only: tuple[str, ...] = ()) -> Path:
        target = tmp_path / "delivery"
        if not only:
            return Path(shutil.copytree(deliveries[year], target))
        for source in deliveries[year].rglob("*"):
            if source.is_file() and source.name.startswith(only):
                place = target / source.relative_to(deliveries[year])
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
        return target

    return copied
