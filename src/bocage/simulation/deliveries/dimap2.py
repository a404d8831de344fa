"""DIMAP version 2: the layout of Pléiades, Pléiades Neo and SPOT-6/7, with tiles and a cloud mask."""

from __future__ import annotations

import math
from typing import Literal
from xml.etree.ElementTree import Element

from bocage.simulation.deliveries.cloud_mask import cloud_mask
from bocage.simulation.deliveries.dimap2_radiometry import radiometric_data
from bocage.simulation.deliveries.dimap2_raster import Group, Style, bits_of, raster_data, tile_name
from bocage.simulation.deliveries.documents import degrees, document, node
from bocage.simulation.deliveries.product import Files, Product
from bocage.simulation.deliveries.rasters import jpeg_bytes, shifted, tiff_bytes

_TIFF: Literal["image/tiff"] = "image/tiff"
_SCAN_AXIS = 180.0


def pleiades_files(product: Product) -> Files:
    """Return a Pléiades delivery: GeoTIFF tiles of red, green, blue, nir."""
    index = product.take.platform.removeprefix("PHR")
    style = Style("PHR", index, "MS", "VOL_PHR.XML", f"{product.serial(10)}-2", (Group("", (0, 1, 2, 3)),), _TIFF)
    return _files(product, style)


def spot_files(product: Product) -> Files:
    """Return a SPOT-6 or 7 delivery: lossless JPEG 2000 tiles of red, green, blue, nir."""
    index = product.take.platform.removeprefix("SPOT")
    groups = (Group("", (0, 1, 2, 3)),)
    return _files(product, Style("SPOT", index, "MS", "SPOT_VOL.XML", product.serial(10), groups, "image/jp2"))


def neo_files(product: Product) -> Files:
    """Return a Pléiades Neo delivery: six bands in two sets of GeoTIFF tiles, RGB and NED."""
    index = product.take.platform.removeprefix("PNEO")
    groups = (Group("_RGB", (0, 1, 2)), Group("_NED", (3, 4, 5)))
    style = Style("PNEO", index, "MS-FS", "VOL_PNEO.XML", f"PWOI_{product.serial(9)}_1_1_F_1", groups, _TIFF)
    return _files(product, style)


def _files(product: Product, style: Style) -> Files:
    take = product.take
    stem = f"{style.satellite}_{style.spectral}_{take.acquired:%Y%m%d%H%M%S}0_ORT_{style.job}"
    if style.mission == "PNEO":
        stem = f"{style.satellite}_{take.acquired:%Y%m%d%H%M%S}0_{style.spectral}_ORT_{style.job}"
    folder = f"IMG_{style.satellite}_{style.spectral}_001"
    files: dict[str, bytes] = {}
    for group in style.groups:
        for row, column, rows, columns in product.tiles():
            part = product.numbers[list(group.bands), rows, columns]
            where = shifted(product.transform, rows, columns)
            name = tile_name(stem, group, row, column, style)
            if style.coding == "image/tiff":
                files[f"{folder}/{name}"] = tiff_bytes(part, product.crs, where)
            else:
                files[f"{folder}/{name}"] = jpeg_bytes(part, product.crs, where, bits=bits_of(product))
    files[f"{folder}/MASKS/CLD_{stem}_MSK.GML"] = cloud_mask(product, f"DS_{stem}")
    files[f"{folder}/DIM_{stem}.XML"] = document(_dimap(product, style, stem))
    files[style.volume] = document(_volume(style, f"{folder}/DIM_{stem}.XML", stem))
    return files


def _identification(profile: str, subprofile: str) -> Element:
    return node(
        "Metadata_Identification",
        node("METADATA_FORMAT", {"version": "2.15"}, "DIMAP"),
        node("METADATA_PROFILE", profile),
        node("METADATA_SUBPROFILE", subprofile),
        node("METADATA_LANGUAGE", "en"),
    )


def _component(title: str, kind: str, href: str, content: str | None = None) -> Element:
    return node(
        "Component",
        node("COMPONENT_TITLE", title),
        node("COMPONENT_CONTENT", content) if content else None,
        node("COMPONENT_TYPE", kind),
        node("COMPONENT_PATH", {"href": href}),
    )


def _volume(style: Style, dimap: str, stem: str) -> Element:
    return node(
        "Dimap_Document",
        _identification("VOLUME", "SINGLE_VOLUME"),
        node(
            "Dataset_Identification",
            node("DATASET_NAME", f"{style.mission} Volume Description"),
            node("DATASET_ID", f"{style.mission}_PRO_{style.job}"),
        ),
        node("Dataset_Content", node("Dataset_Components", _component(f"ORTHO {stem}", "DIMAP", dimap))),
    )


def _dimap(product: Product, style: Style, stem: str) -> Element:
    profile = {"PHR": "PHR_ORTHO", "PNEO": "PNEO_ORTHO", "SPOT": "S6_ORTHO" if style.index == "6" else "S7_ORTHO"}
    return node(
        "Dimap_Document",
        _identification(profile[style.mission], "PRODUCT"),
        node(
            "Dataset_Identification",
            node("DATASET_TYPE", "RASTER_ORTHO"),
            node("DATASET_NAME", {"version": "1.0"}, f"DS_{stem}"),
        ),
        _content(product),
        node(
            "Product_Information",
            node("Producer_Information", node("PRODUCER_NAME", "BOCAGE SIMULATION")),
            node(
                "Delivery_Identification",
                node("PRODUCTION_DATE", f"{product.take.acquired:%Y-%m-%dT%H:%M:%S}.000"),
                node("JOB_ID", style.job),
                node("PRODUCT_CODE", {"PHR": "PLEIADES", "PNEO": "STD", "SPOT": "SPOT 6"}[style.mission]),
                node("PRODUCT_INFO", "PNEO") if style.mission == "PNEO" else None,
            ),
        ),
        node(
            "Coordinate_Reference_System",
            node(
                "Projected_CRS",
                node("CRS_TABLES", {"version": "6.3"}, "EPSG"),
                node("PROJECTED_CRS_NAME", product.crs_name),
                node("PROJECTED_CRS_CODE", f"urn:ogc:def:crs:EPSG::{product.epsg}"),
            ),
        ),
        _geoposition(product),
        _processing(product, style),
        raster_data(product, style, stem),
        radiometric_data(product, style),
        _geometry(product, style),
        node(
            "Quality_Assessment",
            node(
                "Imaging_Quality_Measurement",
                node("QUALITY_TABLES", style.mission),
                node("MEASURE_NAME", "Cloud_Cotation (CLD)"),
                node("MEASURE_TYPE", "AUTOMATIC"),
                node(
                    "Quality_Mask",
                    _component("Cloud_Cotation Mask", "ENCAPSULATED", f"MASKS/CLD_{stem}_MSK.GML", "GML MASK"),
                ),
            ),
        ),
        _sources(product, style, stem),
    )


def _content(product: Product) -> Element:
    take = product.take
    vertices = []
    places = ((1, 1), (product.columns, 1), (product.columns, product.rows), (1, product.rows))
    for (_, x, y, longitude, latitude), (column, row) in zip(product.corners(), places, strict=True):
        vertices.append(_vertex("Vertex", (longitude, latitude, x, y), column, row))
    centre_x, centre_y, longitude, latitude = product.centre
    middle = _vertex(
        "Center", (longitude, latitude, centre_x, centre_y), product.columns // 2 + 1, product.rows // 2 + 1
    )
    return node(
        "Dataset_Content",
        node("SURFACE_AREA", {"unit": "square km"}, round(take.footprint.area / 1e6, 4)),
        node("CLOUD_COVERAGE", {"unit": "percent"}, round(product.cloud_cover, 2)),
        node("SNOW_COVERAGE", {"unit": "percent"}, 0),
        node("Dataset_Extent", node("EXTENT_TYPE", "Bounding_Polygon"), vertices, middle),
    )


def _vertex(tag: str, place: tuple[float, float, float, float], column: int, row: int) -> Element:
    values = zip(("LON", "LAT", "X", "Y"), place, strict=True)
    return node(tag, (node(name, value) for name, value in values), node("COL", column), node("ROW", row))


def _geoposition(product: Product) -> Element:
    return node(
        "Geoposition",
        node(
            "Raster_CRS",
            node("RASTER_GEOMETRY", "GROUND"),
            node("PIXEL_ORIENTATION", "UL"),
            node("PIXEL_CRS_TYPE", "CELL"),
            node("PIXEL_ORIGIN", 1),
        ),
        node(
            "Geoposition_Insert",
            node("ULXMAP", product.transform.c),
            node("ULYMAP", product.transform.f),
            node("XDIM", product.pixel),
            node("YDIM", product.pixel),
        ),
    )


def _processing(product: Product, style: Style) -> Element:
    return node(
        "Processing_Information",
        node(
            "Product_Settings",
            node("PROCESSING_LEVEL", "ORTHO"),
            node("SPECTRAL_PROCESSING", style.spectral),
            node("Geometric_Settings", node("GEOMETRIC_PROCESSING", "SYSTEM_ORTHO")),
            node("Radiometric_Settings", node("RADIOMETRIC_PROCESSING", product.take.processing.upper())),
            node(
                "Sampling_Settings",
                node("RESAMPLING_SPACING", {"unit": "m"}, product.pixel),
                node("RESAMPLING_KERNEL", "SPLINE"),
            ),
        ),
    )


def _geometry(product: Product, style: Style) -> Element:
    take = product.take
    # Pléiades states the azimuth of its scan axis, the others that of the satellite.
    axis = _SCAN_AXIS if style.mission == "PHR" else take.view_azimuth
    turn, slope = math.radians(axis - take.view_azimuth), math.tan(math.radians(product.incidence))
    along, across = (math.degrees(math.atan(slope * part)) for part in (math.cos(turn), math.sin(turn)))
    centre = node(
        "Located_Geometric_Values",
        node("LOCATION_TYPE", "Center"),
        node("TIME", f"{take.acquired:%Y-%m-%dT%H:%M:%S}.000Z"),
        node(
            "Acquisition_Angles",
            degrees("AZIMUTH_ANGLE", axis),
            degrees("VIEWING_ANGLE_ACROSS_TRACK", take.off_nadir),
            degrees("VIEWING_ANGLE_ALONG_TRACK", 0.0),
            degrees("VIEWING_ANGLE", take.off_nadir),
            degrees("INCIDENCE_ANGLE_ALONG_TRACK", along),
            degrees("INCIDENCE_ANGLE_ACROSS_TRACK", across),
            degrees("INCIDENCE_ANGLE", product.incidence),
        ),
        node(
            "Solar_Incidences",
            degrees("SUN_AZIMUTH", take.sun.azimuth),
            degrees("SUN_ELEVATION", take.sun.elevation),
        ),
        node(
            "Ground_Sample_Distance",
            node("GSD_ACROSS_TRACK", {"unit": "m"}, product.pixel),
            node("GSD_ALONG_TRACK", {"unit": "m"}, product.pixel),
        ),
    )
    return node("Geometric_Data", node("Use_Area", centre))


def _sources(product: Product, style: Style, stem: str) -> Element:
    take = product.take
    return node(
        "Dataset_Sources",
        node(
            "Source_Identification",
            node("SOURCE_ID", f"DS_{stem}"),
            node("SOURCE_TYPE", "Strip_Source"),
            node(
                "Strip_Source",
                node("MISSION", style.mission),
                node("MISSION_INDEX", style.index),
                node("INSTRUMENT", {"SPOT": "NAOMI"}.get(style.mission, style.mission)),
                node("INSTRUMENT_INDEX", style.index),
                node("IMAGING_DATE", f"{take.acquired:%Y-%m-%d}"),
                node("IMAGING_TIME", f"{take.acquired:%H:%M:%S}.0Z"),
                node("BAND_MODE", "PX"),
            ),
        ),
    )
