"""Digital numbers to reflectance: the formula by hand, the sun's distance by the almanac, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import MetadataError
from bocage.scenes.calibration import Calibration, find_calibration, sun_distance
from bocage.scenes.metadata import BandRecord, ProductMetadata

NOON = datetime(2021, 6, 16, 10, 41, tzinfo=UTC)


def metadata(numbers: str = "counts", **changes: Any) -> ProductMetadata:
    bands = tuple(BandRecord(name, gain=0.1, offset=1.0, solar_irradiance=1500.0) for name in ("red", "green", "blue"))
    made = ProductMetadata("test", "PHR", "PHR1A", "x", NOON, bands, sun_elevation=50.0, numbers=numbers)  # type: ignore[arg-type]
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("day", "distance"),
    # Perihelion and aphelion of 2021 and of 2017 as the almanacs print them.
    [
        (datetime(2021, 1, 2, 13, 51, tzinfo=UTC), 0.98326),
        (datetime(2021, 7, 5, 22, 27, tzinfo=UTC), 1.01673),
        (datetime(2017, 1, 4, 14, 18, tzinfo=UTC), 0.98331),
        (datetime(2017, 7, 3, 20, 11, tzinfo=UTC), 1.01668),
    ],
)
def test_distance_of_the_sun(day: datetime, distance: float) -> None:
    assert sun_distance(day) == pytest.approx(distance, abs=1e-4)


def test_reflectance_by_hand() -> None:
    found = find_calibration(metadata(), "x")
    assert found is not None
    radiance = 0.1 * 700 + 1.0
    expected = math.pi * radiance * sun_distance(NOON) ** 2 / (1500 * math.sin(math.radians(50)))
    assert found.reflectance(np.full((3, 1, 1), 700))[0, 0, 0] == pytest.approx(expected, rel=1e-6)
    assert found.source == "metadata"


def test_irradiance_of_the_table_stands_in() -> None:
    bands = tuple(BandRecord(name, gain=0.1, offset=0.0) for name in ("red", "green", "blue", "nir"))
    found = find_calibration(metadata(bands=bands), "x")
    own = find_calibration(
        metadata(
            bands=tuple(
                replace(band, solar_irradiance=value)
                for band, value in zip(bands, (1594.0, 1831.0, 1915.0, 1060.0), strict=True)
            )
        ),
        "x",
    )
    assert found is not None
    assert own is not None
    assert found.scale == own.scale
    assert found.source == "metadata and table"


def test_order_of_the_bands_does_not_matter() -> None:
    bands = tuple(
        BandRecord(name, gain=gain, offset=0.0, solar_irradiance=1000.0)
        for name, gain in (("nir", 4.0), ("blue", 3.0), ("other", 9.0), ("green", 2.0), ("red", 1.0))
    )
    found = find_calibration(metadata(bands=bands), "x")
    assert found is not None
    assert np.array(found.scale) / found.scale[0] == pytest.approx([1, 2, 3, 4])


def test_reflectance_products_need_no_sun() -> None:
    bands = tuple(BandRecord(name, gain=1e-4, offset=0.0) for name in ("red", "green", "blue"))
    found = find_calibration(metadata("reflectance", bands=bands, acquired=None, sun_elevation=None), "x")
    assert found == Calibration((1e-4,) * 3, (0.0,) * 3, "metadata")


@pytest.mark.parametrize(
    "changes",
    [
        {"acquired": None},
        {"sun_elevation": None},
        {"bands": ()},
        {"bands": tuple(BandRecord(name) for name in ("red", "green", "blue"))},
        {"sensor": "GENERIC", "bands": tuple(BandRecord(n, gain=1.0, offset=0.0) for n in ("red", "green", "blue"))},
    ],
)
def test_what_is_missing_leaves_a_scene_without(changes: dict[str, Any]) -> None:
    assert find_calibration(metadata(**changes), "x") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sun_elevation": 2.0},
        {"sun_elevation": -30.0},
        {"bands": tuple(BandRecord(n, "", -1.0, 0.0, 1500.0) for n in ("red", "green", "blue"))},
        {"bands": tuple(BandRecord(n, "", 1.0, 0.0, 0.0) for n in ("red", "green", "blue"))},
    ],
)
def test_what_cannot_be_true_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MetadataError, match=r"^x: "):
        find_calibration(metadata(**changes), "x")


@given(st.floats(1e-5, 1e-2), st.floats(-0.1, 0.1), st.floats(0, 1))
def test_numbers_are_the_inverse_of_reflectance(scale: float, offset: float, value: float) -> None:
    line = Calibration((scale,) * 4, (offset,) * 4, "metadata")
    back = line.reflectance(np.array(line.numbers((value,) * 4), dtype=np.float64).reshape(4, 1, 1))
    assert back[:, 0, 0] == pytest.approx([value] * 4, abs=1e-5)
