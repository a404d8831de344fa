"""How far a layer lies from the scenes in time.

A layer is of one reference year; hedges are cut and planted between it and the imagery. Layers of all years are used,
and one that is more than ``MOST_YEARS_APART`` years from the scenes is told: the service renews its layers every three
years, so a nearer release should exist.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bocage.reference.layer import Layer

MOST_YEARS_APART = 3


def outdated(layers: Sequence[Layer], scenes: Collection[int]) -> list[str]:
    """Return a sentence for each layer that is more than ``MOST_YEARS_APART`` years from every scene.

    Parameters
    ----------
    scenes
        The years in which scenes were acquired.
    """
    found = []
    for layer in layers:
        if layer.year is None or not scenes:
            continue
        apart = min(abs(layer.year - scene) for scene in scenes)
        if apart > MOST_YEARS_APART:
            found.append(
                f"{layer.name} is of {layer.year}, {apart} years from the nearest scene "
                f"({min(scenes)} to {max(scenes)}): what grew or was cut since is labelled wrongly"
            )
    return found
