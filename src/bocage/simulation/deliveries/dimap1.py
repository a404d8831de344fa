"""DIMAP version 1.1: the layout of Geosat-2, one ``.dim`` beside one GeoTIFF of nir, red, green, blue."""

from __future__ import annotations

from datetime import timedelta
from xml.etree.ElementTree import Element

from bocage.scenes.calibration import sun_distance
from bocage.simulation.deliveries.documents import degrees, document, node
from bocage.simulation.deliveries.product import Files, Product
from bocage.simulation.deliveries.rasters import tiff_bytes

# What the detector counts; the file holds the counts on a finer scale.
_DETECTOR_BITS = 10
_UNIT = "W m<sup>-2</sup> &micro;m<sup>-1</sup> str<sup>-1</sup>"


def geosat_files(product: Product) -> Files:
    """Return a Geosat-2 delivery: an orthoimage of level L1C."""
    take = product.take
    start, stop = (f"{time:%Y%m%dT%H%M%S}" for time in (take.acquired, take.acquired + timedelta(seconds=3)))
    name = f"DE2_MS4_L1C_000000_{start}_{stop}_DE2_48370_57E5"
    return {
        f"{name}.dim": document(_dimap(product, name), space="\t"),
        f"{name}.tif": tiff_bytes(product.numbers, product.crs, product.transform),
    }


def _dimap(product: Product, name: str) -> Element:
    return node(
        "Dimap_Document",
        node(
            "Metadata_Id",
            node("METADATA_FORMAT", {"version": "1.1"}, "DIMAP"),
            node("METADATA_PROFILE", "GEOSAT"),
        ),
        node("Dataset_Id", node("DATASET_NAME", name), node("COPYRIGHT", "simulated")),
        node(
            "Production",
            node("DATASET_PRODUCER_NAME", "BOCAGE SIMULATION"),
            node("DATASET_PRODUCTION_DATE", f"{product.take.acquired:%Y-%m-%dT%H:%M:%S}"),
            node("PRODUCT_TYPE", "L1C"),
            node("JOB_ID", name),
        ),
        node("Data_Processing", node("GEOMETRIC_PROCESSING", "ORTHO")),
        node("Raster_CS", node("RASTER_CS_TYPE", "POINT")),
        node("Dataset_Frame", _frame(product)),
        node("Raster_Encoding", node("NBITS", 16), node("DATA_TYPE", "SHORT"), node("BYTEORDER", "I")),
        node(
            "Data_Access",
            node("DATA_FILE_FORMAT", "GEOTIFF"),
            node("Data_File", node("DATA_FILE_PATH", {"href": f"{name}.tif"})),
        ),
        node(
            "Raster_Dimensions",
            node("NCOLS", product.columns),
            node("NROWS", product.rows),
            node("NBANDS", len(product.numbers)),
        ),
        node("Image_Interpretation", _bands(product)),
        node(
            "Image_Display",
            node(
                "Band_Display_Order",
                node("RED_CHANNEL", 2),
                node("GREEN_CHANNEL", 3),
                node("BLUE_CHANNEL", 4),
            ),
            node("Special_Value", node("SPECIAL_VALUE_INDEX", 0), node("SPECIAL_VALUE_TEXT", "nodata")),
        ),
        node("Dataset_Sources", _source(product)),
    )


def _frame(product: Product) -> list[Element]:
    return [
        node(
            "Vertex",
            node("FRAME_X", {"unit": "M"}, x),
            node("FRAME_Y", {"unit": "M"}, y),
            node("FRAME_LON", {"unit": "DEG"}, longitude),
            node("FRAME_LAT", {"unit": "DEG"}, latitude),
        )
        for _, x, y, longitude, latitude in product.corners()
    ]


def _bands(product: Product) -> list[Element]:
    return [
        node(
            "Spectral_Band_Info",
            node("BAND_INDEX", index),
            node("BAND_DESCRIPTION", channel.name.upper()),
            node("PHYSICAL_GAIN", f"{1 / channel.gain:.12f}"),
            node("PHYSICAL_BIAS", f"{channel.bias:.12f}"),
            node("PHYSICAL_UNIT", _UNIT),
            node("ESUN", channel.irradiance),
        )
        for index, channel in enumerate(product.take.channels, start=1)
    ]


def _source(product: Product) -> Element:
    take = product.take
    return node(
        "Source_Information",
        node("SOURCE_ID", f"DE2_{take.acquired:%Y%m%dT%H%M%S}_00103610_57E5"),
        node(
            "Coordinate_Reference_System",
            node("GEO_TABLES", "EPSG"),
            node("Projection_OGCWKT", _wkt(product)),
        ),
        node(
            "Scene_Source",
            node("MISSION", "Deimos 2"),
            node("MISSION_INDEX", "0001"),
            node("INSTRUMENT", "HiRAIS"),
            node("IMAGING_DATE", f"{take.acquired:%Y-%m-%d}"),
            node("START_TIME", f"{take.acquired:%Y-%m-%dT%H:%M:%S}"),
            node("STOP_TIME", f"{take.acquired + timedelta(seconds=3):%Y-%m-%dT%H:%M:%S}"),
            degrees("VIEWING_ANGLE", take.off_nadir, "DEG"),
            degrees("INCIDENCE_ANGLE", product.incidence, "DEG"),
            degrees("SUN_ELEVATION", take.sun.elevation, "DEG"),
            node("PIXEL_RESOLUTION_X", {"unit": "M"}, product.pixel),
            node("PIXEL_RESOLUTION_Y", {"unit": "M"}, product.pixel),
            degrees("SUN_AZIMUTH", take.sun.azimuth, "DEG"),
            node("EARTH_SUN_DISTANCE", {"unit": "AU"}, f"{sun_distance(take.acquired):.5f}"),
        ),
        node("Quality_Assessment", _qualities(product)),
    )


def _qualities(product: Product) -> list[Element]:
    values = (
        ("DYNAMIC_RANGE", "DRA", _DETECTOR_BITS),
        ("CLOUD_COVER_PERCENTAGE", "CCP", round(product.cloud_cover, 2)),
        ("SATELLITE_AZIMUTH", "SAA", product.take.view_azimuth),
    )
    return [
        node(
            "Quality_Parameter",
            node("QUALITY_PARAMETER_DESC", words),
            node("QUALITY_PARAMETER_CODE", f"GEOSAT:{code}"),
            node("QUALITY_PARAMETER_VALUE", value),
        )
        for words, code, value in values
    ]


def _wkt(product: Product) -> str:
    from rasterio.crs import CRS  # the old form of the text, which is what these files hold

    return str(CRS.from_epsg(product.epsg).to_wkt())
