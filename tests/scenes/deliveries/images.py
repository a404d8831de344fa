"""An image written whole and in parts, for the tests of deliveries."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from tests.scenes.rasters import write_raster

ORIGIN = Affine(2, 0, 500_000, 0, -2, 5_000_000)


def pixels(bands: int = 4, rows: int = 150, columns: int = 130, seed: int = 0) -> NDArray[np.uint16]:
    """Return random counts."""
    return np.random.default_rng(seed).integers(1, 4000, (bands, rows, columns)).astype(np.uint16)


def write(
    path: Path,
    image: NDArray[np.generic],
    *,
    row: int = 0,
    column: int = 0,
    crs: str | None = "EPSG:32631",
    **options: object,
) -> Path:
    """Write an image, or the part of it whose upper-left pixel lies at (row, column); as JPEG 2000 by its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = ORIGIN @ Affine.translation(column, row) if crs else Affine.identity()
    settings: dict[str, object] = {"nodata": None, "names": None, "transform": transform, "crs": crs}
    if path.suffix.lower() == ".jp2":
        settings |= {"driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": True, "YCBCR420": False}
    return write_raster(path, image, **(settings | options))  # type: ignore[arg-type]


def write_tiles(
    folder: Path, image: NDArray[np.generic], stem: str, ending: str, rows: Sequence[int], columns: Sequence[int]
) -> list[str]:
    """Cut an image into R1C1 tiles of the given heights and widths; return the names."""
    names: list[str] = []
    top = 0
    for r, height in enumerate(rows, start=1):
        left = 0
        for c, width in enumerate(columns, start=1):
            names.append(f"{stem}_R{r}C{c}{ending}")
            part = image[:, top : top + height, left : left + width]
            write(folder / names[-1], part, row=top, column=left)
            left += width
        top += height
    return names


def zip_folder(folder: Path, target: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Put all files of a folder into a zip archive."""
    with zipfile.ZipFile(target, "w", compression) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
    return target


def tar_folder(folder: Path, target: Path) -> Path:
    """Put all files of a folder into a tar archive, compressed by its ending."""
    mode = "w" if target.suffix.lower() == ".tar" else "w:gz"
    with tarfile.open(target, mode, format=tarfile.GNU_FORMAT) as archive:  # type: ignore[call-overload]
        archive.add(folder, ".")
    return target
