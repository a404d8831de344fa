"""Hashed noise in absolute coordinates: the reason why any window of the landscape can be made on its own.

Every random number of a place is a hash of the seed and of that place, never the next number of a stream, so two
windows that share a place agree on it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bocage.simulation.extent import Raster

_GOLDEN = 0x9E3779B97F4A7C15
_ODD = np.uint64(_GOLDEN)
_UNIT = np.float32(2.0**-24)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)


def generator(seed: int, *place: int) -> np.random.Generator:
    """Return the random generator of one place: integers of any sign name it."""
    return np.random.default_rng([seed & 0xFFFFFFFF, *(number & 0xFFFFFFFF for number in place)])


@lru_cache(maxsize=4096)
def _scrambled(seed: int) -> int:
    """Return 64 bits of a seed, so that the noise of seed + 1 is not that of seed moved by a pixel."""
    return int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest())


def _mixed(seed: int | NDArray[np.uint64], column: ArrayLike, row: ArrayLike) -> NDArray[np.uint64]:
    """Return 64 random bits per pair of integers (broadcast), by the finaliser of SplitMix64."""
    start = np.asarray(_scrambled(seed) if isinstance(seed, int) else seed, dtype=np.uint64)
    x = np.atleast_1d(np.asarray(column, dtype=np.int64).astype(np.uint64))
    y = np.atleast_1d(np.asarray(row, dtype=np.int64).astype(np.uint64))
    z: NDArray[np.uint64] = x * _ODD + y * _MIX_B + start
    z = (z ^ (z >> np.uint64(30))) * _MIX_A
    z = (z ^ (z >> np.uint64(27))) * _MIX_B
    z ^= z >> np.uint64(31)
    return z


def hashed(seed: int, column: ArrayLike, row: ArrayLike) -> NDArray[np.float32]:
    """Return one number in [0, 1) per pair of integers (broadcast, at least one-dimensional)."""
    result: NDArray[np.float32] = (_mixed(seed, column, row) >> np.uint64(40)).astype(np.float32) * _UNIT
    return result


def _smooth(t: NDArray[np.float64]) -> NDArray[np.float32]:
    weight: NDArray[np.float32] = (t * t * t * (t * (t * 6 - 15) + 10)).astype(np.float32)
    return weight


def noise_at(seed: int, x: NDArray[np.float64], y: NDArray[np.float64], wavelength: float) -> NDArray[np.float32]:
    """Return value noise in [-1, 1] at points in metres; ``wavelength`` is the pitch of its lattice in metres."""
    u, v = x / wavelength, y / wavelength
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    wx, wy = _smooth(u - column), _smooth(v - row)
    south = hashed(seed, column, row) * (1 - wx) + hashed(seed, column + 1, row) * wx
    north = hashed(seed, column, row + 1) * (1 - wx) + hashed(seed, column + 1, row + 1) * wx
    return np.asarray((south * (1 - wy) + north * wy) * 2 - 1, dtype=np.float32)


def displacement(
    seed: int, points: NDArray[np.float64], octaves: tuple[tuple[float, float], ...]
) -> NDArray[np.float64]:
    """Return a smooth random vector (m) per (n, 2) point: a sum of octaves, each (wavelength, amplitude) in metres."""
    wavelength = np.array([octave[0] for octave in octaves])[:, np.newaxis]
    amplitude = np.array([octave[1] for octave in octaves])[:, np.newaxis]
    seeds = np.array([_scrambled(seed + 977 * k) for k in range(len(octaves))], dtype=np.uint64)[:, np.newaxis]
    u, v = points[:, 0] / wavelength, points[:, 1] / wavelength
    column, row = np.floor(u), np.floor(v)
    wx, wy = _smooth(u - column), _smooth(v - row)
    bits = _mixed(seeds, column + _CORNERS_X, row + _CORNERS_Y)
    weights = np.stack(((1 - wx) * (1 - wy), wx * (1 - wy), (1 - wx) * wy, wx * wy))
    shifts = [
        (((bits >> shift & _LOW).astype(np.float64) * _UNIT * 2 - 1) * weights * amplitude).sum(axis=(0, 1))
        for shift in (np.uint64(0), np.uint64(40))
    ]
    return np.column_stack(shifts)


_LOW = np.uint64(0xFFFFFF)
_CORNERS_X = np.array([0, 1, 0, 1])[:, np.newaxis, np.newaxis]
_CORNERS_Y = np.array([0, 0, 1, 1])[:, np.newaxis, np.newaxis]


def noise_field(seed: int, raster: Raster, wavelength: float) -> NDArray[np.float32]:
    """Return value noise in [-1, 1] on the pixel centres of a raster, equal to :func:`noise_at` at those points."""
    u, v = raster.x / wavelength, raster.y / wavelength
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    columns = np.arange(column.min(), column.max() + 2)
    rows = np.arange(row.min(), row.max() + 2)
    lattice = hashed(seed, columns[np.newaxis, :], rows[:, np.newaxis]) * np.float32(2) - np.float32(1)
    wx, wy = _smooth(u - column), _smooth(v - row)[:, np.newaxis]
    below = row - rows[0]
    lines = lattice[below] * (1 - wy) + lattice[below + 1] * wy
    left = column - columns[0]
    result: NDArray[np.float32] = lines[:, left]
    result *= 1 - wx
    right = lines[:, left + 1]
    right *= wx
    result += right
    return result


def grain_field(seed: int, raster: Raster) -> NDArray[np.float32]:
    """Return white noise in [-1, 1): one number per pixel of a raster whose pixels lie on its own lattice."""
    column = np.floor(raster.x / raster.pixel).astype(np.int64)
    row = np.floor(raster.y / raster.pixel).astype(np.int64)
    return hashed(seed, column[np.newaxis, :], row[:, np.newaxis]) * np.float32(2) - np.float32(1)


def bell_field(seed: int, raster: Raster) -> NDArray[np.float32]:
    """Return noise per pixel with mean 0 and standard deviation 1: the sum of three uniform numbers of 21 bits."""
    column = np.floor(raster.x / raster.pixel).astype(np.int64)
    row = np.floor(raster.y / raster.pixel).astype(np.int64)
    bits = _mixed(seed, column[np.newaxis, :], row[:, np.newaxis])
    total = sum((bits >> np.uint64(shift) & np.uint64(0x1FFFFF)).astype(np.float32) for shift in (0, 21, 42))
    return np.asarray(total * np.float32(2.0**-20) - np.float32(3), dtype=np.float32)
