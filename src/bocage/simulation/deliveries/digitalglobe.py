"""The layout of WorldView-2, WorldView-3 and GeoEye-1: GeoTIFF tiles with ``.IMD``, ``.TIL`` and ``.XML``.

Three ways of delivering the same metadata are in use, and each family here has one: IMD and TIL (WorldView-2), the XML
that holds both (WorldView-3), all three (GeoEye-1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from bocage.simulation.deliveries.documents import document, node
from bocage.simulation.deliveries.product import Files, Product
from bocage.simulation.deliveries.rasters import shifted, tiff_bytes
from bocage.simulation.families import FACTORS

_SATELLITES = {"WorldView-2": "WV02", "WorldView-3": "WV03", "GeoEye-1": "GE01"}
_BANDS = {"blue": "B", "green": "G", "red": "R", "nir": "N"}
_CATALOGUE = "10300100841CB500"

type Value = str | int | float
type Values = Mapping[str, Value | Mapping[str, Value]]
"""Keys in the spelling of the IMD; a mapping is a group."""


def worldview2_files(product: Product) -> Files:
    """Return a WorldView-2 delivery, whose metadata are IMD and TIL."""
    return _files(product, keywords=True, xml=False)


def worldview3_files(product: Product) -> Files:
    """Return a WorldView-3 delivery, whose metadata are one XML."""
    return _files(product, keywords=False, xml=True)


def geoeye_files(product: Product) -> Files:
    """Return a GeoEye-1 delivery, whose metadata are IMD, TIL and XML."""
    return _files(product, keywords=True, xml=True)


def _files(product: Product, *, keywords: bool, xml: bool) -> Files:
    cut = len(list(product.tiles())) > 1
    stem = f"{product.take.acquired:%y%b%d%H%M%S}".upper()
    order = _order(product)
    folder = f"{order}_MUL"
    files: dict[str, bytes] = {}
    names = []
    for row, column, rows, columns in product.tiles():
        name = f"{stem}-M2AS{f'_R{row}C{column}' if cut else ''}-{order}.TIF"
        names.append(name)
        part = product.numbers[:, rows, columns]
        files[f"{folder}/{name}"] = tiff_bytes(part, product.crs, shifted(product.transform, rows, columns))
    image, tiles = _image_values(product), _tile_values(product, names)
    start = f"{folder}/{stem}-M2AS-{order}"
    if keywords:
        files[f"{start}.IMD"] = _keyword_bytes(image)
        files[f"{start}.TIL"] = _keyword_bytes(tiles)
    if xml:
        root = node("isd", node("IMD", _elements(image)), node("TIL", _elements(tiles)))
        files[f"{start}.XML"] = document(root, space="\t")
    return files


def _order(product: Product) -> str:
    return f"{product.serial(12)}_01_P001"


def _image_values(product: Product) -> Values:
    take = product.take
    corners = {
        f"{letters}{axis}": value
        for letters, _, _, longitude, latitude in product.corners()
        for axis, value in (("Lon", longitude), ("Lat", latitude), ("HAE", 120.0))
    }
    time = f"{take.acquired:%Y-%m-%dT%H:%M:%S}.000000Z"
    factors = dict(zip(("blue", "green", "red", "nir"), FACTORS[take.family.sensor.code], strict=True))
    bands: dict[str, Value | Mapping[str, Value]] = {
        f"BAND_{_BANDS[channel.name]}": {
            **corners,
            "absCalFactor": f"{factors[channel.name].absolute:.6e}",
            "effectiveBandwidth": f"{factors[channel.name].bandwidth:.6e}",
            "TDILevel": 10,
        }
        for channel in take.channels
    }
    return {
        "version": '"28.3"',
        "generationTime": time,
        "productOrderId": f'"{_order(product)}"',
        "productCatalogId": '"A010014ADC7CDD00"',
        "imageDescriptor": '"ORStandard2A"',
        "bandId": '"Multi"' if take.family.sensor.code == "GE1" else '"MS1"',
        "panSharpenAlgorithm": '"None"',
        "numRows": product.rows,
        "numColumns": product.columns,
        "productLevel": '"LV2A"',
        "productType": '"Standard"',
        "numberOfLooks": 1,
        "radiometricLevel": '"Corrected"',
        "radiometricEnhancement": '"Off"',
        "bitsPerPixel": 16,
        "compressionType": '"None"',
        **bands,
        "outputFormat": '"GeoTIFF"',
        "IMAGE_1": {
            "satId": f'"{_SATELLITES[take.platform]}"',
            "mode": '"FullSwath"',
            "scanDirection": '"Forward"',
            "CatId": f'"{_CATALOGUE}"',
            "firstLineTime": time,
            "meanCollectedGSD": take.family.sensor.native_gsd,
            "meanProductGSD": product.pixel,
            **_spread("SunAz", take.sun.azimuth),
            **_spread("SunEl", take.sun.elevation),
            **_spread("SatAz", take.view_azimuth),
            **_spread("SatEl", 90 - product.incidence),
            **_spread("OffNadirViewAngle", take.off_nadir),
            "cloudCover": round(product.cloud_cover / 100, 3),
            "resamplingKernel": '"CC"',
            "revNumber": 47115,
        },
        "MAP_PROJECTED_PRODUCT": _projection(product, time),
    }


def _spread(name: str, value: float) -> dict[str, float]:
    """Return least, largest and mean of an angle, which is the same all over a simulated image."""
    return {f"{which}{name}": round(value, 1) for which in ("min", "max", "mean")}


def _projection(product: Product, time: str) -> dict[str, Value]:
    zone = product.utm_zone
    projection: dict[str, Value] = {"mapProjName": '"Lambert Azimuthal Equal Area"', "mapProjCode": 11}
    if zone is not None:
        projection = {"mapProjName": '"UTM"', "mapProjCode": 1, "mapZone": zone, "mapHemi": '"N"'}
    return {
        "earliestAcqTime": time,
        "latestAcqTime": time,
        "datumName": '"WE"',
        **projection,
        "productUnits": '"M"',
        "originX": product.transform.c + product.pixel / 2,
        "originY": product.transform.f - product.pixel / 2,
        "orientationAngle": 0.0,
        "colSpacing": product.pixel,
        "rowSpacing": product.pixel,
        "productGSD": product.pixel,
        "DEMCorrection": '"Fine DEM"',
        "numGCP": 0,
    }


def _tile_values(product: Product, names: list[str]) -> Values:
    tiles = {
        f"TILE_{number}": {
            "filename": f'"{name}"',
            "ULColOffset": columns.start,
            "ULRowOffset": rows.start,
            "URColOffset": columns.stop - 1,
            "URRowOffset": rows.start,
            "LRColOffset": columns.stop - 1,
            "LRRowOffset": rows.stop - 1,
            "LLColOffset": columns.start,
            "LLRowOffset": rows.stop - 1,
        }
        for number, (name, (_, _, rows, columns)) in enumerate(zip(names, product.tiles(), strict=True), start=1)
    }
    return {
        "bandId": '"MS1"',
        "numTiles": len(names),
        "tileSizeX": min(product.tile_edge, product.columns),
        "tileSizeY": min(product.tile_edge, product.rows),
        "tileUnits": '"Pixels"',
        "tileOverlap": 0,
        **tiles,
    }


def _keyword_bytes(values: Values) -> bytes:
    """Return a keyword file: ``name = value;`` and groups, closed by ``END;``."""
    lines = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += [f"BEGIN_GROUP = {name}", *(f"\t{key} = {inner};" for key, inner in value.items())]
            lines.append(f"END_GROUP = {name}")
        else:
            lines.append(f"{name} = {value};")
    return "\n".join([*lines, "END;", ""]).encode()


def _elements(values: Values) -> Iterator[Element]:
    """Yield the elements of the XML, whose names are those of the keywords in capitals."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            # Groups are counted in the keyword files alone.
            tag = name.split("_", maxsplit=1)[0] if name.startswith(("IMAGE_", "TILE_")) else name
            yield node(tag, (node(key.upper(), _plain(inner)) for key, inner in value.items()))
        else:
            yield node(name.upper(), _plain(value))


def _plain(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.15e}"
    return str(value).strip('"')
