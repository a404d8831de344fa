"""The Python interface: load a model, segment a scene, extract features, each in one line.

The same functions that the stages call, on objects that people hold in a notebook: a file, an
:class:`xarray.DataArray`, a :class:`geopandas.GeoDataFrame`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bocage.errors import FeatureError

if TYPE_CHECKING:
    import geopandas as gpd

    from bocage.models import Segmenter

__all__ = ["extract_features", "load_model", "segment"]


def load_model(folder: Path | str) -> Segmenter:
    """Load a model package from its folder, in the runtime that is fastest here.

    Raises
    ------
    ModelError
        If the package is missing, damaged or of an architecture that this version does not know.
    """
    from bocage.models import load_model as load

    return load(folder, runtime="auto")


def segment(scene: Path | str, model: Segmenter, *, bands: tuple[str, ...] | None = None) -> xr.DataArray:
    """Map the probability of woody vegetation of one scene, on the scene's own grid.

    The scene becomes bytes by the stretch that the model was trained with.

    Parameters
    ----------
    scene
        A georeferenced raster with red, green, blue and near infrared bands, or a delivery: its folder, archive,
        metadata file or ``s3://`` URL.
    model
        A loaded model.
    bands
        The bands in file order, where the file does not name them.

    Returns
    -------
    xarray.DataArray
        Dimensions y and x, float32 from 0 to 1, NaN where the scene has no valid pixel; attributes ``crs`` (WKT) and
        ``transform`` (six affine coefficients, as rasterio orders them).

    Raises
    ------
    SceneError
        If the raster cannot be used.
    """
    from bocage.mapping import segment_raster

    result = segment_raster(scene, model, bands=bands)
    transform = result.transform
    rows, columns = result.probability.shape
    return xr.DataArray(
        result.probability,
        dims=("y", "x"),
        coords={
            "y": transform.f + transform.e * (np.arange(rows) + 0.5),
            "x": transform.c + transform.a * (np.arange(columns) + 0.5),
        },
        name="probability",
        attrs={"crs": result.crs, "transform": tuple(transform)[:6], "long_name": "probability of woody vegetation"},
    )


def extract_features(
    woody: xr.DataArray, *, valid: xr.DataArray | None = None, profile: str = "2021"
) -> gpd.GeoDataFrame:
    """Turn a woody mask into features with type, width_m, length_m and area_m2.

    Parameters
    ----------
    woody
        A boolean array with dimensions y and x, regular coordinates in metres and an attribute ``crs``, such as
        ``segment(...) > 0.5``.
    valid
        Where the mask knows anything, such as ``probability.notnull()``; everywhere by default. A comparison turns
        nodata into False, so give this wherever a scene has edges: a feature that touches nodata may be cut.
    profile
        The release of the product whose geometric rules apply.

    Returns
    -------
    geopandas.GeoDataFrame
        The columns of the features stage, and two of them under short names: ``type`` and ``area_m2``.

    Raises
    ------
    FeatureError
        If the array has no coordinate reference system, irregular coordinates or is not boolean.
    """
    from affine import Affine

    from bocage.features import features_of

    if woody.dtype != bool:
        raise FeatureError(f"the woody mask is {woody.dtype}, not boolean", "give a comparison: probability > 0.5")
    if "crs" not in woody.attrs:
        raise FeatureError(
            "the woody mask has no attribute crs",
            "compare with attributes kept (xarray.set_options(keep_attrs=True)) or set mask.attrs['crs']",
        )
    steps = {name: np.diff(woody[name].to_numpy()) for name in ("x", "y")}
    for name, step in steps.items():
        if len(step) == 0 or not np.allclose(step, step[0], rtol=1e-6):
            raise FeatureError(f"the coordinates {name} of the woody mask are not regular", "keep the scene's own grid")
    width, height = float(steps["x"][0]), float(steps["y"][0])
    transform = Affine(width, 0, float(woody["x"][0]) - width / 2, 0, height, float(woody["y"][0]) - height / 2)
    known = None if valid is None else valid.to_numpy()
    features = features_of(woody.to_numpy(), transform, woody.attrs["crs"], valid=known, profile=profile)
    return features.assign(type=features["slf_type"], area_m2=features["area"])
