"""Where a DIMAP 2 image lies and from where it was seen, and reading elements that may be stripped."""

from __future__ import annotations

import math
import re
from xml.etree.ElementTree import Element

from affine import Affine

from bocage.errors import MetadataError
from bocage.scenes.dialects.quantities import azimuth, tilt
from bocage.scenes.documents import number, optional_text

_MEND = "deliver the product's own metadata file again"
_EPSG = re.compile(r"EPSG:[^:]*:(\d{4,6})$")


def stated(root: Element, path: str) -> str | None:
    """Return the text of an element; None where it is missing, empty or filled with the element's own name."""
    text = optional_text(root, path)
    return None if text is None or text.endswith(path.rpartition("/")[2]) else text


def measured(root: Element, path: str, name: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """Return the number that an element states within limits, or None where it is silent."""
    text = stated(root, path)
    return None if text is None else number(text, path.rpartition("/")[2], name, low=low, high=high)


def satellite_azimuth(orientation: float, along: float, across: float) -> float:
    """Return the azimuth of the satellite seen from the ground in degrees, 0 to 360 (exclusive).

    Parameters
    ----------
    orientation
        Azimuth of the axis along which the image was scanned, in degrees.
    along, across
        Angles of incidence along and across that axis in degrees.

    Formula of Orfeo ToolBox, PleiadesImageMetadataInterface. The points below the satellite that two archive documents
    of Pléiades state lie in the directions that it gives, within 1 degree.
    """
    turned = math.atan2(math.tan(math.radians(across)), math.tan(math.radians(along)))
    return (orientation - math.degrees(turned)) % 360.0


def centre(root: Element) -> Element | None:
    """Return the element with the angles at the centre of the image, or None where there is none."""
    for place in root.iterfind(".//Use_Area/Located_Geometric_Values"):
        if (optional_text(place, "LOCATION_TYPE") or "").replace(" ", "").upper() == "CENTER":
            return place
    return None


def off_nadir(centre: Element, name: str) -> float | None:
    """Return the angle at the satellite, else of incidence on the ground, in degrees; None where both are silent."""
    viewing = tilt(stated(centre, "Acquisition_Angles/VIEWING_ANGLE"), "VIEWING_ANGLE", name)
    incidence = tilt(stated(centre, "Acquisition_Angles/INCIDENCE_ANGLE"), "INCIDENCE_ANGLE", name)
    return incidence if viewing is None else viewing


def view_azimuth(centre: Element, sensor: str, name: str) -> float | None:
    """Return the azimuth of the satellite: Pléiades states that of its scan axis, the others the satellite's own."""
    angles = "Acquisition_Angles"
    stated_azimuth = azimuth(stated(centre, f"{angles}/AZIMUTH_ANGLE"), "AZIMUTH_ANGLE", name)
    if sensor != "PHR" or stated_azimuth is None:
        return stated_azimuth
    along = measured(centre, f"{angles}/INCIDENCE_ANGLE_ALONG_TRACK", name, -80.0, 80.0)
    across = measured(centre, f"{angles}/INCIDENCE_ANGLE_ACROSS_TRACK", name, -80.0, 80.0)
    return None if along is None or across is None else satellite_azimuth(stated_azimuth, along, across)


def georeference(root: Element, name: str) -> tuple[str, Affine] | None:
    """Return CRS and transform where the document places the image on a map by its upper-left corner."""
    insert = root.find("Geoposition/Geoposition_Insert")
    if insert is None or optional_text(root, "Geoposition/Raster_CRS/RASTER_GEOMETRY") != "GROUND":
        return None
    system = root.find("Coordinate_Reference_System")
    codes = (
        [] if system is None else [optional_text(system, f".//{kind}_CRS_CODE") for kind in ("PROJECTED", "GEODETIC")]
    )
    found = next((match for code in codes if code and (match := _EPSG.search(code))), None)
    left, top = measured(insert, "ULXMAP", name), measured(insert, "ULYMAP", name)
    width, height = measured(insert, "XDIM", name, 0.0), measured(insert, "YDIM", name, 0.0)
    if found is None or left is None or top is None or not width or not height:
        return None
    orientation = optional_text(root, "Geoposition/Raster_CRS/PIXEL_ORIENTATION")
    if orientation not in {"UL", "CENTER"}:
        raise MetadataError(f"{name}: the PIXEL_ORIENTATION {orientation} is not known", _MEND)
    corner = Affine(width, 0.0, left, 0.0, -height, top)
    return f"EPSG:{found[1]}", corner if orientation == "UL" else corner @ Affine.translation(-0.5, -0.5)
