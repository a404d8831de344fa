"""Writing XML metadata: elements from nested calls, and the bytes of a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, indent, tostring

type Content = Element | Mapping[str, str] | str | float | Iterable[Element] | None


def node(tag: str, *content: Content) -> Element:
    """Return an element; its content is elements, one text or number, and attributes as a mapping."""
    element = Element(tag)
    for item in content:
        if item is None:
            continue
        if isinstance(item, Element):
            element.append(item)
        elif isinstance(item, Mapping):
            element.attrib.update(item)
        elif isinstance(item, str | int | float):
            element.text = str(item)
        else:
            element.extend(item)
    return element


def degrees(tag: str, value: float, unit: str = "deg") -> Element:
    """Return an element with an angle."""
    return node(tag, {"unit": unit}, round(value, 6))


def document(root: Element, *, encoding: str = "UTF-8", space: str = "  ") -> bytes:
    """Return the bytes of an indented document with its declaration."""
    indent(root, space=space)
    declaration = f'<?xml version="1.0" encoding="{encoding}" standalone="yes"?>\n'
    return (declaration + tostring(root, encoding="unicode") + "\n").encode(encoding)
