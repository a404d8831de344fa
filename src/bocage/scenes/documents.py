"""Reading the XML of metadata: hostile documents are refused, and every error names the file and the element.

Entities, external references and document type definitions of their own making are what attacks are built of; no
dialect of satellite metadata needs them.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bocage.errors import MetadataError

_MEND = "deliver the product's own metadata file again"


def parse_xml(name: str, content: bytes) -> Element:
    """Return the root of an XML document, without its namespaces.

    Raises
    ------
    MetadataError
        If it is not well formed, declares entities or refers to other files.
    """
    try:
        root: Element = fromstring(content, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise MetadataError(f"{name} declares XML entities or external references, which are refused", _MEND) from error
    except (ParseError, ValueError, LookupError) as error:
        raise MetadataError(f"{name} is not well-formed XML: {error}", _MEND) from error
    for element in root.iter():
        if element.tag.startswith("{"):
            element.tag = element.tag.partition("}")[2]
    return root


def text_of(root: Element, path: str, name: str) -> str:
    """Return the text of the element at ``path`` (ElementTree's syntax).

    Raises
    ------
    MetadataError
        If the element is missing or empty.
    """
    text = optional_text(root, path)
    if text is None:
        raise MetadataError(f"{name} has no {path.removeprefix('.//')}", _MEND)
    return text


def optional_text(root: Element, path: str) -> str | None:
    """Return the text of the first element at ``path``, or None where it is missing or empty."""
    found = root.find(path)
    text = (found.text or "").strip() if found is not None else ""
    return text or None


def number(text: str, what: str, name: str, *, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a finite number within limits (both allowed).

    Raises
    ------
    MetadataError
        If the text is not such a number; ``what`` and ``name`` say which value of which file.
    """
    # Python also reads 1_000 and the digits of other scripts, which no maker writes.
    if not re.fullmatch(r"(?i)[-+0-9.e]+|[-+]?(nan|inf)", text.strip()):
        raise MetadataError(f"{name}: {what} {text!r} is not a number", _MEND)
    try:
        value = float(text)
    except ValueError as error:
        raise MetadataError(f"{name}: {what} {text!r} is not a number", _MEND) from error
    if not (math.isfinite(value) and low <= value <= high):
        raise MetadataError(f"{name}: {what} {text} cannot be true (expected {low:g} to {high:g})", _MEND)
    return value


def time(text: str, what: str, name: str) -> datetime:
    """Return an ISO 8601 time as UTC; one without a zone is taken as UTC.

    Raises
    ------
    MetadataError
        If the text is not a time, or before 1999 (the first commercial satellite of such resolution) or after 2100.
    """
    # Some makers write more digits of a second than Python reads.
    plain = re.sub(r"(\.\d{6})\d+", r"\1", text.strip())
    try:
        value = datetime.fromisoformat(plain)
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MetadataError(f"{name}: {what} {text!r} is not a time", _MEND) from error
    if not 1999 <= value.year <= 2100:
        raise MetadataError(f"{name}: {what} {text} cannot be true", _MEND)
    return value


def safe_name(text: str) -> str:
    """Return an identifier that is safe as the name of a file: letters, digits, dot, hyphen and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text.strip()).strip("._-")[:120]


def relative_name(href: str, name: str) -> str:
    """Return the path of a file that metadata name, relative to their own folder.

    Raises
    ------
    MetadataError
        If it is absolute, a URL, or leaves the folder.
    """
    plain = href.strip().replace("\\", "/").removeprefix("./")
    if not plain or plain.startswith("/") or ":" in plain or ".." in plain.split("/") or not plain.isprintable():
        raise MetadataError(f"{name} names the file {href!r}, which lies outside its folder", _MEND)
    return plain
