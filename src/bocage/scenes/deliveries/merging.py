"""Several metadata files of one image become one record; where they contradict each other the delivery is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta

from bocage.errors import MetadataError
from bocage.scenes.metadata import ProductMetadata
from bocage.scenes.sensors import GENERIC

_KEPT = frozenset({"dialect", "sensor", "platform", "parts", "numbers", "stretched", "cloud_masks"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What one metadata file says.

    Attributes
    ----------
    name
        The file.
    metadata
        What it says.
    rasters
        The files of its parts in the same order, by their names in the tree.
    """

    name: str
    metadata: ProductMetadata
    rasters: tuple[str, ...] = ()


def principal(readings: Sequence[Reading]) -> Reading:
    """Return the reading that says most: the most files, then calibrated bands, then filled fields."""

    def weight(reading: Reading) -> tuple[int, int, int]:
        metadata = reading.metadata
        calibrated = sum(band.gain is not None for band in metadata.bands)
        filled = sum(getattr(metadata, field.name) not in (None, (), "") for field in fields(metadata))
        return len(reading.rasters), calibrated, filled

    return max(readings, key=weight)


def merged(first: ProductMetadata, other: Reading) -> ProductMetadata:
    """Fill what ``first`` does not say from another metadata file of the same image.

    Raises
    ------
    MetadataError
        If they name different sensors, bands or days.
    """
    second = other.metadata
    mend = "deliver the metadata that belong to the image"
    if GENERIC not in {first.sensor, second.sensor} and first.sensor != second.sensor:
        raise MetadataError(f"{other.name} is of {second.sensor} but the image is of {first.sensor}", mend)
    names = [[band.name for band in metadata.bands] for metadata in (first, second)]
    if all(names) and names[0] != names[1]:
        raise MetadataError(
            f"{other.name} names the bands {', '.join(names[1])} but the image has {', '.join(names[0])}", mend
        )
    if first.acquired and second.acquired and abs(first.acquired - second.acquired) > timedelta(days=1):
        raise MetadataError(
            f"{other.name} is of {second.acquired:%Y-%m-%d}, the image of {first.acquired:%Y-%m-%d}", mend
        )
    missing = {
        field.name: getattr(second, field.name)
        for field in fields(first)
        if field.name not in _KEPT and getattr(first, field.name) in (None, (), "")
    }
    sensor, platform = first.sensor, first.platform
    if sensor == GENERIC:
        sensor, platform = second.sensor, platform or second.platform
    return replace(first, sensor=sensor, platform=platform, stretched=first.stretched or second.stretched, **missing)
