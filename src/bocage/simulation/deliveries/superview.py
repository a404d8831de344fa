"""The native layout of SuperView-1: one GeoTIFF of blue, green, red, nir beside an XML whose times are Beijing's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from xml.etree.ElementTree import Element

from bocage.simulation.deliveries.documents import document, node
from bocage.simulation.deliveries.product import Files, Product
from bocage.simulation.deliveries.rasters import tiff_bytes

_BEIJING = timedelta(hours=8)


def superview_files(product: Product) -> Files:
    """Return a SuperView-1 delivery of level 2A."""
    stem = f"SV1-01_{product.take.acquired + _BEIJING:%Y%m%d}_L2A{product.serial(10)}_1109210616104100_01"
    return {
        f"{stem}-MUX.xml": document(_metadata(product, stem)),
        f"{stem}-MUX.tiff": tiff_bytes(product.numbers, product.crs, product.transform),
    }


def _metadata(product: Product, stem: str) -> Element:
    take = product.take
    zone = product.utm_zone
    _, _, longitude, latitude = product.centre
    moments = (("StartTime", 0), ("CenterTime", 1), ("EndTime", 2))
    names = {"UL": "TopLeft", "UR": "TopRight", "LR": "BottomRight", "LL": "BottomLeft"}
    return node(
        "ProductMetaData",
        node("SatelliteID", "SV1-01"),
        node("SensorID", "MUX"),
        node("ReceiveTime", f"{take.acquired + _BEIJING:%Y-%m-%d %H:%M:%S}"),
        node("ProductID", stem),
        node("ProductLevel", "LEVEL2A"),
        node("ProductFormat", "GEOTIFF"),
        node("Bands", "1,2,3,4"),
        (node(tag, f"{take.acquired + _BEIJING + timedelta(seconds=step):%Y-%m-%d %H:%M:%S}") for tag, step in moments),
        node("ImageGSD", product.pixel),
        node("WidthInPixels", product.columns),
        node("HeightInPixels", product.rows),
        node("BitsPerPixel", take.family.sensor.bit_depth),
        node("CloudPercent", round(product.cloud_cover)),
        node("SatelliteAzimuth", round(take.view_azimuth, 6)),
        node("SatelliteZenith", round(product.incidence, 6)),
        node("ViewAngle", round(take.off_nadir, 6)),
        node("incidenceAngle", round(product.incidence, 6)),
        node("SolarAzimuth", round(take.sun.azimuth, 6)),
        node("SolarZenith", round(90 - take.sun.elevation, 6)),
        node("Gain", _listed(1 / channel.gain for channel in take.channels)),
        node("Offset", _listed(channel.bias for channel in take.channels)),
        node("ESUN", _listed(channel.irradiance for channel in take.channels)),
        node("EarthEllipsoid", "WGS84"),
        node("MapProjection", f"EPSG:{product.epsg}"),
        node("ZoneNo", zone),
        node("CenterLatitude", latitude),
        node("CenterLongitude", longitude),
        _corners(product, names),
    )


def _listed(values: Iterable[float]) -> str:
    return ",".join(f"{value:.6g}" for value in values)


def _corners(product: Product, names: dict[str, str]) -> list[Element]:
    return [
        node(f"{names[letters]}{axis}", value)
        for letters, _, _, longitude, latitude in product.corners()
        for axis, value in (("Latitude", latitude), ("Longitude", longitude))
    ]
