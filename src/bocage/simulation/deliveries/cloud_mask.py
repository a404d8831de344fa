"""The cloud mask of a DIMAP delivery: polygons in GML, as the mask files of Pléiades and SPOT."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from bocage.simulation.deliveries.documents import document, node
from bocage.simulation.deliveries.product import Product

_SPACES = {
    "xmlns:gml": "http://www.opengis.net/gml",
    "xmlns:hma": "http://earth.esa.int/hma",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
}


def cloud_mask(product: Product, name: str) -> bytes:
    """Return the mask of clouds and their shadows; a clear product has a mask without members.

    Coordinates are written as x and y of the product's projection, whatever order its authority prefers.
    """
    srs = {"srsName": f"urn:ogc:def:crs:EPSG:6.3:{product.epsg}"}
    (_, left, top, _, _), _, (_, right, bottom, _, _), _ = product.corners()
    envelope = node(
        "gml:Envelope",
        srs,
        node("gml:lowerCorner", f"{left} {bottom}"),
        node("gml:upperCorner", f"{right} {top}"),
    )
    members = (
        node(
            "hma:MaskFeature",
            {"gml:id": f"cloud-{number}-{name}"},
            node("hma:maskType", {"codeSpace": "urn:phr:ipu:maskType"}, "CLOUD"),
            node("gml:extentOf", _polygon(part, srs)),
        )
        for number, part in enumerate(_polygons(product.clouds))
    )
    root = node(
        "hma:Mask",
        {"gml:id": f"{name}_imgncn_msk", **_SPACES},
        node("gml:name", f"Cloud mask from data-strip {name}"),
        node("gml:boundedBy", envelope),
        node("hma:maskMembers", members),
    )
    return document(root)


def _polygons(outline: BaseGeometry | None) -> list[Polygon]:
    if outline is None or outline.is_empty:
        return []
    return [part for part in getattr(outline, "geoms", [outline]) if isinstance(part, Polygon)]


def _polygon(part: Polygon, srs: dict[str, str]) -> Element:
    rings = [node("gml:exterior", _ring(list(part.exterior.coords)))]
    rings += [node("gml:interior", _ring(list(hole.coords))) for hole in part.interiors]
    return node("gml:Polygon", srs, rings)


def _ring(points: list[tuple[float, ...]]) -> Element:
    words = " ".join(f"{value:.3f}" for point in points for value in point[:2])
    return node("gml:LinearRing", node("gml:posList", words))
