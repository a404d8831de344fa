"""Strata without layers; tests/samples/test_zones.py has those with layers of zones and towns."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples.footprints import frame_of, patchwork, row

from bocage.samples.strata import Strata, stratify


def names_of(strata: Strata) -> list[str]:
    return [strata.names[index] for index in strata.stratum]


def test_without_layers_all_is_one_rural_zone() -> None:
    strata = stratify(row())
    assert names_of(strata) == ["all/PHR/rural", "all/SPOT/rural", "all/PHR/rural"]
    assert strata.sizes == {"all/PHR/rural": 2, "all/SPOT/rural": 1}
    assert strata.urban.dtype == bool


@given(st.integers(0, 500))
@settings(max_examples=30)
def test_strata_are_what_they_are_called_and_none_is_empty(seed: int) -> None:
    frame = frame_of(patchwork(seed, 8, 7))
    strata = stratify(frame)
    assert list(strata.names) == sorted(strata.names)
    assert all(size > 0 for size in strata.sizes.values())
    assert sum(strata.sizes.values()) == len(frame)
    assert names_of(strata) == [f"all/{frame.sensors[index]}/rural" for index in frame.scene]
    parts = strata.divide(np.arange(0, len(frame), 2), frame.scene[::2] % 2, ("even", "odd"))
    assert names_of(parts) == [
        f"{name}/{'odd' if index % 2 else 'even'}"
        for name, index in zip(names_of(strata)[::2], frame.scene[::2], strict=True)
    ]
