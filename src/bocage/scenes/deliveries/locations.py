"""Where files lie, as Bocage writes it and as GDAL does."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bocage.errors import SceneError
from bocage.scenes.deliveries.archive import is_archive, open_archive
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.deliveries.store import Store, configure_gdal, split_url

# GDAL notes the size of a compressed file beside it, where nobody asked for a new file.
os.environ.setdefault("CPL_VSIL_GZIP_WRITE_PROPERTIES", "NO")

_MEMBER = re.compile(r"(.*?\.(zip|tar|tar\.gz|tgz))!/(.*)", re.IGNORECASE | re.DOTALL)


def split_member(href: str) -> tuple[str, str]:
    """Return the archive in which a file lies and its name there; the name is empty for a file in no archive.

    Either may be a pattern; only a file that is there under the whole name is in no archive.
    """
    found = _MEMBER.fullmatch(href)
    if found is None or (not href.startswith("s3://") and Path(href).is_file()):
        return href, ""
    return found.group(1), found.group(3)


def gdal_name(href: str) -> str:
    """Return the name under which GDAL opens a file.

    Parameters
    ----------
    href
        An absolute path, ``s3://bucket/key`` or ``/path/archive.zip!/member``.

    Raises
    ------
    SceneError
        If the name has unpaired braces in the path of an archive, which GDAL cannot read, or is not absolute.
    """
    archive, member = split_member(href)
    name = archive
    if archive.startswith("s3://"):
        configure_gdal()
        bucket, key = split_url(archive)
        name = f"/vsis3/{bucket}/{key}"
    elif not archive.startswith("/") or archive.startswith("/vsi"):
        raise SceneError(f"{href} is not an absolute path", "name a file of this machine or an s3:// URL")
    if not member:
        return name
    if not _paired(name):
        raise SceneError(f"{archive} has unpaired braces in its path", "rename the archive or its folder")
    kind = "vsizip" if archive.lower().endswith(".zip") else "vsitar"
    return f"/{kind}/{{{name}}}/{member}"


def open_files(source: str) -> DeliveryFiles:
    """Return the tree of files at a folder, an archive or the ``s3://`` URL of a prefix or an archive.

    Raises
    ------
    SceneError
        If it is not there or cannot be read.
    """
    if is_archive(source) and (source.startswith("s3://") or not Path(source).is_dir()):
        return open_archive(source)
    return Store(source) if source.startswith("s3://") else Folder(source)


def _paired(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0
