"""The rules for INSPIRE metadata.

The quality tool sends them to a service of the Joint Research Centre; here the mandatory elements of that guidance are
looked for in the document itself, without a network.
"""

from __future__ import annotations

import re

from bocage.products.conformance.metadata import Metadata, filled, numbers, texts
from bocage.products.conformance.names import parse_name
from bocage.products.conformance.rule import INSPIRE, MANUAL, QC, SAMPLE, Rule, rule
from bocage.products.conformance.verdict import Finding, Skip

# What must be there, and where: ElementTree paths without namespaces (ISO 19139).
MANDATORY: tuple[tuple[str, str], ...] = (
    ("file identifier", "./fileIdentifier"),
    ("language of the metadata", "./language"),
    ("hierarchy level", "./hierarchyLevel"),
    ("organisation of the contact", "./contact//organisationName"),
    ("e-mail of the contact", "./contact//electronicMailAddress"),
    ("role of the contact", "./contact//role"),
    ("date of the metadata", "./dateStamp"),
    ("reference system", "./referenceSystemInfo//code"),
    ("title", "./identificationInfo/*/citation/*/title"),
    ("date of the resource", "./identificationInfo/*/citation/*/date/*/date"),
    ("type of that date", "./identificationInfo/*/citation/*/date/*/dateType"),
    ("identifier of the resource", "./identificationInfo/*/citation/*/identifier/*/code"),
    ("abstract", "./identificationInfo/*/abstract"),
    ("organisation of the point of contact", "./identificationInfo/*/pointOfContact//organisationName"),
    ("e-mail of the point of contact", "./identificationInfo/*/pointOfContact//electronicMailAddress"),
    ("role of the point of contact", "./identificationInfo/*/pointOfContact//role"),
    ("keyword", "./identificationInfo/*/descriptiveKeywords/*/keyword"),
    ("access constraints", "./identificationInfo/*/resourceConstraints/*/accessConstraints"),
    ("spatial resolution", "./identificationInfo/*/spatialResolution"),
    ("language of the resource", "./identificationInfo/*/language"),
    ("topic category", "./identificationInfo/*/topicCategory"),
    ("western edge", "./identificationInfo//westBoundLongitude"),
    ("eastern edge", "./identificationInfo//eastBoundLongitude"),
    ("southern edge", "./identificationInfo//southBoundLatitude"),
    ("northern edge", "./identificationInfo//northBoundLatitude"),
    ("format of the distribution", "./distributionInfo//distributionFormat//name"),
    ("scope of the quality", "./dataQualityInfo//scope//level"),
    ("specification of the conformity", "./dataQualityInfo//specification//title"),
    ("degree of the conformity", "./dataQualityInfo//pass"),
    ("lineage", "./dataQualityInfo//lineage//statement"),
)
_USE = ("useLimitation", "useConstraints", "otherConstraints")
_THEMES = "GEMET - INSPIRE themes"
_TOLD_ELSEWHERE = "there are no metadata that can be read"
_REFUSED = ("swf r5m", "swf r100m", "wvl r5m", "swfc r100m", "awf r100m", "swfawf r100m")
_REMARKED = ("fm r5m", "cm r5m", "wvcl r5m", "swf vec", "psil vec", "stl vec")


@rule("metadata.present", "error", "A layer has INSPIRE metadata.", f"{QC}; {MANUAL}", layers=_REFUSED)
def _present(metadata: Metadata) -> Finding | Skip | None:
    # The tool asks for them beside the 5 m layers since 2021 only.
    if metadata.layer.form == "r5m" and metadata.layer.profile < 2021:
        return Skip("the quality tool asks for none at 5 m before 2021")
    return _missing(metadata)


@rule("metadata.present_beside", "warning", "Masks and polygons have INSPIRE metadata.", MANUAL, layers=_REMARKED)
def _present_beside(metadata: Metadata) -> Finding | Skip | None:
    return _missing(metadata)


def _missing(metadata: Metadata) -> Finding | None:
    if metadata.path is not None:
        return None
    return Finding(f"metadata/{metadata.stem}.xml is not there", "write the metadata of the layer there")


@rule("metadata.place", "warning", "Metadata lie in a folder metadata, as NAME.xml or NAME_metadata.xml.", QC)
def _place(metadata: Metadata) -> Finding | Skip | None:
    if metadata.path is None:
        return Skip("there are no metadata")
    if metadata.place == "folder":
        return None
    return Finding(f"{metadata.path.name} lies beside the layer", f"move it to metadata/{metadata.stem}.xml")


@rule("metadata.readable", "error", "Metadata are well-formed XML without entities or references to other files.", QC)
def _readable(metadata: Metadata) -> Finding | Skip | None:
    if metadata.path is None:
        return Skip("there are no metadata")
    return Finding(metadata.fault, "write the metadata anew") if metadata.fault else None


@rule("metadata.schema", "error", "Metadata are a document of ISO 19139, its root MD_Metadata.", INSPIRE)
def _schema(metadata: Metadata) -> Finding | Skip | None:
    if metadata.root is None:
        return Skip(_TOLD_ELSEWHERE)
    if metadata.root.tag == "MD_Metadata":
        return None
    return Finding(f"the root element is {metadata.root.tag}", "write the metadata as gmd:MD_Metadata")


@rule("metadata.elements", "error", f"All {len(MANDATORY) + 2} mandatory elements are there and filled.", INSPIRE)
def _elements(metadata: Metadata) -> Finding | Skip | None:
    root = metadata.root
    if root is None or root.tag != "MD_Metadata":
        return Skip(_TOLD_ELSEWHERE)
    missing = [name for name, path in MANDATORY if not filled(root, path)]
    if not any(filled(root, f"./identificationInfo/*/resourceConstraints/*/{name}") for name in _USE):
        missing.append("conditions of use")
    titles = texts(root, "./identificationInfo/*/descriptiveKeywords/*/thesaurusName/*/title")
    if not any(title.startswith(_THEMES) for title in titles):
        missing.append(f"keyword of the thesaurus {_THEMES}")
    return Finding(f"missing or empty: {', '.join(missing)}", "add the elements") if missing else None


@rule("metadata.linkage", "information", "Metadata say where the layer can be had, if it can be had anywhere.", INSPIRE)
def _linkage(metadata: Metadata) -> Finding | Skip | None:
    if metadata.root is None:
        return Skip(_TOLD_ELSEWHERE)
    if filled(metadata.root, "./distributionInfo//linkage"):
        return None
    return Finding(f"{metadata.stem}: no address is given", "name one, if the layer is published")


@rule("metadata.contact", "warning", "The addresses of the contacts are real ones.", INSPIRE)
def _contact(metadata: Metadata) -> Finding | Skip | None:
    if metadata.root is None:
        return Skip(_TOLD_ELSEWHERE)
    # No mail reaches these (RFC 2606).
    unreal = [text for text in texts(metadata.root, ".//electronicMailAddress") if text.endswith((".invalid", ".test"))]
    return Finding(f"nobody can be reached at {unreal[0]}", "name a contact") if unreal else None


@rule("metadata.crs", "error", "Metadata name the system of coordinates that the name of the layer names.", INSPIRE)
def _crs(metadata: Metadata) -> Finding | Skip | None:
    codes = [] if metadata.root is None else texts(metadata.root, "./referenceSystemInfo//code")
    # EPSG:3035, http://www.opengis.net/def/crs/EPSG/0/3035, or the bare number.
    found = {int(text) for code in codes for text in re.findall(r"(\d+)\s*$", code)}
    if not found or metadata.layer.epsg is None:
        return Skip("the metadata or the name of the layer say nothing of it")
    if metadata.layer.epsg in found:
        return None
    said = ", ".join(f"EPSG:{code}" for code in sorted(found))
    return Finding(f"the metadata say {said}, the name EPSG:{metadata.layer.epsg}", "correct referenceSystemInfo")


@rule("metadata.extent", "warning", "The box of the metadata holds the layer.", INSPIRE)
def _extent(metadata: Metadata) -> Finding | Skip | None:
    if metadata.root is None or metadata.box is None:
        return Skip("the metadata cannot be read, or the extent of the layer is not known")
    edges = ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")
    said = [numbers(metadata.root, f"./identificationInfo//{edge}") for edge in edges]
    if not all(said):
        return Skip("the box of the metadata is not whole")
    west, south = min(said[0]), min(said[1])
    east, north = max(said[2]), max(said[3])
    box = metadata.box
    # A hundredth of a degree is how exactly such boxes are written.
    if west - 0.01 <= box[0] and south - 0.01 <= box[1] and box[2] <= east + 0.01 and box[3] <= north + 0.01:
        return None
    return Finding(
        f"the box is {west:g} to {east:g} east and {south:g} to {north:g} north, the layer reaches "
        f"{box[0]:.2f} to {box[2]:.2f} and {box[1]:.2f} to {box[3]:.2f}",
        "write the box of this layer",
    )


@rule("metadata.identifier", "warning", "The metadata are those of this layer and not of another.", SAMPLE)
def _identifier(metadata: Metadata) -> Finding | Skip | None:
    if metadata.root is None:
        return Skip(_TOLD_ELSEWHERE)
    said = texts(metadata.root, "./fileIdentifier")
    stems = [re.sub(r"(?i)\.(tif|shp|gpkg|xml)$", "", text) for text in said]
    foreign = [
        stem
        for stem in stems
        if stem.lower() != metadata.stem.lower()
        and (parse_name(stem) or re.match(r"(?i)(clms_|[a-z]{2,8}_\d{4}_)", stem))
    ]
    if not foreign:
        return None
    return Finding(f"the file identifier is that of {foreign[0]}", "write the identifier of this layer")


METADATA_RULES: tuple[Rule[Metadata], ...] = (
    _present, _present_beside, _place, _readable, _schema, _elements, _linkage, _contact, _crs, _extent, _identifier,
)  # fmt: skip
