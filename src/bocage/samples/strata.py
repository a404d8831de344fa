"""The strata of the sample: environmental zone x sensor x urban or rural, as the production of 2021 had them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.reference.layer import Layer
from bocage.samples.frame import Frame
from bocage.samples.zones import urban_share, zones_of_cells

EVERYWHERE = "all"
OUTSIDE = "outside"
URBAN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Strata:
    """The stratum of each pair of a frame; none of them is empty.

    Attributes
    ----------
    names
        ``zone/sensor/urban`` or ``zone/sensor/rural``, in alphabetical order.
    zones
        Names of the zones, in alphabetical order.
    stratum, zone
        (n,) index into ``names`` and ``zones``.
    urban
        (n,) whether the cell is urban.
    """

    names: tuple[str, ...]
    zones: tuple[str, ...]
    stratum: NDArray[np.int64]
    zone: NDArray[np.int64]
    urban: NDArray[np.bool_]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of pairs by stratum, in the order of ``names``."""
        return dict(zip(self.names, np.bincount(self.stratum, minlength=len(self.names)).tolist(), strict=True))

    def divide(self, pairs: NDArray[np.intp], part: NDArray[np.int64], parts: Sequence[str]) -> Strata:
        """Return the strata of some pairs, each divided by a second feature: ``zone/sensor/rural/part``.

        Parameters
        ----------
        part
            (pairs,) index into ``parts``.
        """
        names, stratum = _occupied(
            self.stratum[pairs] * len(parts) + part, [f"{name}/{one}" for name in self.names for one in parts]
        )
        return Strata(names, self.zones, stratum, self.zone[pairs], self.urban[pairs])


def stratify(frame: Frame, *, zones: Sequence[Layer] = (), urban: Sequence[Layer] = ()) -> Strata:
    """Return the stratum of each pair.

    A cell has the zone of most of its ground ("all" without a layer, "outside" beyond the layers) and is urban if
    built-up ground covers half of it or more.

    Parameters
    ----------
    zones, urban
        Layers of the kinds ``environmental_zones`` and ``urban``, opened by
        :func:`bocage.samples.zones.stratum_layers`.

    Raises
    ------
    LayerError
        If a layer cannot be read or holds codes that its table lacks.
    SampleError
        If the layers of a kind say nothing about any cell.
    """
    places = frame.places[frame.distinct()]
    zone_names: tuple[str, ...] = (EVERYWHERE,)
    zone = np.zeros(len(places), np.int64)
    town = np.zeros(len(places), np.bool_)
    if zones:
        found = zones_of_cells(zones, places)
        # Index -1, where the layers say nothing, is the last name.
        zone_names, zone = _occupied(found.most % (len(found.names) + 1), (*found.names, OUTSIDE))
    if urban:
        town = urban_share(urban, places) >= URBAN_SHARE
    sensor_names, sensor = _index(frame.sensors)
    zone_of_pair, town_of_pair = zone[frame.ground], town[frame.ground]
    combined = (zone_of_pair * len(sensor_names) + sensor[frame.scene]) * 2 + town_of_pair
    names, stratum = _occupied(
        combined,
        [f"{zone}/{sensor}/{place}" for zone in zone_names for sensor in sensor_names for place in ("rural", "urban")],
    )
    return Strata(names, zone_names, stratum, zone_of_pair, town_of_pair)


def _occupied(codes: NDArray[np.int64], names: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names that occur, in alphabetical order, and the number of each code among them."""
    found, number = np.unique(codes, return_inverse=True)
    occurring = [names[code] for code in found.tolist()]
    ordered, rank = _index(occurring)
    return ordered, rank[number]


def _index(values: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    names = sorted(set(values))
    number = {name: index for index, name in enumerate(names)}
    return tuple(names), np.array([number[value] for value in values], np.int64)
