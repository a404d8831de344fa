"""Simulated deliveries of every family: found, put together and read as the numbers that were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bocage.scenes.deliveries.assembly import assemble, open_image
from bocage.scenes.deliveries.finding import find_deliveries
from bocage.simulation import simulate_deliveries
from bocage.simulation.sensor import FAMILIES
from tests.object_store import ObjectStore

CODES = tuple(FAMILIES)


def check(source: str, numbers: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.uint16]]]) -> dict[str, str]:
    """Find and read the deliveries of a place; return the id by sensor."""
    deliveries, refusals = find_deliveries(source)
    assert refusals == []
    found = {}
    for delivery in deliveries:
        assert delivery.metadata is not None
        with open_image(assemble(delivery)) as file:
            np.testing.assert_array_equal(file.read(), numbers[delivery.metadata.sensor])
        found[delivery.metadata.sensor] = delivery.id
    assert len(found) == len(deliveries)
    return found


@pytest.mark.parametrize("packaging", ["folder", "zip", "tar"])
def test_every_family_reads_as_it_was_written(tmp_path: Path, object_store: ObjectStore, packaging: str) -> None:
    made = simulate_deliveries(tmp_path, CODES, packaging=packaging, cloudy=True, size=240.0, tile_edge=80)  # type: ignore[arg-type]
    numbers = dict(zip(CODES, (delivery.product.numbers for delivery in made), strict=True))
    ids = check(str(tmp_path), numbers)
    assert set(ids) == set(CODES)
    if packaging == "folder":
        assert check(object_store.put_folder(tmp_path), numbers) == ids


def test_any_raster_leads_to_its_whole_delivery(tmp_path: Path) -> None:
    made = simulate_deliveries(tmp_path, CODES, cloudy=True, size=240.0, tile_edge=80)
    numbers = dict(zip(CODES, (delivery.product.numbers for delivery in made), strict=True))
    ids = set(check(str(tmp_path), numbers).values())
    rasters = [path for path in tmp_path.rglob("*") if path.suffix.lower() in {".tif", ".tiff", ".jp2"}]
    assert len(rasters) > len(CODES)
    named = [check(str(path), numbers) for path in rasters]
    assert all(len(found) == 1 for found in named)
    assert {name for found in named for name in found.values()} == ids
