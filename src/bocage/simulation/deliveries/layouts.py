"""Which layout each family is delivered in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from bocage.simulation.deliveries.contributing import report_files
from bocage.simulation.deliveries.digitalglobe import geoeye_files, worldview2_files, worldview3_files
from bocage.simulation.deliveries.dimap1 import geosat_files
from bocage.simulation.deliveries.dimap2 import neo_files, pleiades_files, spot_files
from bocage.simulation.deliveries.kompsat import kompsat_files
from bocage.simulation.deliveries.packaging import Packaging, write_package
from bocage.simulation.deliveries.product import Files, Product
from bocage.simulation.deliveries.superview import superview_files
from bocage.simulation.deliveries.triplesat import triplesat_files
from bocage.simulation.deliveries.vision1 import vision_files

LAYOUTS: Mapping[str, Callable[[Product], Files]] = MappingProxyType(
    {
        "PHR": pleiades_files,
        "PNEO": neo_files,
        "SPOT": spot_files,
        "SV1": superview_files,
        "WV2": worldview2_files,
        "WV3": worldview3_files,
        "KS3": kompsat_files,
        "GE1": geoeye_files,
        "GEOSAT2": geosat_files,
        "VS1": vision_files,
        "TRIPLESAT": triplesat_files,
    }
)
"""The maker of the files of a delivery, by the code of the sensor."""


def write_delivery(folder: Path, product: Product, *, packaging: Packaging = "folder") -> Path:
    """Write a product as its maker delivers it, and return the folder or archive; its name is that of the take."""
    files = LAYOUTS[product.take.family.sensor.code](product)
    return write_package(folder, product.take.id, files, packaging, report_files(product))
