"""The cloud mask of a DIMAP delivery: polygons in GML.

Confirmed by the masks of Pléiades, Pléiades Neo and SPOT-7 among the test data of Terradue/Stars. Positions are read
as x before y in the CRS of the image, whatever axis order its authority has laid down: the corners of the masks'
envelopes are those that the products' metadata give as X and Y, and masks in image coordinates give column before row.
All these masks are in UTM, whose authority agrees; none in EPSG:3035 or EPSG:4326, whose authority does not, was seen.
The CRS is written as a name of the OGC (``urn:ogc:def:crs:EPSG:6.3:32618``), of the maker's own (``GDLIB:32622``), or
as a code with words after it (``32749 WGS84/UTM 49S ...``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from shapely import MultiPolygon, Polygon
from shapely.ops import unary_union

from bocage.errors import MetadataError
from bocage.scenes.documents import parse_xml
from bocage.scenes.footprint import polygonal

_MEND = "deliver the cloud mask again, or take it out of the delivery"
_CODE = re.compile(r"(?:(?:epsg|gdlib)\S*?[:/#])?(\d{4,6})(?:\s.*)?", re.IGNORECASE | re.DOTALL)
_EXTERIOR = ("exterior", "outerBoundaryIs")
_INTERIOR = ("interior", "innerBoundaryIs")
_KINDS = ("CLOUD", "SHADOW", "HAZE")
_FARTHEST = 1e9  # metres: no map reaches further


def read_cloud_gml(name: str, content: bytes) -> tuple[Polygon | MultiPolygon | None, str | None]:
    """Return the outline of all clouds of a mask and its CRS.

    Parameters
    ----------
    name, content
        The mask and its name for messages.

    Returns
    -------
    tuple
        The outline, x before y, or None where the mask holds no cloud; and the CRS as ``EPSG:...``, or None where the
        mask states none (it is that of the image then).

    Raises
    ------
    MetadataError
        If it is not such a mask, a ring is not closed or has less than three corners, or the mask is one of a sensor
        product, in pixels of an image that was not orthorectified.
    """
    root = parse_xml(name, content)
    if root.tag not in {"Mask", "FeatureCollection"}:
        raise MetadataError(f"{name} is not a mask in GML", _MEND)
    for kind in root.iter("maskType"):
        if not any(known in (kind.text or "").upper() for known in _KINDS):
            raise MetadataError(f"{name} is a mask of {kind.text}, not of clouds", _MEND)
    systems: set[str | None] = set()
    shapes: list[Polygon] = []
    dimension = _dimension(root.find(".//Envelope"), 2, name)
    for polygon in _polygons(root):
        systems.add(polygon.get("srsName"))
        shapes.append(_polygon(polygon, _dimension(polygon, dimension, name), name))
    if not shapes:
        return None, None
    envelope = root.find(".//Envelope")
    default = None if envelope is None else envelope.get("srsName")
    codes = {_crs(system or default, name) for system in systems}
    if len(codes) > 1:
        raise MetadataError(f"{name} has polygons in several coordinate reference systems", _MEND)
    outline = polygonal(unary_union([polygonal(shape) for shape in shapes]))
    return (None, None) if outline.is_empty else (outline, codes.pop())


def _polygons(root: Element) -> Iterator[Element]:
    for element in root.iter():
        if element.tag in {"Polygon", "PolygonPatch"}:
            yield element


def _crs(text: str | None, name: str) -> str | None:
    if not text:
        return None
    if "image" in text.lower():
        raise MetadataError(
            f"{name} is in pixels of an image that was not orthorectified", "deliver the orthorectified product"
        )
    plain = text.strip()
    found = _CODE.fullmatch(re.sub(r"^(urn:ogc:def:crs:|https?://www\.opengis\.net/(def/crs|gml/srs)/)", "", plain))
    if found is None:
        raise MetadataError(f"{name}: the coordinate reference system {text!r} is not known", _MEND)
    return f"EPSG:{found[1]}"


def _dimension(element: Element | None, default: int, name: str) -> int:
    text = None if element is None else element.get("srsDimension")
    if text is None:
        return default
    if text not in {"2", "3"}:
        raise MetadataError(f"{name}: the dimension {text!r} of its positions is not known", _MEND)
    return int(text)


def _polygon(element: Element, dimension: int, name: str) -> Polygon:
    rings = {
        kinds: [ring for kind in kinds for side in element.iterfind(kind) for ring in side.iterfind("LinearRing")]
        for kinds in (_EXTERIOR, _INTERIOR)
    }
    if len(rings[_EXTERIOR]) != 1:
        raise MetadataError(f"{name} has a polygon with {len(rings[_EXTERIOR])} outer rings", _MEND)
    holes = [_ring(ring, dimension, name) for ring in rings[_INTERIOR]]
    return Polygon(_ring(rings[_EXTERIOR][0], dimension, name), holes)


def _ring(ring: Element, dimension: int, name: str) -> list[tuple[float, ...]]:
    points = _points(ring, dimension, name)
    if len(points) < 4 or points[0] != points[-1]:
        raise MetadataError(f"{name} has a ring that is not closed or has less than three corners", _MEND)
    return points


def _points(ring: Element, dimension: int, name: str) -> list[tuple[float, ...]]:
    """Return the corners (x, y) of a ring, from a list of positions, single positions or coordinates."""
    positions = ring.find("posList")
    if positions is not None:
        values = _numbers((positions.text or "").split(), name)
        size = _dimension(positions, dimension, name)
        if len(values) % size:
            raise MetadataError(f"{name} has a ring of {len(values)} numbers, not {size} to a position", _MEND)
        return [tuple(values[i : i + 2]) for i in range(0, len(values), size)]
    coordinates = ring.find("coordinates")
    if coordinates is not None:
        rows = [pair.split(",") for pair in (coordinates.text or "").split()]
    else:
        rows = [(single.text or "").split() for single in ring.iterfind("pos")]
    if any(len(row) not in {2, 3} for row in rows):
        raise MetadataError(f"{name} has a position that is not two or three numbers", _MEND)
    return [tuple(_numbers(row[:2], name)) for row in rows]


def _numbers(texts: list[str], name: str) -> list[float]:
    try:
        values = [float(text) for text in texts]
    except ValueError as error:
        raise MetadataError(f"{name} has a position that is not a number", _MEND) from error
    if not all(abs(value) <= _FARTHEST for value in values):
        raise MetadataError(f"{name} has a position that cannot be true", _MEND)
    return values
