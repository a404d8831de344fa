"""The checksums of the chips: ``chips/SHA256SUMS``, which ``sha256sum --check`` reads.

A chip that is kept keeps its line, so that a change by anything but the stage shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bocage.files import digest_file, write_text

FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def take_checksums(folder: Path) -> dict[str, str]:
    """Return the checksums by file name relative to ``folder``, and remove the file.

    Until the stage ends well the file is not there: a run that was killed leaves no line that no longer fits.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    path.unlink()
    return {found[2]: found[1] for line in lines if (found := _LINE.fullmatch(line)) is not None}


def checksums_of(folder: Path, *paths: Path) -> dict[str, str]:
    """Return the SHA-256 of files by their name relative to ``folder``."""
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in paths}


def write_checksums(folder: Path, checksums: Mapping[str, str]) -> str:
    """Write the file, ordered by name, and return its own SHA-256: the digest of the chips as a whole."""
    path = folder / FILE
    write_text(path, "".join(f"{digest}  {name}\n" for name, digest in sorted(checksums.items())))
    return digest_file(path)
