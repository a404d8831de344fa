"""One pair of chips: what it is cut from, whether it is in place and up to date, and cutting it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from bocage.grid import Window
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.reference.fusion import IGNORE
from bocage.reference.labels import read_labels
from bocage.samples.checksums import checksums_of
from bocage.samples.samples import chip_paths
from bocage.scenes.bands import BANDS
from bocage.scenes.reader import Patch

# What a pair was cut from: scene and window, in both files; the pixels of its labels, and the tiles that held them.
_TAG, _CONTENT, _TILES, _COUNTS = "BOCAGE_INPUTS", "BOCAGE_LABELS", "BOCAGE_TILES", "BOCAGE_COUNTS"


@dataclass(frozen=True, slots=True)
class Order:
    """One sample to cut.

    Attributes
    ----------
    digest
        Of the scene and the window: what the image depends on.
    tiles
        Of the inputs of the label tiles that the window touches. While they stay, so do its labels.
    """

    sample_id: str
    window: Window
    digest: str
    tiles: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a sample: its counts of tree, other and ignored pixels, or the reason why it was left out.

    A sample without counts and without a refusal has no decided pixel: it teaches nothing, and nobody did wrong.
    """

    sample_id: str
    counts: Mapping[str, int] | None = None
    refusal: Refusal | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)

    @property
    def fresh(self) -> bool:
        """Whether the pair was cut by this run."""
        return bool(self.checksums)


def cut_pair(project: Project, order: Order, patch: Patch) -> Result:
    """Write the image and the label of a sample; nothing is written where no pixel of the label is decided.

    Raises
    ------
    StorageError
        If the disk is full or the folder cannot be written.
    """
    label = read_labels(project, order.window)
    content = _content(label)
    label[~patch.valid] = IGNORE
    counts = _count(label)
    if counts["tree"] + counts["other"] == 0:
        return Result(order.sample_id)
    image_path, label_path = chip_paths(project, order.sample_id)
    write_cog(
        image_path,
        patch.image,
        grid=project.grid,
        window=order.window,
        nodata=0,
        descriptions=BANDS,
        tags={_TAG: order.digest},
    )
    # The label comes last: it is the receipt of the pair.
    write_cog(
        label_path,
        label,
        grid=project.grid,
        window=order.window,
        nodata=IGNORE,
        descriptions=("label",),
        tags={_TAG: order.digest, _CONTENT: content, _TILES: order.tiles, _COUNTS: json.dumps(counts)},
        overviews="mode",
    )
    return Result(order.sample_id, counts, checksums=checksums_of(project.chips_folder, image_path, label_path))


def kept_pair(project: Project, order: Order) -> Result | None:
    """Return the counts of a pair of chips that is in place and up to date, or None."""
    image, label = (_tags(path) for path in chip_paths(project, order.sample_id))
    if image.get(_TAG) != order.digest or label.get(_TAG) != order.digest:
        return None
    # Where a tile was built anew its pixels say whether the labels of this window are others.
    if label.get(_TILES) != order.tiles and label.get(_CONTENT) != _content(read_labels(project, order.window)):
        return None
    counts: dict[str, int] = json.loads(label[_COUNTS])
    return Result(order.sample_id, counts)


def tile_digest(project: Project, name: str) -> str:
    """Return the digest of the inputs of a label tile, or "" where there is none."""
    return _tags(project.labels_folder / f"{name}.tif").get(_TAG, "")


def _content(label: NDArray[np.uint8]) -> str:
    """Return the digest of the labels of a window, before the invalid pixels of the image go out of them."""
    return hashlib.sha256(np.ascontiguousarray(label)).hexdigest()


def _tags(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        with rasterio.open(path) as file:
            tags: dict[str, str] = file.tags()
            return tags
    except RasterioError:
        # A damaged chip counts as not in place: it is cut again.
        return {}


def _count(label: NDArray[np.uint8]) -> dict[str, int]:
    number = np.bincount(label.ravel(), minlength=256)
    return {"tree": int(number[1]), "other": int(number[0]), "ignored": int(number[IGNORE])}
