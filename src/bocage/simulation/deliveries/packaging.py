"""How the files of a delivery arrive: as a folder, in an archive, or in the wrapping of the contributing missions."""

from __future__ import annotations

import io
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bocage.files import write_bytes
from bocage.simulation.deliveries.product import Files

Packaging = Literal["folder", "tar", "zip", "contributing"]

# Archives keep a time per file; a fixed one makes the same seed write the same bytes.
_WRITTEN = datetime(2021, 12, 1, tzinfo=UTC)


def write_package(folder: Path, name: str, files: Files, packaging: Packaging, report: Files) -> Path:
    """Write a delivery below ``folder`` and return the folder or archive that holds it.

    Parameters
    ----------
    files
        The maker's files.
    packaging
        ``folder``: ``NAME/...``; ``tar`` and ``zip``: ``NAME.tar`` or ``NAME.zip`` with ``NAME/...`` inside;
        ``contributing``: ``NAME/`` with the report and ``NAME.DIMA.tar``.
    report
        The report of the contributing missions, which is written only with that packaging.
    """
    if packaging == "folder":
        for relative, content in files.items():
            write_bytes(folder / name / relative, content)
        return folder / name
    if packaging == "contributing":
        for relative, content in report.items():
            write_bytes(folder / name / relative, content)
        write_bytes(folder / name / f"{name}.DIMA.tar", _tar(name, files))
        return folder / name
    path = folder / f"{name}.{packaging}"
    write_bytes(path, _tar(name, files) if packaging == "tar" else _zip(name, files))
    return path


def _tar(name: str, files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for relative in sorted(files):
            member = tarfile.TarInfo(f"{name}/{relative}")
            member.size, member.mtime = len(files[relative]), int(_WRITTEN.timestamp())
            archive.addfile(member, io.BytesIO(files[relative]))
    return buffer.getvalue()


def _zip(name: str, files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for relative in sorted(files):
            member = zipfile.ZipInfo(f"{name}/{relative}", _WRITTEN.timetuple()[:6])
            # Rasters are compressed already, and a stored member can be read in windows.
            member.compress_type = zipfile.ZIP_STORED
            archive.writestr(member, files[relative])
    return buffer.getvalue()
