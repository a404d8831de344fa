"""The report of the Copernicus contributing missions: the EOP XML beside every delivery, whatever its maker."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from bocage.simulation.deliveries.documents import document, node
from bocage.simulation.deliveries.product import Files, Product

_SPACES = {
    "xmlns:gsc": "http://earth.esa.int/gsc",
    "xmlns:gml": "http://www.opengis.net/gml",
    "xmlns:eop": "http://earth.esa.int/eop",
    "xmlns:opt": "http://earth.esa.int/opt",
}
# Short name, instrument and product type by satellite.
_MISSIONS = {
    "PHR1A": ("PH1A", "PHR", "PHR_MS___3"),
    "PHR1B": ("PH1B", "PHR", "PHR_MS___3"),
    "PNEO3": ("PN03", "PNO", "PNO_MS___3"),
    "PNEO4": ("PN04", "PNO", "PNO_MS___3"),
    "SPOT6": ("SP06", "NAO", "NAO_MS4__3"),
    "SPOT7": ("SP07", "NAO", "NAO_MS4__3"),
    "SuperView-1": ("SW00", "OPT", "OPT_MS4_1C"),
    "WorldView-2": ("EW02", "WV1", "WV1_MS4_OR"),
    "WorldView-3": ("EW03", "WV3", "WV3_MS4_OR"),
    "KOMPSAT-3": ("KS03", "AIS", "AIS_MSP_1G"),
    "KOMPSAT-3A": ("KS04", "AIS", "AIS_MSP_1G"),
    "GeoEye-1": ("GY01", "GIS", "GIS_MS4_OR"),
    "Geosat-2": ("DM02", "HRS", "HRS_MS4_1C"),
    "Vision-1": ("VS01", "S14", "S14_MS4__3"),
    "TripleSat": ("TR00", "VHI", "VHI_MS4_1C"),
}


def product_name(product: Product) -> str:
    """Return the identifier of a delivery in the archive of the contributing missions."""
    take = product.take
    short, _, kind = _MISSIONS[take.platform]
    time = f"{take.acquired:%Y%m%dT%H%M%S}"
    return f"{short}_{kind}_07B6_{time}_{time}_BOC_0001_0001"


def report_files(product: Product) -> Files:
    """Return the report of a delivery."""
    name = product_name(product)
    return {f"GSC_CR_ESA_{name}.xml": document(_report(product, name))}


def _report(product: Product, name: str) -> Element:
    take = product.take
    _, _, kind = _MISSIONS[take.platform]
    time = f"{take.acquired:%Y-%m-%dT%H:%M:%S}.000Z"
    points = [(latitude, longitude) for _, _, _, longitude, latitude in product.corners()]
    ring = " ".join(f"{latitude} {longitude}" for latitude, longitude in [*points, points[0]])
    return node(
        "gsc:report",
        _SPACES,
        node("gsc:responsibleOrgName", "BOCAGE SIMULATION"),
        node("gsc:reportType", "CR"),
        node("gsc:dateTime", time),
        node("gsc:orderReference", "VHR_IMAGE_2021"),
        node(
            "gsc:opt_metadata",
            node(
                "gml:metaDataProperty",
                node(
                    "gsc:EarthObservationMetaData",
                    node("eop:identifier", name),
                    node("eop:parentIdentifier", "VHR_IMAGE_2021"),
                    node("eop:acquisitionType", "NOMINAL"),
                    node("eop:productType", f"{kind}_07B6"),
                    node("eop:status", "ACQUIRED"),
                    node(
                        "eop:vendorSpecific",
                        node(
                            "eop:SpecificInformation",
                            node("eop:localAttribute", "proc_level"),
                            node("eop:localValue", "ORTHO"),
                        ),
                    ),
                ),
            ),
            node(
                "gml:validTime",
                node("gml:TimePeriod", node("gml:beginPosition", time), node("gml:endPosition", time)),
            ),
            node("gml:using", _equipment(product)),
            node(
                "gml:target",
                node(
                    "eop:Footprint",
                    node(
                        "gml:multiExtentOf",
                        node(
                            "gml:MultiSurface",
                            {"srsName": "EPSG:4326"},
                            node(
                                "gml:surfaceMembers",
                                node(
                                    "gml:Polygon",
                                    node("gml:exterior", node("gml:LinearRing", node("gml:posList", ring))),
                                ),
                            ),
                        ),
                    ),
                ),
            ),
            node(
                "gml:resultOf",
                node(
                    "opt:EarthObservationResult",
                    node("opt:cloudCoverPercentage", {"uom": "%"}, round(product.cloud_cover, 2)),
                ),
            ),
        ),
    )


def _equipment(product: Product) -> Element:
    take = product.take
    short, instrument, _ = _MISSIONS[take.platform]
    return node(
        "eop:EarthObservationEquipment",
        node(
            "eop:platform",
            node("eop:Platform", node("eop:shortName", short), node("eop:orbitType", "LEO")),
        ),
        node("eop:instrument", node("eop:Instrument", node("eop:shortName", instrument))),
        node(
            "eop:sensor",
            node(
                "eop:Sensor",
                node("eop:sensorType", "OPTICAL"),
                node("eop:operationalMode", "MS4"),
                node("eop:resolution", {"uom": "m"}, product.pixel),
            ),
        ),
        node(
            "eop:acquisitionParameters",
            node(
                "opt:Acquisition",
                node("eop:orbitNumber", 47115),
                node("eop:orbitDirection", "DESCENDING"),
                _angle("eop:acrossTrackIncidenceAngle", product.incidence),
                _angle("eop:alongTrackIncidenceAngle", 0.0),
                _angle("opt:illuminationAzimuthAngle", take.sun.azimuth),
                _angle("opt:illuminationElevationAngle", take.sun.elevation),
            ),
        ),
    )


def _angle(tag: str, value: float) -> Element:
    return node(tag, {"uom": "deg"}, round(value, 6))
