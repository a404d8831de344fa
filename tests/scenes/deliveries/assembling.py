"""Deliveries put together in one line, for the tests of assembly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from bocage.scenes.deliveries.assembly import assemble, open_image
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.deliveries.image import Image
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata

BANDS = tuple(BandRecord(name) for name in ("red", "green", "blue", "nir"))
METADATA = ProductMetadata("test", bands=BANDS)


def deliver(files: DeliveryFiles, parts: Sequence[PartRecord], metadata: ProductMetadata | None = METADATA) -> Image:
    return assemble(Delivery("scene", files, tuple(parts), metadata))


def single(folder: Path, name: str = "x.tif", metadata: ProductMetadata | None = None) -> Image:
    return deliver(Folder(folder), [PartRecord(name)], metadata)


def read(image: Image) -> NDArray[np.generic]:
    with open_image(image) as file:
        found: NDArray[np.generic] = file.read()
        assert file.shape == image.shape
        assert file.count == image.count
        assert file.crs == CRS.from_string(image.crs)
        assert file.transform.almost_equals(image.transform)
    return found


def grid(
    rows: int, columns: int, stem: str = "IMG", ending: str = ".TIF", bands: tuple[int, ...] = ()
) -> list[PartRecord]:
    return [
        PartRecord(f"{stem}_R{r}C{c}{ending}", bands, (r, c)) for r in range(1, rows + 1) for c in range(1, columns + 1)
    ]
