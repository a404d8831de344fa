"""Scenes as cloud-optimised GeoTIFF on their own pixel grid, each with a STAC Item by which it is catalogued again."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.windows import Window as PixelWindow
from rasterio.windows import transform as window_transform
from shapely.geometry import mapping

from bocage.errors import SceneError, StorageError
from bocage.files import whole_file, write_json
from bocage.grid import Grid
from bocage.scenes.bands import BANDS, band_indexes
from bocage.scenes.deliveries.assembly import open_image
from bocage.scenes.deliveries.locations import split_member
from bocage.scenes.dialects.stac import SATURATION
from bocage.scenes.footprint import project_outline
from bocage.scenes.item import to_item
from bocage.scenes.scene import Scene
from bocage.scenes.stretch import STRETCH_TAG, apply_stretch
from bocage.scenes.survey import valid_pixels

Form = Literal["numbers", "reflectance", "bytes"]

SCALE, OFFSET = 0.0001, -0.1
"""Reflectance is ``SCALE * number + OFFSET`` of a uint16 number from 1 on: -0.0999 to 6.4535 in steps that are finer
than the noise of the sensors, in half the bytes of float32. Haze correction makes dark reflectance negative, hence the
offset."""

_TILE = 512
_WINDOW = 4 * _TILE


def convert(scene: Scene, grid: Grid, folder: Path, form: Form = "numbers") -> Path:
    """Write ``ID.tif`` and ``ID.json`` into a folder and return the path of the first; whole or not at all.

    Parameters
    ----------
    scene
        The scene.
    grid
        The working lattice, in whose CRS the scene's outlines are.
    folder
        Where the files go; existing ones are replaced.
    form
        ``numbers``: all bands with the digital numbers as they were delivered. ``reflectance``: red, green, blue and,
        where there is one, nir at the top of the atmosphere, uint16 with ``SCALE`` and ``OFFSET``, 0 where nothing was
        seen. ``bytes``: the same bands stretched to 1 to 255 as a model sees them, 0 where nothing was seen or under
        clouds; such a file cannot be catalogued and stretched once more. Where the settings hide saturated pixels, the
        last two forms hold 0 there too; the first keeps them, and its Item says from which number on they are
        saturated.

    Raises
    ------
    SceneError
        If the scene cannot be read, has no calibration for ``reflectance``, or would be written over itself.
    StorageError
        If the files cannot be written.
    """
    target = folder / f"{scene.id}.tif"
    if form == "reflectance" and scene.calibration is None:
        raise SceneError(
            f"{scene.href} cannot be calibrated: its metadata lack gains, the time or the height of the sun",
            "convert it as numbers or bytes, or deliver it with its metadata",
        )
    own = {split_member(href)[0] for href in (*(part.href for part in scene.image.parts), *scene.documents)}
    if {str(target.absolute()), str(target.with_suffix(".json").absolute())} & own:
        raise SceneError(f"{scene.href} would be written over itself", "choose another folder with --to")
    with whole_file(target) as temporary:
        # The driver of cloud-optimised GeoTIFF copies a file, so there is a plain one first; a block is held at a time.
        plain = target.with_name(f".{scene.id}.plain.{os.getpid()}.part.tif")
        try:
            _write_plain(scene, grid, plain, form)
            _copy(plain, temporary)
        finally:
            with suppress(FileNotFoundError):
                plain.unlink()
    item = _item(scene, grid, target, form)
    if scene.clouds is not None and form != "bytes":
        mask = target.with_name(f"{scene.id}-clouds.geojson")
        _write_clouds(scene, grid, mask)
        item["assets"]["cloud-mask"] = {"href": mask.name, "type": "application/geo+json", "roles": ["cloud"]}
    write_json(target.with_suffix(".json"), item)
    return target


def _write_plain(scene: Scene, grid: Grid, path: Path, form: Form) -> None:
    indexes = band_indexes(scene.bands)
    with open_image(scene.image) as file:
        masked = form == "numbers" and _needs_mask(file, indexes)
        written = tuple(range(1, len(scene.bands) + 1)) if form == "numbers" else indexes
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "width": scene.shape[1],
            "height": scene.shape[0],
            "count": len(written),
            "dtype": {"numbers": scene.image.dtype, "reflectance": "uint16", "bytes": "uint8"}[form],
            "nodata": scene.nodata if form == "numbers" else 0,
            "crs": scene.crs,
            "transform": scene.transform,
            "tiled": True,
            "blockxsize": _TILE,
            "blockysize": _TILE,
            "compress": "lzw",
            "bigtiff": "if_safer",
            # A fourth band of 8 bits would else be taken for transparency.
            "photometric": "minisblack",
        }
        clouds = None
        if form == "bytes" and scene.clouds is not None:
            clouds = project_outline(scene.clouds, grid.crs, scene.crs, scene.id)
        try:
            with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as target:
                _describe(target, scene, [scene.bands[index - 1] for index in written], form)
                for window in _windows(scene.shape):
                    numbers, valid = _read(scene, file, indexes, window)
                    if clouds is not None:
                        place = window_transform(window, scene.transform)
                        valid &= geometry_mask([clouds], valid.shape, place)
                    if form != "numbers" and scene.mask_saturated and scene.saturation is not None:
                        valid &= np.less(numbers, scene.saturation).all(axis=0)
                    if form == "numbers":
                        target.write(file.read(list(written), window=window), window=window)
                        if masked:
                            target.write_mask(valid, window=window)
                    else:
                        target.write(_values(scene, numbers, valid, form), window=window)
        except RasterioError as error:
            raise StorageError(f"{path.parent} could not take {scene.id}: {error}", "free some space") from error


def _read(
    scene: Scene, file: rasterio.DatasetReader, indexes: tuple[int, ...], window: PixelWindow
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    try:
        numbers = file.read(list(indexes), window=window)
        return numbers, valid_pixels(file, numbers, window, indexes)
    except RasterioError as error:
        raise SceneError(f"{scene.href} is damaged or truncated: {error}", "deliver the file again") from error


def _values(scene: Scene, numbers: NDArray[np.generic], valid: NDArray[np.bool_], form: Form) -> NDArray[np.generic]:
    if form == "bytes":
        return apply_stretch(numbers, valid, scene.stretch)
    assert scene.calibration is not None
    seen = np.where(valid, numbers, np.zeros((), numbers.dtype))
    scaled = np.rint((scene.calibration.reflectance(seen) - np.float32(OFFSET)) / np.float32(SCALE))
    return np.where(valid, np.clip(scaled, 1, 65535), 0).astype(np.uint16)


def _needs_mask(file: rasterio.DatasetReader, indexes: tuple[int, ...]) -> bool:
    """Say whether a mask or an alpha band hides pixels that the nodata value does not."""
    flags = file.mask_flag_enums[indexes[0] - 1]
    masks = {rasterio.enums.MaskFlags.per_dataset, rasterio.enums.MaskFlags.alpha}
    alpha = any(
        colour == rasterio.enums.ColorInterp.alpha and index not in indexes
        for index, colour in enumerate(file.colorinterp, start=1)
    )
    return alpha or bool(masks & set(flags))


def _describe(target: Any, scene: Scene, names: list[str], form: Form) -> None:
    for index, name in enumerate(names, start=1):
        target.set_band_description(index, name)
    if form == "reflectance":
        target.scales, target.offsets = [SCALE] * len(names), [OFFSET] * len(names)
    if form == "bytes":
        target.update_tags(**{STRETCH_TAG: json.dumps(scene.stretch)})


def _windows(shape: tuple[int, int]) -> Iterator[PixelWindow]:
    for row in range(0, shape[0], _WINDOW):
        for column in range(0, shape[1], _WINDOW):
            yield PixelWindow(column, row, min(_WINDOW, shape[1] - column), min(_WINDOW, shape[0] - row))


def _copy(plain: Path, target: Path) -> None:
    try:
        rasterio.shutil.copy(
            plain,
            target,
            driver="COG",
            compress="DEFLATE",
            predictor="YES",
            blocksize=_TILE,
            overview_resampling="AVERAGE",
            overviews="IGNORE_EXISTING",
            bigtiff="IF_SAFER",
            num_threads="ALL_CPUS",
        )
    except RasterioError as error:
        raise StorageError(f"{target.parent} could not take {target.name}: {error}", "free some space") from error


def _item(scene: Scene, grid: Grid, target: Path, form: Form) -> dict[str, Any]:
    """Return the Item of the converted file: what is known of the scene, without how the catalogue keeps it."""
    content: dict[str, Any] = to_item(scene, grid.crs, target.parent).to_dict(
        include_self_link=False, transform_hrefs=False
    )
    given = content["assets"]
    bands = {band["name"]: band for key in given for band in given[key].get("bands", ()) if "eo:common_name" in band}
    kept = ("bocage:sensor", "bocage:stretch") if form == "bytes" else ("bocage:sensor",)
    properties = content["properties"]
    content["properties"] = {
        name: value for name, value in properties.items() if not name.startswith("bocage:") or name in kept
    }
    if form == "numbers" and scene.saturation is not None:
        content["properties"][SATURATION] = scene.saturation
    names = scene.bands if form == "numbers" else tuple(name for name in BANDS if name in scene.bands)
    own = []
    for number, name in enumerate(names, start=1):
        band = dict(bands.get(name, {"name": f"{name}-{number}"}))
        if form != "numbers":
            band = {key: value for key, value in band.items() if not key.startswith("raster:") and key != "statistics"}
        if form == "reflectance":
            band |= {"raster:scale": SCALE, "raster:offset": OFFSET}
        own.append(band)
    asset = {
        "href": target.name,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        # Also counts become reflectance by the scale and offset of their bands.
        "roles": ["data", *(["reflectance"] if form != "bytes" and scene.calibration is not None else [])],
        "bands": own,
        "data_type": {"numbers": scene.image.dtype, "reflectance": "uint16", "bytes": "uint8"}[form],
        "raster:spatial_resolution": scene.gsd,
        "file:size": target.stat().st_size,
    }
    if form != "numbers":
        asset["nodata"] = 0
    elif scene.nodata is not None:
        asset["nodata"] = scene.nodata if math.isfinite(scene.nodata) else str(scene.nodata)
    content["assets"] = {"data": asset}
    file_extension = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
    content["stac_extensions"] = sorted({*content["stac_extensions"], file_extension})
    return content


def _write_clouds(scene: Scene, grid: Grid, path: Path) -> None:
    outline = project_outline(scene.clouds, grid.crs, "EPSG:4326", scene.id)
    feature = {"type": "Feature", "properties": {}, "geometry": mapping(outline)}
    write_json(path, {"type": "FeatureCollection", "features": [feature]})
