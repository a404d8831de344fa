"""Small deliveries that keep every rule, written here with nothing of Bocage, so that no table is tested by itself."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

CLASS_NAME = "Small structures of trees, hedges, bushes and scrub"
LEFT, TOP = 4_301_000.0, 3_002_000.0
COLUMNS, ROWS = 400, 200
CELL = "e43n30_03035_v01_r00_20240131"
SWF, DENSITY, VECTOR = (f"clms_hrlslf_swf_s2021_{form}_{CELL}" for form in ("r5m", "r100m", "vec"))
WVL, FM, CM, WVCL = (f"clms_hrlslf_{name}_s2021_r5m_{CELL}" for name in ("wvl", "fm", "cm", "wvcl"))
CHANGE = "clms_hrlslf_swfc_c2018-2021_r100m_eu_03035_v01_r00_00"
STREETS = "clms_ua_stl_s2021_vec_fr123l1_testville_03035_v01_r00_20240131"
RASTER_2015, VECTOR_2015 = "swf_2015_005m_FR_3035_123_v1_1", "swf_2015_vec_FR_3035_123_v1_1"
RASTER_2018, VECTOR_2018 = "SWF_2018_005m_E42N29_03035_v01", "swf_2018_vec_E42N29_03035_v01"

type Colours = Mapping[int, tuple[int, int, int]]

GREY, BLACK, DARK = (240, 240, 240), (0, 0, 0), (153, 153, 153)
SWF_COLOURS: Colours = {0: GREY, 1: (215, 245, 0), 254: DARK, 255: BLACK}
CHANGE_COLOURS: Colours = {
    0: GREY, 1: (20, 255, 0), 2: (255, 0, 0), 201: (188, 130, 67), 202: (121, 83, 43), 203: (88, 61, 31), 254: DARK,
    255: BLACK,
}  # fmt: skip


def density_colours() -> Colours:
    """The published ramp: what the service tests, value by value, is linear from 1 to 50 to 100 per cent."""
    stops = np.asarray([(168, 255, 172), (85, 160, 89), (28, 92, 36)], float)
    values = np.arange(1, 101)
    ramp = np.stack([np.rint(np.interp(values, (1, 50, 100), stops[:, band])) for band in range(3)], axis=1).astype(int)
    table = {int(value): tuple(colour) for value, colour in zip(values, ramp.tolist(), strict=True)}
    return {0: GREY, 254: DARK, 255: BLACK, **table}


def rectangle(x: float, y: float, width: float, height: float) -> BaseGeometry:
    """A rectangle by the offset of its upper left corner from that of the delivery, metres."""
    return box(LEFT + x, TOP - y - height, LEFT + x + width, TOP - y)


def features() -> gpd.GeoDataFrame:
    """Hedges, patches and a bent one, all on the edges of pixels; two of them meet in a corner."""
    bent = [(300, 500), (500, 500), (500, 520), (320, 520), (320, 640), (300, 640)]
    shapes: list[BaseGeometry] = [
        rectangle(100, 100, 200, 20),
        rectangle(400, 100, 50, 50),
        rectangle(600, 100, 30, 60),
        Polygon([(LEFT + x, TOP - y) for x, y in bent]),
        rectangle(900, 300, 20, 300),
        rectangle(920, 600, 40, 40),
        rectangle(1200, 400, 60, 45),
        rectangle(1400, 200, 300, 15),
    ]
    frame = gpd.GeoDataFrame({"code": 1}, index=range(len(shapes)), geometry=shapes, crs="EPSG:3035")
    frame["code"] = frame["code"].astype(np.int32)
    frame.insert(1, "area", frame.geometry.area)
    frame.insert(2, "class_name", CLASS_NAME)
    return frame


def drawn(frame: gpd.GeoDataFrame, values: Sequence[int] | None = None) -> NDArray[np.uint8]:
    """Pixels of 5 m whose centre lies in a polygon."""
    pairs = zip(frame.geometry, [1] * len(frame) if values is None else values, strict=True)
    return np.asarray(
        rasterio.features.rasterize(
            pairs, (ROWS, COLUMNS), transform=Affine(5, 0, LEFT, 0, -5, TOP), dtype=np.uint8, fill=0
        ),
        np.uint8,
    )


def mean(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Per cent of the valid pixels of each 100 m cell."""
    blocks = array.reshape(ROWS // 20, 20, COLUMNS // 20, 20).astype(float)
    blocks[blocks == 255] = np.nan
    valid = ~np.isnan(blocks).all(axis=(1, 3))
    out = np.full(valid.shape, 255, np.uint8)
    out[valid] = np.rint(np.nanmean(blocks.transpose(0, 2, 1, 3)[valid], axis=(1, 2)) * 100)
    return out


def write_raster(path: Path, array: NDArray[Any], colours: Colours | None, pixel: float, **changes: Any) -> None:
    """Write one band of bytes: LZW, tiles, 255 nodata, a table of colours; ``changes`` to the profile break it."""
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 1, "dtype": array.dtype.name, "height": array.shape[0], "width": array.shape[1],
        "crs": "EPSG:3035", "transform": Affine(pixel, 0, LEFT, 0, -pixel, TOP), "nodata": 255, "compress": "lzw",
        "tiled": True, "blockxsize": 256, "blockysize": 256,
    }  # fmt: skip
    profile |= changes
    path.unlink(missing_ok=True)
    with rasterio.open(path, "w", **profile) as file:
        file.write(np.stack([array] * profile["count"]))
        if colours is not None:
            file.write_colormap(1, {value: (*colour, 255) for value, colour in colours.items()})
    write_notes(path)


def write_notes(path: Path) -> None:
    """Write statistics and table of attributes beside a raster, as GDAL does."""
    notes = path.with_name(f"{path.name}.aux.xml")
    notes.unlink(missing_ok=True)
    with rasterio.open(path) as file:
        array, size = file.read(1), abs(file.transform.a * file.transform.e) / 1e6
    values, counts = np.unique(array, return_counts=True)
    known = array[array != 255].astype(float)
    # GDAL notes no statistics where every pixel is nodata.
    figures = (
        {}
        if not len(known)
        else {"MINIMUM": known.min(), "MAXIMUM": known.max(), "MEAN": known.mean(), "STDDEV": known.std()}
    )
    fields = "".join(
        f'<FieldDefn index="{index}"><Name>{name}</Name><Type>{kind}</Type><Usage>0</Usage></FieldDefn>'
        for index, (name, kind) in enumerate(
            (("value", 0), ("count", 0), ("area_km2", 1), ("area_perc", 1), ("class_name", 2))
        )
    )
    rows = "".join(
        f'<Row index="{index}"><F>{value}</F><F>{count}</F><F>{count * size}</F>'
        f"<F>{100 * count / max(len(known), 1)}</F><F>class {value}</F></Row>"
        for index, (value, count) in enumerate(zip(values.tolist(), counts.tolist(), strict=True))
    )
    items = "".join(f'<MDI key="STATISTICS_{name}">{float(value)}</MDI>' for name, value in figures.items())
    notes.write_text(
        f'<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable tableType="thematic">{fields}{rows}'
        f"</GDALRasterAttributeTable><Metadata>{items}</Metadata></PAMRasterBand></PAMDataset>"
    )


def metadata(stem: str, epsg: int = 3035) -> str:
    """INSPIRE metadata of a layer with every mandatory element."""
    west, south, east, north = Transformer.from_crs(3035, 4326, always_xy=True).transform_bounds(
        LEFT, TOP - 1000, LEFT + 2000, TOP
    )

    def text(value: object) -> str:
        return f"<gco:CharacterString>{escape(str(value))}</gco:CharacterString>"

    def party(name: str) -> str:
        return (
            f"<gmd:{name}><gmd:CI_ResponsibleParty><gmd:organisationName>{text('A producer')}</gmd:organisationName>"
            "<gmd:contactInfo><gmd:CI_Contact><gmd:address><gmd:CI_Address><gmd:electronicMailAddress>"
            f"{text('producer@example.org')}</gmd:electronicMailAddress></gmd:CI_Address></gmd:address></gmd:CI_Contact>"
            '</gmd:contactInfo><gmd:role><gmd:CI_RoleCode codeListValue="pointOfContact"/></gmd:role>'
            f"</gmd:CI_ResponsibleParty></gmd:{name}>"
        )

    def citation(title: str, more: str = "") -> str:
        return (
            f"<gmd:CI_Citation><gmd:title>{text(title)}</gmd:title><gmd:date><gmd:CI_Date><gmd:date><gco:Date>2024-01-31"
            '</gco:Date></gmd:date><gmd:dateType><gmd:CI_DateTypeCode codeListValue="creation"/></gmd:dateType>'
            f"</gmd:CI_Date></gmd:date>{more}</gmd:CI_Citation>"
        )

    def edge(name: str, value: float) -> str:
        return f"<gmd:{name}><gco:Decimal>{value:.6f}</gco:Decimal></gmd:{name}>"

    language = '<gmd:language><gmd:LanguageCode codeListValue="eng"/></gmd:language>'
    scope = '<gmd:MD_ScopeCode codeListValue="dataset">dataset</gmd:MD_ScopeCode>'
    identifier = (
        f"<gmd:identifier><gmd:RS_Identifier><gmd:code>{text(stem)}</gmd:code></gmd:RS_Identifier></gmd:identifier>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd" '
        f'xmlns:gco="http://www.isotc211.org/2005/gco"><gmd:fileIdentifier>{text(stem)}</gmd:fileIdentifier>{language}'
        f"<gmd:hierarchyLevel>{scope}</gmd:hierarchyLevel>{party('contact')}<gmd:dateStamp><gco:Date>2024-01-31</gco:Date>"
        "</gmd:dateStamp><gmd:referenceSystemInfo><gmd:MD_ReferenceSystem><gmd:referenceSystemIdentifier>"
        f"<gmd:RS_Identifier><gmd:code>{text(f'http://www.opengis.net/def/crs/EPSG/0/{epsg}')}</gmd:code>"
        "</gmd:RS_Identifier></gmd:referenceSystemIdentifier></gmd:MD_ReferenceSystem></gmd:referenceSystemInfo>"
        f"<gmd:identificationInfo><gmd:MD_DataIdentification><gmd:citation>{citation('A layer', identifier)}"
        f"</gmd:citation><gmd:abstract>{text('Small woody features.')}</gmd:abstract>{party('pointOfContact')}"
        "<gmd:descriptiveKeywords>"
        f"<gmd:MD_Keywords><gmd:keyword>{text('Land cover')}</gmd:keyword><gmd:thesaurusName>"
        f"{citation('GEMET - INSPIRE themes, version 1.0')}</gmd:thesaurusName></gmd:MD_Keywords>"
        "</gmd:descriptiveKeywords>"
        "<gmd:resourceConstraints><gmd:MD_LegalConstraints><gmd:accessConstraints><gmd:MD_RestrictionCode "
        'codeListValue="otherRestrictions"/></gmd:accessConstraints><gmd:otherConstraints>'
        f"{text('no limitations')}</gmd:otherConstraints></gmd:MD_LegalConstraints></gmd:resourceConstraints>"
        '<gmd:spatialResolution><gmd:MD_Resolution><gmd:distance><gco:Distance uom="m">5</gco:Distance></gmd:distance>'
        f"</gmd:MD_Resolution></gmd:spatialResolution>{language}<gmd:topicCategory><gmd:MD_TopicCategoryCode>environment"
        "</gmd:MD_TopicCategoryCode></gmd:topicCategory><gmd:extent><gmd:EX_Extent><gmd:geographicElement>"
        f"<gmd:EX_GeographicBoundingBox>{edge('westBoundLongitude', west)}{edge('eastBoundLongitude', east)}"
        f"{edge('southBoundLatitude', south)}{edge('northBoundLatitude', north)}</gmd:EX_GeographicBoundingBox>"
        "</gmd:geographicElement></gmd:EX_Extent></gmd:extent></gmd:MD_DataIdentification></gmd:identificationInfo>"
        f"<gmd:distributionInfo><gmd:MD_Distribution><gmd:distributionFormat><gmd:MD_Format><gmd:name>{text('GeoTIFF')}"
        "</gmd:name></gmd:MD_Format></gmd:distributionFormat><gmd:transferOptions><gmd:MD_DigitalTransferOptions>"
        "<gmd:onLine><gmd:CI_OnlineResource><gmd:linkage><gmd:URL>https://example.org</gmd:URL></gmd:linkage>"
        "</gmd:CI_OnlineResource></gmd:onLine></gmd:MD_DigitalTransferOptions></gmd:transferOptions></gmd:MD_Distribution>"
        f"</gmd:distributionInfo><gmd:dataQualityInfo><gmd:DQ_DataQuality><gmd:scope><gmd:DQ_Scope><gmd:level>{scope}"
        "</gmd:level></gmd:DQ_Scope></gmd:scope><gmd:report><gmd:DQ_DomainConsistency><gmd:result><gmd:DQ_ConformanceResult>"
        f"<gmd:specification>{citation('Commission Regulation (EU) No 1089/2010')}</gmd:specification><gmd:pass>"
        "<gco:Boolean>true</gco:Boolean></gmd:pass></gmd:DQ_ConformanceResult></gmd:result></gmd:DQ_DomainConsistency>"
        f"</gmd:report><gmd:lineage><gmd:LI_Lineage><gmd:statement>{text('Made for a test.')}</gmd:statement>"
        "</gmd:LI_Lineage></gmd:lineage></gmd:DQ_DataQuality></gmd:dataQualityInfo></gmd:MD_Metadata>"
    )


def write_metadata(folder: Path, stem: str, **changes: Any) -> Path:
    """Write the metadata of a layer where they belong."""
    (folder / "metadata").mkdir(exist_ok=True)
    path = folder / "metadata" / f"{stem}.xml"
    path.write_text(metadata(stem, **changes), encoding="utf-8")
    return path


def write_polygons(folder: Path, stem: str, frame: gpd.GeoDataFrame, suffix: str = ".gpkg", **changes: Any) -> Path:
    """Write polygons in one of the formats, under the name of the product inside, too."""
    path = folder / f"{stem}{suffix}"
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        driver = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".gdb": "OpenFileGDB", ".shp": "ESRI Shapefile"}[suffix]
        frame.to_file(path, driver=driver, layer=changes.pop("layer", stem), engine="pyogrio", **changes)
    return path


def arrays() -> dict[str, NDArray[np.uint8]]:
    """The rasters of the delivery by name: features, forest in the south-east, no data in the south."""
    swf = drawn(features())
    forest = np.zeros_like(swf)
    forest[120:180, 300:] = 1
    crop = np.zeros_like(swf)
    crop[:60, :100] = 1
    sure = np.where(swf == 1, 90, 70).astype(np.uint8)
    found = {SWF: swf, WVL: np.maximum(swf, forest), FM: forest, CM: crop, WVCL: sure}
    for array in found.values():
        array[190:, :] = 255
    density = mean(swf)
    change = np.where(density == 255, 255, 0).astype(np.uint8)
    change[2, 3], change[4, 5], change[6:8, 15:] = 1, 2, 203
    return {**found, DENSITY: density, CHANGE: change}


def colours() -> dict[str, Colours]:
    """The colours of each raster."""
    masks = {WVL: (117, 221, 0), FM: (121, 83, 43), CM: (1, 2, 3), WVCL: (4, 5, 6)}
    tables: dict[str, Colours] = {name: {0: GREY, 1: colour, 255: BLACK} for name, colour in masks.items()}
    return {**tables, SWF: SWF_COLOURS, DENSITY: density_colours(), CHANGE: CHANGE_COLOURS}


def streets() -> gpd.GeoDataFrame:
    """Two rows of street trees and the ground around them."""
    shapes = [rectangle(100, 800, 100, 10), rectangle(300, 800, 60, 20), rectangle(500, 800, 10, 10)]
    frame = gpd.GeoDataFrame({"stl": [1, 1, 0]}, geometry=shapes, crs="EPSG:3035")
    frame["stl"] = frame["stl"].astype(np.int32)
    for position, name in enumerate(("country", "fua_name", "fua_code")):
        frame.insert(position, name, ("FR", "Testville", "FR123L1")[position])
    return frame.assign(perimeter=frame.geometry.length, area=frame.geometry.area)


def write_2021(folder: Path) -> Path:
    """Write all layers of a cell of 2021, with change and street trees."""
    pixels, tables = arrays(), colours()
    for stem, array in pixels.items():
        write_raster(folder / f"{stem}.tif", array, tables[stem], 100 if array.shape[0] < ROWS else 5)
    write_polygons(folder, VECTOR, features())
    write_polygons(folder, STREETS, streets())
    for stem in (*pixels, VECTOR, STREETS):
        write_metadata(folder, stem)
    return folder


def features_2015() -> gpd.GeoDataFrame:
    """Two linear features, two patches and an additional woody feature."""
    shapes = [
        rectangle(100, 100, 200, 20),
        rectangle(500, 100, 15, 80),
        rectangle(700, 100, 40, 40),
        rectangle(900, 100, 60, 50),
        rectangle(1200, 300, 100, 100),
    ]
    names = ("Linear structures", "Patchy structures")
    code = ["1", "1", "2", "2", "3"]
    texts = [f"{names[int(one) - 1]} of trees, hedges, bushes and scrub" if one < "3" else "Additional woody features"
             for one in code]  # fmt: skip
    frame = gpd.GeoDataFrame({"code": code}, geometry=shapes, crs="EPSG:3035")
    frame.insert(1, "area", frame.geometry.area)
    frame.insert(2, "class_name", texts)
    return frame


def write_2015(folder: Path, frame: gpd.GeoDataFrame | None = None) -> Path:
    """Write raster and polygons of a region of 2015, in the manner of that year: strips, a shapefile, XML beside it."""
    frame = features_2015() if frame is None else frame
    array = drawn(frame, [3 if code == "3" else 1 for code in frame["code"]])
    table = {**SWF_COLOURS, 3: (240, 200, 0)}
    write_raster(folder / f"{RASTER_2015}.tif", array, table, 5, tiled=False, blockxsize=None, blockysize=40)
    write_polygons(folder, VECTOR_2015, frame, ".shp")
    write_metadata(folder, VECTOR_2015)
    return folder


def write_2018(folder: Path) -> Path:
    """Write raster and polygons of a tile of 200 km of 2018."""
    write_raster(folder / f"{RASTER_2018}.tif", drawn(features()), SWF_COLOURS, 5)
    write_polygons(folder, VECTOR_2018, features())
    write_metadata(folder, VECTOR_2018)
    return folder
