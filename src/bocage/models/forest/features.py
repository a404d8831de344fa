"""What an image object is described by: colour, texture, shape, surroundings, and attribute profiles.

Every feature is of the valid pixels of one image, and stays the same wherever in the raster the ground lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bocage.models.forest.layers import measure_pixels
from bocage.models.forest.objects import image_objects
from bocage.models.forest.profiles import attribute_profiles, profile_names
from bocage.scenes.bands import BANDS

VERSION = 1
"""Raised when the same image gives other objects or features: a forest of another version cannot read them."""

_QUANTILES = (0.1, 0.5, 0.9)
# Features whose contrast to the ground around is one, too.
_CONTRASTED = ("nir", "brightness", "ndvi", "nir_varied", "nir_rough")


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of an image and their features.

    Attributes
    ----------
    labels
        (rows, columns) int32, the object of every pixel, -1 where invalid.
    features
        (objects, features) float32, finite.
    names
        Names of the features.
    """

    labels: NDArray[np.int32]
    features: NDArray[np.float32]
    names: tuple[str, ...]


def describe_objects(
    image: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    resolution: float,
    *,
    scale: float,
    smallest: int,
) -> Objects:
    """Divide an image into objects and describe each.

    Parameters
    ----------
    image
        (4, rows, columns) of red, green, blue, near infrared, uint8.
    valid
        (rows, columns); there must be a valid pixel.
    resolution
        Metres per pixel.
    scale, smallest
        Of :func:`image_objects`.
    """
    rows, columns = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    image, inside = image[:, *window], valid[window]
    labels = image_objects(image, inside, scale=scale, smallest=smallest)
    table = dict(_columns(image, inside, labels, resolution))
    whole = np.full(valid.shape, -1, np.int32)
    whole[window] = labels
    return Objects(whole, np.stack(list(table.values()), axis=1).astype(np.float32), tuple(table))


def _columns(
    image: NDArray[np.uint8], valid: NDArray[np.bool_], labels: NDArray[np.int32], resolution: float
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    number = labels[valid]
    size = np.bincount(number)
    layers = measure_pixels(image, valid, resolution)

    def mean(values: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float64]:
        return np.bincount(number, values) / size

    means: dict[str, NDArray[np.float64]] = {}
    for name, band in zip(BANDS, layers.bands, strict=True):
        means[name] = mean(band)
        square = mean(np.square(band, dtype=np.float32))
        yield f"{name}_deviation", np.sqrt(np.maximum(square - means[name] ** 2, 0))
        yield from zip([f"{name}_{q}" for q in _QUANTILES], _quantiles(band, number, size), strict=True)
    means["brightness"] = mean(layers.brightness[valid])
    means |= {name: mean(values) for name, values in layers.values.items()}
    yield from means.items()
    for name in ("nir", "brightness", "greenness"):
        inner = means["ndvi"] * 127.5 + 127.5 if name == "greenness" else means[name]
        for wide in [key for key in means if key.startswith(f"{name}_wide")]:
            yield f"{name}_over_{wide}", inner - means[wide]
    yield from _shape(valid, labels, size, resolution)
    yield from _surroundings(labels, means)
    profiles = attribute_profiles(layers.brightness, valid, resolution)
    for name, values in zip(profile_names("brightness"), profiles, strict=True):
        yield name, mean(values)


def _quantiles(
    band: NDArray[np.uint8], number: NDArray[np.int32], size: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """Return quantiles of a band within each object: the value at that rank, no interpolation."""
    ordered = np.sort(number.astype(np.int64) << 8 | band)
    begin = np.cumsum(size) - size
    return [(ordered[begin + (q * (size - 1)).astype(np.int64)] & 255).astype(np.float64) for q in _QUANTILES]


def _shape(
    valid: NDArray[np.bool_], labels: NDArray[np.int32], size: NDArray[np.int64], resolution: float
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield area, compactness 4 pi area / perimeter^2, and the axes of the ellipse of the same second moments."""
    number = labels[valid]
    framed = np.pad(labels, 1, constant_values=-1)
    inner = framed[1:-1, 1:-1]
    sides = sum(
        (inner != side).astype(np.int64)
        for side in (framed[:-2, 1:-1], framed[2:, 1:-1], framed[1:-1, :-2], framed[1:-1, 2:])
    )
    perimeter = np.bincount(number, sides[valid])
    row, column = (axis.astype(np.float64) for axis in np.nonzero(valid))
    centre = [np.bincount(number, axis) / size for axis in (row, column)]
    row, column = row - centre[0][number], column - centre[1][number]
    # A pixel is a square, whose own second moment is 1 / 12.
    rr, cc = (np.bincount(number, axis * axis) / size + 1 / 12 for axis in (row, column))
    rc = np.bincount(number, row * column) / size
    root = np.sqrt(np.maximum((rr - cc) ** 2 / 4 + rc**2, 0))
    long, short = np.sqrt((rr + cc) / 2 + root), np.sqrt(np.maximum((rr + cc) / 2 - root, 1 / 12))
    yield "area", np.log(size * resolution**2)
    yield "compactness", 4 * np.pi * size / perimeter**2
    yield "elongation", short / long
    yield "length", 4 * long * resolution
    yield "width", 4 * short * resolution


def _surroundings(
    labels: NDArray[np.int32], means: dict[str, NDArray[np.float64]]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield what the neighbours are like, each weighted by the common border, and theirs again: two rings."""
    count = means["nir"].size
    border = _borders(labels, count)
    length = np.asarray(border.sum(axis=1)).ravel()
    alone = length == 0
    weight = np.maximum(length, 1)
    for name in _CONTRASTED:
        own = means[name]
        near = np.where(alone, own, border @ own / weight)
        far = np.where(alone, own, border @ near / weight)
        yield f"{name}_over_neighbours", own - near
        yield f"{name}_of_second_ring", far
    first, second = border.nonzero()
    darker = means["brightness"][second] < means["brightness"][first]
    shared = np.bincount(first[darker], border.data[darker], minlength=count)
    yield "darker_border", np.where(alone, 0.5, shared / weight)
    # Trees throw shadows: the darkest neighbour tells a crown from grass of the same colour.
    darkest = means["brightness"].copy()
    np.minimum.at(darkest, first, means["brightness"][second])
    yield "darkest_neighbour", means["brightness"] - darkest


def _borders(labels: NDArray[np.int32], count: int) -> csr_matrix:
    """Return the length of the border between any two objects, in sides of pixels: (objects, objects), symmetric."""
    pairs = [(labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])]
    one, other = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    between = (one != other) & (one >= 0) & (other >= 0)
    one, other = one[between], other[between]
    ends = np.concatenate([one, other]), np.concatenate([other, one])
    # Duplicates are added up.
    borders = csr_matrix((np.ones(ends[0].size), ends), shape=(count, count))
    borders.sort_indices()
    return borders
