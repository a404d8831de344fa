"""The INSPIRE metadata of a layer, ISO 19139 (``metadata/<name>.xml``).

Every element that the technical guidance 2.0.1 on INSPIRE metadata asks of a data set is there: identifier, title,
abstract, language, contact, dates, theme keyword, limitations on access and use, resolution, topic, extent in space and
time, reference system, encoding, conformity and lineage. Conformity with the interoperability regulation is stated as
not evaluated, since nobody has evaluated it. A resource locator is written where ``products.url`` gives one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

CODE_LISTS = "http://standards.iso.org/iso/19139/resources/gmxCodelists.xml"
# No mail can be sent there (RFC 2606); a project that sets no address has this one, and is told.
NO_ADDRESS = "not-set@example.invalid"
RASTER_FORMATS = (("GeoTIFF", "1.1"),)
VECTOR_FORMATS = (("GeoPackage", "1.4"), ("GeoParquet", "1.1"))


@dataclass(frozen=True, slots=True)
class Record:
    """What the metadata of a layer say.

    Attributes
    ----------
    identifier
        The name of the layer, unique within the organisation.
    date
        Day of creation, YYYY-MM-DD.
    begin, end
        First and last day of what is shown, YYYY-MM-DD.
    box
        West, south, east, north in degrees.
    epsg
        Code of the coordinate reference system.
    pixel
        Edge of a pixel in metres, None for polygons, whose scale is 1:5000.
    formats
        Names and versions of the encodings.
    lineage
        What it was made from, and how.
    conditions
        Conditions that apply to access and use.
    url
        Where the layer can be had, or "".
    """

    identifier: str
    title: str
    abstract: str
    organisation: str
    email: str
    date: str
    begin: str
    end: str
    box: tuple[float, float, float, float]
    epsg: int
    pixel: float | None
    formats: tuple[tuple[str, str], ...]
    keywords: tuple[str, ...]
    lineage: str
    conditions: str
    url: str = ""


def metadata(record: Record) -> str:
    """Return the XML document; every text is escaped."""
    return _template().render(record=record, codelists=CODE_LISTS) + "\n"


@cache
def _template() -> Template:
    environment = Environment(loader=PackageLoader("bocage.products"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("inspire.xml")
