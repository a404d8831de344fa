"""The layout of KOMPSAT-3 and 3A: one GeoTIFF per band and an auxiliary XML."""

from __future__ import annotations

from datetime import timedelta
from xml.etree.ElementTree import Element

from bocage.simulation.deliveries.documents import document, node
from bocage.simulation.deliveries.product import Files, Product
from bocage.simulation.deliveries.rasters import tiff_bytes
from bocage.simulation.families import Channel

_SHORT = {"KOMPSAT-3": "K3", "KOMPSAT-3A": "K3A"}
_SENSORS = {"KOMPSAT-3": "AEISS", "KOMPSAT-3A": "AEISS-A"}
_LETTERS = {"blue": "B", "green": "G", "red": "R", "nir": "N"}
_COLOURS = {"blue": "Blue", "green": "Green", "red": "Red", "nir": "Near Infrared"}


def kompsat_files(product: Product) -> Files:
    """Return a KOMPSAT-3 or 3A delivery of level 1G."""
    take = product.take
    stem = f"{_SHORT[take.platform]}_{take.acquired:%Y%m%d%H%M%S}_32047_{product.serial(8)}_L1G"
    files = {
        f"{stem}_{_LETTERS[channel.name]}.tif": tiff_bytes(
            product.numbers[place : place + 1], product.crs, product.transform
        )
        for place, channel in enumerate(take.channels)
    }
    return {f"{stem}_Aux.xml": document(_auxiliary(product, stem)), **files}


def _auxiliary(product: Product, stem: str) -> Element:
    take = product.take
    zone = product.utm_zone
    projection = ("UTM", f"N{zone}") if zone is not None else (product.crs_name, product.crs)
    images = (_image(product, stem, place, channel) for place, channel in enumerate(take.channels, start=1))
    return node(
        "Auxiliary",
        {
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": "LevelProductSchema.xsd",
        },
        node(
            "General",
            node("Satellite", take.platform),
            node("Sensor", _SENSORS[take.platform]),
            node("OrbitNumber", 32047),
            node("OrbitDirection", "ASCENDING"),
            node("ProductLevel", "Level1G"),
            node("ImageFormat", "GEOTIFF"),
            node("Projection", node("Type", projection[0]), node("Parameter", projection[1])),
            node("EllipsoidType", "WGS-84"),
            node("VisibleResamplingMethod", "TCLS"),
            node("DesignBitsPerPixel", take.family.sensor.bit_depth),
            node("ImageBitsPerPixel", 16),
            node("CreateDate", f"{take.acquired:%Y%m%d%H%M%S}.00"),
        ),
        node(
            "Metadata",
            (
                node(
                    "MetadataBlock",
                    node("Time", f"{take.acquired + timedelta(seconds=seconds):%Y%m%d%H%M%S.%f}0"),
                    node(
                        "SunAngle",
                        node("Azimuth", f"{take.sun.azimuth:.9f}"),
                        node("Elevation", f"{take.sun.elevation:.9f}"),
                    ),
                )
                for seconds in (0, 1, 2)
            ),
        ),
        node("Image", images),
    )


def _image(product: Product, stem: str, place: int, channel: Channel) -> Element:
    take = product.take
    low, high = take.family.sensor.wavelengths[channel.name]
    _, _, longitude, latitude = product.centre
    return node(
        f"MS{place}",
        node("ImageFileName", f"{stem}_{_LETTERS[channel.name]}.tif"),
        node("ImageLevel", "Level1G"),
        node("ImageColor", _COLOURS[channel.name]),
        node(
            "ImagingTime",
            (
                node(
                    f"Imaging{name}Time", node("UTC", f"{take.acquired + timedelta(seconds=seconds):%Y%m%d%H%M%S.%f}0")
                )
                for name, seconds in (("Start", 0), ("Center", 1), ("End", 2))
            ),
        ),
        node("ImageSize", node("Width", product.columns), node("Height", product.rows)),
        node(
            "ImagingCoordinates",
            node("ImageCoordCenter", node("Column", product.columns // 2), node("Row", product.rows // 2)),
            node("ImageGeogCenter", node("Latitude", latitude), node("Longitude", longitude)),
        ),
        node(
            "Angle",
            node("Roll", f"{take.off_nadir:.9f}"),
            node("Pitch", "0.000000000"),
            node("Yaw", "0.000000000"),
            node("Azimuth", f"{take.view_azimuth:.9f}"),
            node("Incidence", f"{product.incidence:.9f}"),
            node("Elevation", f"{90 - product.incidence:.9f}"),
            node("OffNadir", f"{take.off_nadir:.9f}"),
        ),
        node("ImageGSD", node("Column", f"{product.pixel:.3f}"), node("Row", f"{product.pixel:.3f}")),
        node("CloudCover", node("Average", round(product.cloud_cover, 2))),
        node("Bandwidth", f"{low:.0f}-{high:.0f}"),
        node("RadianceConversion", node("Gain", f"{1 / channel.gain:.6f}"), node("Offset", f"{channel.bias:.6f}")),
    )
