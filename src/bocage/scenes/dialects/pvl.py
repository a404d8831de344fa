"""Groups of ``key = value`` lines (Parameter Value Language), the text form of DigitalGlobe's metadata.

Makers are loose with it: semicolons are missing, values run over lines within brackets. Keys lose their case, since the
XML form of the same metadata writes them in capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bocage.errors import MetadataError

_MEND = "deliver the product's own metadata file again"
_LINE = re.compile(r"([A-Za-z][\w.]*)\s*=\s*(.*)")
_QUOTED = re.compile(r'"[^"]*"')
DEPTH_LIMIT = 8
"""Groups within groups: real files have two levels."""


@dataclass(slots=True)
class Group:
    """A named group of values and of further groups, in the order of the file. All names are in capitals."""

    name: str
    values: dict[str, str] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    def group(self, name: str) -> Group | None:
        """Return the first group of this name, with or without a running number (``IMAGE``, ``IMAGE_1``)."""
        return next(iter(self.numbered(name)), None)

    def numbered(self, name: str) -> list[Group]:
        """Return all groups of this name, with or without a running number, in the order of the file."""
        return [group for key, group in self.groups.items() if re.fullmatch(rf"{name}(_\d+)?", key)]


def read_groups(name: str, content: bytes) -> Group:
    """Return the content of a text of groups as one nameless group.

    Raises
    ------
    MetadataError
        If groups do not close, the text has no end, a line is no ``key = value`` or a key or group stands twice.
    """
    top = Group("")
    opened = [top]
    ended = False
    for line, text in _lines(name, content):
        if ended:
            raise MetadataError(f"{name}: line {line} follows the end of the metadata", _MEND)
        found = _LINE.fullmatch(text)
        if text.upper() == "END":
            ended = True
        elif found is None:
            raise MetadataError(f"{name}: line {line} is not of the form key = value", _MEND)
        elif found[1].upper() in {"BEGIN_GROUP", "GROUP"}:
            opened.append(_open(name, opened, found[2]))
        elif found[1].upper() == "END_GROUP":
            _close(name, opened, found[2])
        else:
            _put(name, opened[-1], found[1], found[2])
    if len(opened) > 1 or not ended:
        raise MetadataError(f"{name} is truncated: it has no end", _MEND)
    return top


def _lines(name: str, content: bytes) -> Iterator[tuple[int, str]]:
    """Yield the statements with the lines in which they begin; a value in brackets is one statement."""
    held: list[str] = []
    start = depth = 0
    for line, raw in enumerate(content.decode("latin-1").splitlines(), 1):
        text = raw.strip()
        if not text:
            continue
        if not held:
            start = line
        held.append(text)
        # A bracket within a quoted text opens no list.
        plain = _QUOTED.sub("", text)
        depth += plain.count("(") - plain.count(")")
        if depth <= 0:
            yield start, " ".join(held).rstrip("; \t")
            held, depth = [], 0
    if held:
        raise MetadataError(f"{name}: the list in line {start} does not end", _MEND)


def _open(name: str, opened: list[Group], text: str) -> Group:
    if len(opened) > DEPTH_LIMIT:
        raise MetadataError(f"{name} nests more than {DEPTH_LIMIT} groups", _MEND)
    group = Group(text.strip().upper())
    if group.name in opened[-1].groups:
        raise MetadataError(f"{name} has the group {group.name} twice", _MEND)
    opened[-1].groups[group.name] = group
    return group


def _close(name: str, opened: list[Group], text: str) -> None:
    if len(opened) == 1 or opened[-1].name != text.strip().upper():
        raise MetadataError(f"{name} ends the group {text.strip()}, which is not the one that is open", _MEND)
    opened.pop()


def _put(name: str, group: Group, key: str, text: str) -> None:
    if key.upper() in group.values:
        raise MetadataError(f"{name} states {key} twice", _MEND)
    group.values[key.upper()] = text.strip().strip('"').strip()
