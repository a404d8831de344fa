"""Kinds of broken deliveries: what is done to a well-formed one, and the one rule that it breaks."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

import numpy as np
from affine import Affine
from shapely.geometry import Point

from tests.products.conformance.breaking import (
    Break,
    added,
    as_imagine,
    both,
    cut,
    damaged,
    document,
    holed,
    lobes,
    moved,
    notes,
    painted,
    polygons,
    raster,
    removed,
    renamed,
    reshaped,
    shift,
    two_parts,
    with_2015,
    with_nulls,
    without,
)
from tests.products.conformance.well_formed import (
    CHANGE,
    CM,
    DENSITY,
    FM,
    RASTER_2015,
    RASTER_2018,
    STREETS,
    SWF,
    SWF_COLOURS,
    VECTOR,
    VECTOR_2015,
    VECTOR_2018,
    WVL,
    colours,
    density_colours,
    features_2015,
    rectangle,
    streets,
)


@dataclass(frozen=True)
class Breakage:
    """What is done to the delivery of a year, the rule that must say so, and rules that cannot help but join."""

    what: str
    rule: str
    do: Break
    year: int = 2021
    joined: frozenset[str] = frozenset()

    @property
    def only(self) -> tuple[str, ...]:
        """Layers that are copied, where the others have nothing to do with it; empty for all."""
        return (SWF, CHANGE, VECTOR) if self.rule.startswith("metadata.") else ()


BREAKAGES: tuple[Breakage, ...] = (
    # Files
    Breakage("half of a raster is missing", "file.readable", cut(f"{FM}.tif", 0.5)),
    Breakage("the end of a raster is missing", "file.readable", cut(f"{FM}.tif", 0.98)),
    Breakage("a block of a raster is damaged", "file.readable", damaged(f"{FM}.tif")),
    Breakage("a raster is cut in its header", "file.readable", cut(f"{FM}.tif", 0.01)),
    Breakage("a GeoPackage is cut", "file.readable", cut(f"{VECTOR}.gpkg", 0.1)),
    # Names
    Breakage("a raster has a name of no pattern", "name.pattern", lambda f: (f / f"{FM}.tif").rename(f / "forest.tif")),
    Breakage("a raster is called polygons", "name.form", renamed(FM, VECTOR.replace("e43n30", "e43n31"))),
    Breakage("the layer inside is called otherwise", "name.layer", polygons(lambda f: f, layer="features")),
    Breakage("an overseas region with the code of Europe", "name.epsg", renamed(FM, FM.replace("e43n30", "gp"))),
    Breakage("a country instead of a cell", "name.area", renamed(FM, FM.replace("e43n30", "fr"))),
    Breakage(
        "a region that 2015 does not have", "name.area", renamed(RASTER_2015, RASTER_2015.replace("123", "137")), 2015
    ),
    Breakage(
        "a country that 2015 does not have", "name.area", renamed(RASTER_2015, RASTER_2015.replace("FR", "XX")), 2015
    ),
    Breakage("a region of Europe", "name.area", renamed(RASTER_2015, RASTER_2015.replace("FR", "eu")), 2015),
    Breakage(
        "a cell instead of a region in 2015",
        "name.pattern",
        renamed(RASTER_2015, RASTER_2015.replace("FR_3035_123", "eu_03035_e43n30")),
        2015,
    ),
    Breakage(
        "the region of 2015 with two digits",
        "name.region",
        renamed(RASTER_2015, RASTER_2015.replace("123", "12")),
        2015,
    ),
    Breakage(
        "the name of 2015 as downloads have it",
        "name.region",
        renamed(RASTER_2015, RASTER_2015.replace("FR_3035_123", "FR123_3035")),
        2015,
    ),
    Breakage(
        "a tile of 2018 off the tiles of 200 km",
        "name.cell",
        renamed(RASTER_2018, RASTER_2018.replace("E42N29", "E43N29")),
        2018,
    ),
    Breakage("a year that was not published", "name.year", renamed(FM, FM.replace("s2021", "s2020"))),
    Breakage("a date that is no day", "name.date", renamed(FM, FM.replace("20240131", "20240231"))),
    Breakage("a name in capitals", "name.case", renamed(FM, FM.upper())),
    Breakage(
        "a cell of another grid",
        "name.grid",
        both(
            renamed(FM, FM.replace("03035", "32632")),
            raster(FM.replace("03035", "32632"), table=colours()[FM], crs="EPSG:32632"),
            document(FM.replace("03035", "32632"), lambda text: text.replace("EPSG/0/3035", "EPSG/0/32632")),
        ),
    ),
    # Rasters
    Breakage("another format", "raster.format", as_imagine, joined=frozenset({"raster.compression"})),
    Breakage("two bands", "raster.bands", raster(WVL, count=2, photometric="minisblack")),
    Breakage("another system of coordinates", "raster.crs", raster(WVL, crs="EPSG:3034")),
    Breakage("no system of coordinates", "raster.crs", raster(WVL, crs=None)),
    Breakage("pixels of 4 m", "raster.pixel", raster(SWF, transform=moved(0, 0, 4.0))),
    Breakage(
        "a raster turned against the axes", "raster.pixel", raster(WVL, transform=moved(0, 0) @ Affine.rotation(1.0))
    ),
    Breakage("an origin off by a pixel", "raster.origin", raster(WVL, transform=moved(5, 0))),
    Breakage(
        "an origin of 100 m off the kilometres",
        "raster.origin",
        raster(DENSITY, transform=moved(100, -200, 100.0)),
        joined=frozenset({"set.density"}),
    ),
    Breakage("a raster in another cell", "raster.cell", raster(WVL, transform=moved(100_000, 0))),
    Breakage("a raster across the edge of its cell", "raster.cell", raster(WVL, transform=moved(98_000, 0))),
    Breakage("pixels of 16 bits", "raster.dtype", raster(WVL, lambda array: array.astype(np.uint16))),
    Breakage("floating point", "raster.dtype", raster(WVL, lambda array: array.astype(np.float32))),
    Breakage("DEFLATE instead of LZW", "raster.compression", raster(WVL, compress="deflate")),
    Breakage("no compression", "raster.compression", raster(WVL, compress=None)),
    Breakage("blocks of 2048 pixels", "raster.blocks", raster(WVL, blockxsize=2048, blockysize=2048)),
    Breakage("blocks of 2048 pixels at 100 m", "raster.blocks_100m", raster(DENSITY, blockxsize=2048, blockysize=2048)),
    Breakage(
        "blocks of 2048 pixels in 2015",
        "raster.blocks",
        raster(RASTER_2015, tiled=True, blockxsize=2048, blockysize=2048),
        2015,
    ),
    Breakage("strips", "raster.tiled", raster(WVL, tiled=False, blockxsize=None, blockysize=16)),
    Breakage("nodata 0", "raster.nodata", raster(WVL, nodata=0)),
    Breakage("no nodata", "raster.nodata", raster(WVL, nodata=None)),
    Breakage("a code of no meaning", "raster.codes", raster(WVL, painted(2))),
    Breakage("101 per cent", "raster.codes", raster(DENSITY, painted(101, slice(0, 1), slice(0, 1)))),
    Breakage("a code of change of 2015-2018", "raster.codes", raster(CHANGE, painted(210, slice(0, 1)))),
    Breakage("code 3 in 2018", "raster.codes", raster(RASTER_2018, painted(3)), 2018),
    Breakage("254 in 2021", "raster.unclassifiable", raster(SWF, painted(254))),
    Breakage("nothing but 255", "raster.outside", raster(CM, lambda array: np.full_like(array, 255))),
    Breakage("no table of colours", "raster.palette", raster(SWF, table=None)),
    Breakage("no table of colours in the crop mask", "raster.palette_masks", raster(CM, table=None)),
    Breakage("another colour for features", "raster.colours", raster(SWF, table={**SWF_COLOURS, 1: (214, 245, 0)})),
    Breakage(
        "no colour for 254", "raster.colours", raster(SWF, table={k: v for k, v in SWF_COLOURS.items() if k != 254})
    ),
    Breakage("a ramp off by one", "raster.colours", raster(DENSITY, table={**density_colours(), 25: (128, 208, 131)})),
    Breakage(
        "another colour for increase", "raster.colours", raster(CHANGE, table={**colours()[CHANGE], 1: (0, 255, 0)})
    ),
    Breakage("another colour for forest", "raster.colours_manual", raster(FM, table={**colours()[FM], 1: (0, 99, 0)})),
    Breakage("no statistics", "raster.statistics", notes(SWF, "<Metadata>.*</Metadata>", "")),
    Breakage(
        "a mean that is not that of the pixels",
        "raster.statistics_true",
        notes(SWF, r'(STATISTICS_MEAN">)[\d.]+', r"\g<1>0.5"),
    ),
    Breakage(
        "no table of attributes",
        "raster.attributes",
        notes(SWF, "<GDALRasterAttributeTable.*</GDALRasterAttributeTable>", ""),
    ),
    Breakage(
        "a table without areas", "raster.attribute_columns", notes(SWF, "<Name>area_km2</Name>", "<Name>km2</Name>")
    ),
    Breakage(
        "a table that counts otherwise", "raster.attribute_rows", notes(SWF, r"<F>1</F><F>\d+</F>", "<F>1</F><F>7</F>")
    ),
    # Polygons
    Breakage(
        "a shapefile in 2021", "vector.format", both(polygons(lambda f: f, suffix=".shp"), removed(f"{VECTOR}.gpkg"))
    ),
    Breakage(
        "polygons in another system", "vector.crs", polygons(lambda f: f.set_crs("EPSG:3034", allow_override=True))
    ),
    Breakage("no column area", "vector.columns", polygons(lambda f: f.drop(columns="area"))),
    Breakage("no column code", "vector.columns", polygons(lambda f: f.drop(columns="code"))),
    Breakage("no column class_name", "vector.columns", polygons(lambda f: f.drop(columns="class_name"))),
    Breakage("codes as text", "vector.column_types", polygons(lambda f: f.assign(code=f["code"].astype(str)))),
    Breakage(
        "codes as numbers in 2015",
        "vector.column_types",
        polygons(lambda f: f.assign(code=f["code"].astype(np.int32)), VECTOR_2015, features_2015, ".shp"),
        2015,
    ),
    Breakage(
        "areas as whole numbers",
        "vector.column_types",
        polygons(lambda f: f.assign(area=f["area"].round().astype(np.int64))),
    ),
    Breakage("a further column", "vector.extra_columns", polygons(lambda f: f.assign(slf_type="hedge"))),
    Breakage("an empty name of the class", "vector.nulls", polygons(with_nulls("class_name"))),
    Breakage("an empty code", "vector.nulls", polygons(with_nulls("code"))),
    Breakage(
        "code 2 in 2021",
        "vector.code",
        polygons(lambda f: f.assign(code=np.where(f.index == 3, 2, f["code"]).astype(np.int32))),
    ),
    Breakage(
        "code 4 in 2015",
        "vector.code",
        polygons(lambda f: f.assign(code=[*f["code"].iloc[:4], "4"]), VECTOR_2015, features_2015, ".shp"),
        2015,
    ),
    Breakage("another name of the class", "vector.class_name", polygons(lambda f: f.assign(class_name="trees"))),
    Breakage(
        "another name of the class in 2018",
        "vector.class_name",
        polygons(lambda f: f.assign(class_name="trees"), VECTOR_2018),
        2018,
    ),
    Breakage(
        "names of the classes of 2015 mixed up",
        "vector.class_name_2015",
        polygons(lambda f: f.assign(class_name=f["class_name"].iloc[0]), VECTOR_2015, features_2015, ".shp"),
        2015,
    ),
    Breakage("a row without a geometry", "vector.geometry", polygons(lambda f: added(f, None))),
    Breakage("a point", "vector.geometry", polygons(lambda f: added(f, Point(4_302_000, 3_001_500)))),
    Breakage("two parts in one row", "vector.single_part", polygons(two_parts)),
    Breakage("a hole along the outline", "vector.valid", polygons(reshaped(0, holed))),
    Breakage("areas 0.6 m2 off", "vector.area", polygons(lambda f: f.assign(area=f["area"] + 0.6))),
    Breakage(
        "areas 0.01 m2 off in 2015",
        "vector.area",
        polygons(lambda f: f.assign(area=f["area"] + 0.01), VECTOR_2015, features_2015, ".shp"),
        2015,
    ),
    Breakage("two polygons overlap", "vector.overlap", polygons(shift(2, -160, 0))),
    Breakage("one polygon twice", "vector.overlap", polygons(reshaped(1, lambda f: f.geometry.iloc[6].buffer(0)))),
    Breakage("two polygons share a border", "vector.neighbours", polygons(shift(2, -150, 0))),
    Breakage("a polygon in another cell", "vector.cell", polygons(shift(2, 200_000, 0))),
    Breakage("no polygon", "vector.empty", polygons(lambda f: f.iloc[:0]), joined=frozenset({"set.area"})),
    # Street trees
    Breakage(
        "a street tree of code 2",
        "vector.code",
        polygons(lambda f: f.assign(stl=np.asarray([1, 1, 2], np.int32)), STREETS, streets),
    ),
    Breakage(
        "street trees of another city",
        "vector.city",
        polygons(lambda f: f.assign(fua_code="FR124L1"), STREETS, streets),
    ),
    Breakage("a wrong perimeter", "vector.perimeter", polygons(lambda f: f.assign(perimeter=1.0), STREETS, streets)),
    Breakage(
        "street trees of 400 m2",
        "shape.street_tree",
        polygons(reshaped(1, lambda _: rectangle(300, 800, 20, 20)), STREETS, streets),
    ),
    Breakage("street trees that share a border", "vector.neighbours", polygons(shift(1, -100, 0), STREETS, streets)),
    # Shapes of 2015
    Breakage(
        "a square as linear feature",
        "shape.compactness",
        with_2015(reshaped(1, lambda _: rectangle(500, 100, 60, 60))),
        2015,
    ),
    Breakage(
        "a strip as patch", "shape.compactness", with_2015(reshaped(2, lambda _: rectangle(700, 100, 100, 20))), 2015
    ),
    Breakage(
        "a patch of 100 m2", "shape.smallest_patch", with_2015(reshaped(2, lambda _: rectangle(700, 100, 10, 10))), 2015
    ),
    Breakage(
        "a patch of 6400 m2", "shape.largest_patch", with_2015(reshaped(2, lambda _: rectangle(700, 100, 80, 80))), 2015
    ),
    Breakage(
        "a patch with a neck",
        "shape.patch_width",
        with_2015(reshaped(2, lobes)),
        2015,
        frozenset({"shape.compactness"}),
    ),
    Breakage(
        "a linear feature 40 m wide",
        "shape.linear_width",
        with_2015(reshaped(1, lambda _: rectangle(500, 100, 40, 180))),
        2015,
    ),
    Breakage(
        "a linear feature 45 m long",
        "shape.linear_length",
        with_2015(reshaped(1, lambda _: rectangle(500, 100, 20, 45))),
        2015,
    ),
    # Metadata
    Breakage("no metadata", "metadata.present", removed(f"metadata/{SWF}.xml")),
    Breakage("no metadata of the change", "metadata.present", removed(f"metadata/{CHANGE}.xml")),
    Breakage("no metadata of the polygons", "metadata.present_beside", removed(f"metadata/{VECTOR}.xml")),
    Breakage(
        "metadata beside the layer",
        "metadata.place",
        lambda f: (f / "metadata" / f"{SWF}.xml").rename(f / f"{SWF}.xml"),
    ),
    Breakage("metadata that end in the middle", "metadata.readable", cut(f"metadata/{SWF}.xml", 0.8)),
    Breakage(
        "metadata with entities",
        "metadata.readable",
        document(
            SWF,
            lambda text: text.replace(
                "?><gmd", '?><!DOCTYPE x [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><gmd', 1
            ).replace("A layer", "&b;"),
        ),
    ),
    Breakage(
        "metadata of another schema",
        "metadata.schema",
        document(SWF, lambda text: text.replace("MD_Metadata", "MI_Metadata")),
    ),
    *(
        Breakage(f"metadata without {element}", "metadata.elements", document(SWF, without(element)))
        for element in (
            "fileIdentifier",
            "hierarchyLevel",
            "contact",
            "dateStamp",
            "abstract",
            "pointOfContact",
            "topicCategory",
            "descriptiveKeywords",
            "resourceConstraints",
            "spatialResolution",
            "distributionFormat",
            "lineage",
            "report",
            "westBoundLongitude",
        )
    ),
    Breakage("metadata without an address", "metadata.linkage", document(SWF, without("linkage"))),
    Breakage(
        "a contact that nobody reaches",
        "metadata.contact",
        document(SWF, lambda text: text.replace("producer@example.org", "nobody@example.invalid")),
    ),
    Breakage(
        "keywords of another thesaurus", "metadata.elements", document(SWF, lambda text: text.replace("GEMET", "Other"))
    ),
    Breakage(
        "metadata of another system",
        "metadata.crs",
        document(SWF, lambda text: text.replace("EPSG/0/3035", "EPSG/0/4326")),
    ),
    Breakage(
        "the box of another place",
        "metadata.extent",
        document(SWF, lambda text: re.sub(r"(westBoundLongitude><gco:Decimal>)[\d.]+", r"\g<1>20.0", text)),
    ),
    Breakage("metadata of another layer", "metadata.identifier", document(SWF, lambda text: text.replace(SWF, WVL, 1))),
    # Layers that belong together
    Breakage("polygons that the raster does not show", "set.area", polygons(lambda f: f.iloc[:-1])),
    Breakage(
        "raster and polygons 0.7 % apart in 2015",
        "set.area",
        raster(RASTER_2015, painted(1, slice(0, 1), slice(0, 5))),
        2015,
    ),
    Breakage("raster and polygons 0.1 % apart", "set.area_close", raster(SWF, painted(1, slice(0, 1), slice(0, 1)))),
    Breakage("a density that is not the mean", "set.density", raster(DENSITY, painted(50, slice(0, 1), slice(0, 1)))),
    Breakage(
        "a density where nothing is known",
        "set.density",
        both(
            raster(SWF, painted(255, slice(0, 20), slice(0, 20))), raster(DENSITY, painted(0, slice(0, 1), slice(0, 1)))
        ),
    ),
    Breakage("features in the forest", "set.forest", raster(FM, painted(1, slice(20, 26), slice(0, 80)))),
    Breakage("a mask of another extent", "set.extent", raster(FM, lambda array: array[:, :200])),
    Breakage(
        "two versions of a layer",
        "set.single",
        lambda f: [shutil.copy(path, path.with_name(path.name.replace("v01", "v02"))) for path in f.rglob(f"{CM}*")],
    ),
    Breakage("polygons in two formats", "set.formats", polygons(lambda f: f, suffix=".parquet")),
    Breakage("no crop mask", "set.complete", removed(f"{CM}.tif")),
)
