"""Clouds and their shadows found by a network, for scenes that come without a usable cloud mask.

The network is that of the package ukis-csmask (German Aerospace Center, Apache 2.0; Wieland, Fichtner and Martinis
2022, doi:10.5194/isprs-archives-XLIII-B3-2022-217-2022): a U-Net for blue, green, red and near-infrared reflectance at
the top of the atmosphere, trained on Landsat and Sentinel-2. It is an optional extra. Clouds are looked for in cells of
10 m, whatever the pixel of the scene.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import rasterio.features
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from shapely import MultiPolygon, box
from shapely.geometry import shape
from shapely.ops import unary_union

from bocage.errors import MissingExtraError, SceneError
from bocage.grid import Grid, Window
from bocage.scenes.bands import BANDS
from bocage.scenes.footprint import polygonal
from bocage.scenes.scene import Scene

CLEAR, CLOUD, SHADOW, INVALID = 0, 1, 2, 255

CELL = 10.0
"""Edge in metres of the pixels in which clouds are looked for."""

MARGIN = 60.0
"""Metres around a cloud or shadow that count as hidden: the edge of a cloud is thin."""

# Edges of pixels in metres at which the network was tried and found clouds.
_SIZES = (5.0, 20.0)
# A tile of the image and what is read around it, in pixels; the tiles of the network itself are 256 wide.
_TILE = 1024
_AROUND = 128
_NETWORK_TILE = 256
# A cloud that hides the ground scatters more near infrared than this; clear water, which the network can take for haze,
# scatters less.
_DARKEST_CLOUD = 0.10
# In some of its tiles the network calls all ground beside a cloud a shadow. A shadow is darker than this share of the
# median of the ground without cloud, in the visible and in the near infrared, smoothed over some pixels.
_BRIGHTEST_SHADOW = 0.8
_SMOOTHING = 2.0
# Spots below this many square metres are roofs and noise.
_LEAST_AREA = 5_000.0


class ReflectanceReader(Protocol):
    """Reads reflectance of one scene."""

    @property
    def window(self) -> Window:
        """The lattice pixels that the scene's footprint touches."""

    def read_reflectance(self, window: Window) -> NDArray[np.float32]:
        """Return (4, rows, columns) reflectance of red, green, blue, nir; NaN where invalid."""

    def __enter__(self) -> Self:
        """Return the reader itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files."""


def find_clouds(reflectance: NDArray[np.float32], pixel_size: float) -> NDArray[np.uint8]:
    """Return what each pixel shows: 0 clear ground or water, 1 cloud, 2 shadow of a cloud, 255 invalid.

    Parameters
    ----------
    reflectance
        (4, rows, columns) reflectance at the top of the atmosphere of red, green, blue, nir; 1 is a white diffuser. A
        pixel is invalid where any band is NaN.
    pixel_size
        Edge of a pixel in metres, 5 to 20; best about 10.

    Raises
    ------
    SceneError
        If the pixels are too small or too large for the network.
    MissingExtraError
        If the extra ``clouds`` is not installed.
    """
    return _classify(lambda rows, columns: reflectance[:, rows, columns], reflectance.shape[1:], pixel_size)


def cloud_outline(
    scene: Scene, grid: Grid, open_reflectance: Callable[[Scene, Grid], ReflectanceReader], margin: float = MARGIN
) -> MultiPolygon | None:
    """Return the clouds and shadows of a scene in the CRS of the grid, or None where there are none.

    Parameters
    ----------
    scene
        A scene with a calibration and a near-infrared band.
    grid
        The working lattice.
    open_reflectance
        Opens a scene for reading reflectance onto a lattice.
    margin
        Metres by which clouds and shadows are widened.

    Raises
    ------
    SceneError
        If the scene has no near infrared, no calibration or cannot be read.
    MissingExtraError
        If the extra ``clouds`` is not installed.
    """
    if not scene.has_nir:
        raise SceneError(
            f"{scene.id} has no near infrared, without which clouds cannot be found",
            'set scenes.clouds to "delivered", or deliver a cloud mask',
        )
    coarse = Grid(grid.crs, max(CELL, grid.resolution))
    with open_reflectance(scene, coarse) as reader:
        window = reader.window

        def read(rows: slice, columns: slice) -> NDArray[np.float32]:
            column, row = window.column + columns.start, window.row + rows.start
            part = Window(column, row, columns.stop - columns.start, rows.stop - rows.start)
            return reader.read_reflectance(part)

        found = _classify(read, window.shape, coarse.resolution)
    hidden = (found == CLOUD) | (found == SHADOW)
    parts = [
        shape(geometry)
        for geometry, _ in rasterio.features.shapes(
            hidden.astype(np.uint8), mask=hidden, connectivity=8, transform=coarse.transform(window)
        )
    ]
    large = [part for part in parts if part.area >= _LEAST_AREA]
    if not large:
        return None
    frame = box(*coarse.bounds(window).as_tuple())
    outline = polygonal(unary_union(large).buffer(margin).intersection(frame).simplify(coarse.resolution / 2))
    return outline if isinstance(outline, MultiPolygon) else MultiPolygon([outline])


def _classify(
    read: Callable[[slice, slice], NDArray[np.float32]], size: tuple[int, int], pixel_size: float
) -> NDArray[np.uint8]:
    """Return the classes of an image that is read tile by tile, each with some ground around it."""
    if not _SIZES[0] <= pixel_size <= _SIZES[1]:
        raise SceneError(
            f"reflectance in pixels of {pixel_size:g} m cannot be searched for clouds",
            f"resample it to {_SIZES[0]:g} to {_SIZES[1]:g} m, best {CELL:g} m",
        )
    network = _network()
    result = np.full(size, INVALID, dtype=np.uint8)
    for top in range(0, size[0], _TILE):
        for left in range(0, size[1], _TILE):
            rows, columns = _around(top, size[0]), _around(left, size[1])
            found = _classify_tile(network, read(rows, columns))
            down, right = top - rows.start, left - columns.start
            inner = found[down : down + _TILE, right : right + _TILE]
            result[top : top + _TILE, left : left + _TILE] = inner
    return result


def _around(start: int, size: int) -> slice:
    return slice(max(start - _AROUND, 0), min(start + _TILE + _AROUND, size))


def _classify_tile(network: Any, reflectance: NDArray[np.float32]) -> NDArray[np.uint8]:
    valid = np.isfinite(reflectance).all(axis=0)
    if not valid.any():
        return np.full(valid.shape, INVALID, dtype=np.uint8)
    # The network was trained on whole images: a hole gets its nearest valid pixel, which makes no edge in the image.
    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    filled = reflectance[:, nearest[0], nearest[1]]
    missing = [max(_NETWORK_TILE - edge, 0) for edge in valid.shape]
    padded = np.pad(filled, ((0, 0), (0, missing[0]), (0, missing[1])), mode="symmetric")
    image = np.ascontiguousarray(np.moveaxis(padded, 0, -1), dtype=np.float32)
    mask = network(image, list(BANDS), product_level="l1c", providers=["CPUExecutionProvider"]).csm[..., 0]
    found = np.asarray(mask[: valid.shape[0], : valid.shape[1]], dtype=np.uint8)
    visible, infrared = filled[:3].mean(axis=0), filled[BANDS.index("nir")]
    found[(found == CLOUD) & (infrared < _DARKEST_CLOUD)] = CLEAR
    ground = valid & (found != CLOUD)
    for band in (visible, infrared):
        if ground.any():
            bright = gaussian_filter(band, _SMOOTHING) >= _BRIGHTEST_SHADOW * np.median(band[ground])
            found[(found == SHADOW) & bright] = CLEAR
    found[~valid] = INVALID
    return found


def _network() -> Any:
    try:
        # By name, since the extra is not there where the types are checked.
        return importlib.import_module("ukis_csmask.mask").CSmask
    except ImportError as error:
        raise MissingExtraError(
            "finding clouds needs ukis-csmask and onnxruntime, which are not installed",
            'pip install "bocage[clouds]", or set scenes.clouds to "delivered"',
        ) from error
