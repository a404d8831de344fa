from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from bocage.products.inspire import RASTER_FORMATS, VECTOR_FORMATS, Record, metadata

GMD, GCO, XLINK = (
    "{http://www.isotc211.org/2005/gmd}",
    "{http://www.isotc211.org/2005/gco}",
    "{http://www.w3.org/1999/xlink}",
)
RECORD = Record(
    "clms_hrlslf_swf_s2021_r5m_e43n30_03035_v01_r00_20210714", "Small Woody Features <5 m> & more", "What it is.",
    "Office of Hedges", "hedges@example.org", "2021-07-14", "2020-05-01", "2021-07-14", (9.7, 50.1, 9.8, 50.2), 3035,
    5.0, RASTER_FORMATS, ("hedge",), "Made with Bocage.", "CC BY 4.0",
)  # fmt: skip
# What the technical guidance on INSPIRE metadata 2.0.1 asks of a data set, by path.
MANDATORY = (
    "fileIdentifier", "language", "hierarchyLevel", "contact//organisationName", "contact//electronicMailAddress",
    "dateStamp", "referenceSystemInfo//code", "identificationInfo//citation//title",
    "identificationInfo//citation//date",
    "identificationInfo//citation//identifier", "identificationInfo//abstract", "identificationInfo//pointOfContact",
    "identificationInfo//descriptiveKeywords//keyword", "identificationInfo//descriptiveKeywords//thesaurusName",
    "identificationInfo//accessConstraints", "identificationInfo//useConstraints",
    "identificationInfo//spatialRepresentationType", "identificationInfo//spatialResolution",
    "identificationInfo//topicCategory", "identificationInfo//EX_GeographicBoundingBox",
    "identificationInfo//temporalElement", "distributionInfo//distributionFormat", "dataQualityInfo//scope",
    "dataQualityInfo//specification", "dataQualityInfo//pass", "dataQualityInfo//statement",
)  # fmt: skip
# The order in which the schema of ISO 19139 wants the parts.
ORDER = (
    "fileIdentifier", "language", "characterSet", "hierarchyLevel", "contact", "dateStamp", "metadataStandardName",
    "metadataStandardVersion", "referenceSystemInfo", "identificationInfo", "distributionInfo", "dataQualityInfo",
)  # fmt: skip
IDENTIFICATION = (
    "citation", "abstract", "pointOfContact", "descriptiveKeywords", "resourceConstraints", "spatialRepresentationType",
    "spatialResolution", "language", "characterSet", "topicCategory", "extent",
)  # fmt: skip


def root(record: Record = RECORD) -> Element:
    found: Element = ElementTree.fromstring(metadata(record))
    return found


def path(name: str) -> str:
    return "./" + "//".join(f"{GMD}{part}" for part in name.split("//"))


@pytest.mark.parametrize("name", MANDATORY)
@pytest.mark.parametrize(
    "record", [RECORD, replace(RECORD, pixel=None, formats=VECTOR_FORMATS)], ids=["raster", "vector"]
)
def test_every_mandatory_element_is_there(name: str, record: Record) -> None:
    found = root(record).find(path(name))
    assert found is not None
    text = "".join(found.itertext()).strip()
    assert text or found.get(f"{GCO}nilReason") or found.find("*") is not None


def test_the_parts_stand_in_the_order_of_the_schema() -> None:
    def names(parent: Element) -> list[str]:
        return list(dict.fromkeys(child.tag.removeprefix(GMD) for child in parent))

    assert names(root()) == list(ORDER)
    identification = root().find(path("identificationInfo//MD_DataIdentification"))
    assert identification is not None
    assert names(identification) == list(IDENTIFICATION)


def test_what_is_said_is_what_was_given() -> None:
    document = root()
    title = document.find(path("identificationInfo//citation//title"))
    assert title is not None
    assert "".join(title.itertext()) == RECORD.title
    theme = document.find(path("identificationInfo//descriptiveKeywords//keyword"))
    assert theme is not None
    assert theme[0].get(f"{XLINK}href") == "http://inspire.ec.europa.eu/theme/lc"
    distance = document.find(f".//{GCO}Distance")
    assert distance is not None
    assert (distance.text, distance.get("uom")) == ("5", "m")
    assert "onLine" not in metadata(RECORD)
    assert "https://example.org/swf" in metadata(replace(RECORD, url="https://example.org/swf"))
