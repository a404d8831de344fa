"""Recognising files by their first bytes, and finding the files that lie beside them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from bocage.scenes.deliveries.files import DeliveryFiles

_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]*)")
_ASIDE = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)


def root_name(head: bytes) -> str:
    """Return the name of the root element of an XML document with its prefix (``isd``, ``re:EarthObservation``).

    Empty where the first bytes are not XML. Nothing is parsed, so that a damaged document is still recognised.
    """
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not plain.startswith(b"<"):
        return ""
    found = _ROOT.search(_ASIDE.sub(b"", plain))
    return found[1].decode("ascii", "replace") if found else ""


def suffix(name: str) -> str:
    """Return the suffix of a file name in lower case, with its dot."""
    return PurePosixPath(name).suffix.lower()


def stem(name: str) -> str:
    """Return the name of a file without folder and last suffix."""
    return PurePosixPath(name).stem


def beside(name: str, files: DeliveryFiles) -> dict[str, str]:
    """Return the files in the folder of ``name``, by their plain names."""
    folder = PurePosixPath(name).parent
    paths = (PurePosixPath(other) for other in files.names)
    return {path.name: str(path) for path in paths if path.parent == folder}


def companion(name: str, wanted: str, files: DeliveryFiles) -> str | None:
    """Return the file that differs from ``name`` in its suffix only, which is ``wanted`` in any case of letters."""
    target = f"{stem(name)}{wanted}".lower()
    return next((path for plain, path in beside(name, files).items() if plain.lower() == target), None)


def spelled(part: str, name: str, files: DeliveryFiles) -> str:
    """Return the path of a part as the file system spells it, where metadata differ from it in the case of letters.

    The path stays relative to the folder of ``name``; it is returned as it is where no file, or more than one, fits.
    """
    folder = PurePosixPath(name).parent
    whole = str(folder / part)
    if whole in files.names:
        return part
    matches = [other for other in files.names if other.lower() == whole.lower()]
    return str(PurePosixPath(matches[0]).relative_to(folder)) if len(matches) == 1 else part
