"""The layout of TripleSat: a GeoTIFF with ``..._meta.xml``, and the report of the contributing missions.

No sample of the maker's own metadata is public; the names of its elements are those that readers of it know. They state
neither calibration nor sun, which the report says as of every delivery.
"""

from __future__ import annotations

from bocage.simulation.deliveries.contributing import report_files
from bocage.simulation.deliveries.documents import document, node
from bocage.simulation.deliveries.product import Files, Product
from bocage.simulation.deliveries.rasters import tiff_bytes


def triplesat_files(product: Product) -> Files:
    """Return a TripleSat delivery: the image, its metadata and its report."""
    take = product.take
    name = f"TRIPLESAT_2_MS_L1_{take.acquired:%Y%m%d%H%M%S}_{product.serial(6)}VI_002"
    metadata = node(
        "SceneMetaData",
        node(
            "MetaData",
            node("Satellite_Name", "TripleSat-2"),
            node("Scene_ID", name),
            node("Begin_Time", f"{take.acquired:%Y-%m-%d %H:%M:%S}"),
            node("Roll_Angle", round(take.off_nadir, 6)),
            node("Cloud_Cover", round(product.cloud_cover)),
        ),
    )
    descriptions = [channel.name for channel in take.channels]
    return {
        f"{name}.tif": tiff_bytes(product.numbers, product.crs, product.transform, descriptions=descriptions),
        f"{name}_meta.xml": document(metadata),
        **report_files(product),
    }
