"""The layout of Vision-1: one GeoTIFF of blue, green, red, nir beside ``..._Meta.xml``."""

from __future__ import annotations

import math
from datetime import timedelta
from xml.etree.ElementTree import Element

from bocage.scenes.calibration import sun_distance
from bocage.simulation.deliveries.documents import degrees, document, node
from bocage.simulation.deliveries.product import Files, Product
from bocage.simulation.deliveries.rasters import tiff_bytes

_ALONG = 0.5


def vision_files(product: Product) -> Files:
    """Return a Vision-1 delivery: an orthoimage of scaled radiance."""
    name = f"VIS1_MS4_{product.take.acquired:%Y%m%d%H%M%S}_ORT_{product.serial(6)}_14e5"
    return {
        f"{name}_Meta.xml": document(_metadata(product, name), encoding="ISO-8859-1"),
        f"{name}.tif": tiff_bytes(product.numbers, product.crs, product.transform),
    }


def _metadata(product: Product, name: str) -> Element:
    return node(
        "Metadata_Document",
        node("Metadata_Id", node("METADATA_FORMAT", {"version": "1.0"}, "VIS1_ORT")),
        node("Dataset_Id", node("DATASET_NAME", name)),
        node(
            "Production",
            node("DATASET_PRODUCER_NAME", "BOCAGE SIMULATION"),
            node("DATASET_PRODUCTION_DATE", f"{product.take.acquired:%Y-%m-%d}"),
        ),
        node(
            "Data_Processing",
            node("GEOMETRIC_PROCESSING", "ORTHORECTIFIED"),
            node("RADIOMETRIC_PROCESSING", "SCALED RADIANCE"),
            node("RESAMPLE_METHOD", "bicubic"),
        ),
        node(
            "Coordinate_Reference_System",
            node("CRS_CODE", product.crs),
            node("CRS_TYPE", "PROJECTED"),
            node("CRS_NAME", product.crs_name),
        ),
        node(
            "Geoposition",
            node("ULXMAP", {"unit": "M"}, product.transform.c),
            node("ULYMAP", {"unit": "M"}, product.transform.f),
            node("X_RES", {"unit": "M"}, product.pixel),
            node("Y_RES", {"unit": "M"}, product.pixel),
        ),
        node("Raster_CS", node("RASTER_CS_TYPE", "POINT")),
        node(
            "Dataset_Frame",
            (
                node(
                    "Vertex",
                    node(f"FRAME_LON_{letters}", {"unit": "DEG"}, longitude),
                    node(f"FRAME_LAT_{letters}", {"unit": "DEG"}, latitude),
                )
                for letters, _, _, longitude, latitude in product.corners()
            ),
        ),
        node("Raster_Encoding", node("NBITS", 16), node("DATA_TYPE", "SHORT"), node("BYTEORDER", "Little_Endian")),
        node(
            "Data_Access",
            node("DATA_FILE_FORMAT", "GEOTIFF"),
            node("DATA_FILE_COMPRESSION", "LOSSLESS"),
            node(
                "Data_Files",
                node(
                    "Data_File",
                    {"tile_R": "1", "tile_C": "1"},
                    node("DATA_FILE_PATH", {"href": f"{name}.tif"}),
                ),
            ),
        ),
        _dimensions(product),
        node("Image_Interpretation", _bands(product)),
        node("Image_Display", node("NO_DATA_INDEX", 0)),
        node("Dataset_Sources", _source(product)),
    )


def _dimensions(product: Product) -> Element:
    size = {"ncols": str(product.columns), "nrows": str(product.rows)}
    return node(
        "Raster_Dimensions",
        node("NCOLS", product.columns),
        node("NROWS", product.rows),
        node("NBANDS", len(product.numbers)),
        node(
            "Tile_Set",
            node("NTILES", 1),
            node(
                "Regular_Tiling",
                node("NTILES_SIZE", size),
                node("NTILES_COUNT", {"ntiles_C": "1", "ntiles_R": "1"}),
                node("OVERLAP_ROW", 0.0),
                node("OVERLAP_COL", 0.0),
            ),
        ),
    )


def _bands(product: Product) -> list[Element]:
    return [
        node(
            "Spectral_Band_Info",
            node("BAND_INDEX", index),
            node("BAND_DESCRIPTION", channel.name.upper()),
            node("PHYSICAL_GAIN", 1 / channel.gain),
            node("PHYSICAL_BIAS", channel.bias),
            node("PHYSICAL_UNIT", "W/m2/sr/m-6"),
        )
        for index, channel in enumerate(product.take.channels, start=1)
    ]


def _source(product: Product) -> Element:
    take = product.take
    return node(
        "Source_Information",
        node("Scene_Source_Id", node("SOURCE_ID", "S10014e5_MUL")),
        node(
            "Scene_Source",
            node("MISSION", "Vision-1"),
            node("INSTRUMENT", "S1-4 Imager"),
            node("IMAGING_START_TIME", f"{take.acquired:%Y-%m-%dT%H:%M:%S}Z"),
            node("IMAGING_STOP_TIME", f"{take.acquired + timedelta(seconds=4):%Y-%m-%dT%H:%M:%S}Z"),
            degrees("INCIDENCE_ANGLE_ALONG_TRACK", -_ALONG, "DEG"),
            degrees("INCIDENCE_ANGLE_ACROSS_TRACK", -_across(product.incidence), "DEG"),
            degrees("VIEWING_ANGLE_ALONG_TRACK", _ALONG, "DEG"),
            degrees("VIEWING_ANGLE_ACROSS_TRACK", _across(take.off_nadir), "DEG"),
            degrees("SUN_AZIMUTH", take.sun.azimuth, "DEG"),
            degrees("SUN_ELEVATION", take.sun.elevation, "DEG"),
            node("EARTH_SUN_DISTANCE", {"unit": "AU"}, f"{sun_distance(take.acquired):.5f}"),
            degrees("SENSOR_AZIMUTH", take.view_azimuth, "DEG"),
            degrees("SENSOR_ELEVATION", 90 - product.incidence, "DEG"),
            node("RESOLUTION", {"unit": "M"}, take.family.sensor.native_gsd),
        ),
    )


def _across(total: float) -> float:
    """Return the angle across the track (degrees) that makes ``total`` together with the angle along it."""
    square = math.tan(math.radians(total)) ** 2 - math.tan(math.radians(_ALONG)) ** 2
    return math.degrees(math.atan(math.sqrt(max(square, 0.0))))
