"""A small picture of a scene, for lists and pages: what a person looks at before anything else."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from bocage.scenes.scene import Stretch
from bocage.scenes.stretch import apply_stretch
from bocage.scenes.survey import Survey


def picture(found: Survey, stretch: Stretch) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) uint8 red, green, blue of a surveyed raster, 0 where nothing was seen.

    The long side has 512 pixels at most.
    """
    shown = apply_stretch(found.thumbnail, found.thumbnail_valid, stretch)
    return np.ascontiguousarray(np.moveaxis(shown[:3], 0, -1))


def jpeg(shown: NDArray[np.uint8]) -> bytes:
    """Return a picture as a JPEG file."""
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(shown).save(target, "JPEG", quality=85)
    return target.getvalue()
