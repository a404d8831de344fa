"""Where a setting may say that an output lies."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated

from pydantic import AfterValidator

_TAKEN = (
    "scenes", "labels", "chips", "models", "backbones", "benchmark", "homogeneity", "features", "products", "accuracy",
    "report",
)  # fmt: skip


def _of_its_own(folder: str) -> str:
    if folder.startswith("s3://"):
        return folder
    if "://" in folder:
        raise ValueError("tiles are written to a folder or to s3://bucket/prefix; set one of the two")
    # Tiles of the map that no scene covers any more are removed, and labels are tiles of the same names.
    if PurePath(folder).name in {"", "..", *_TAKEN}:
        raise ValueError(f'the map needs a folder of its own, as "map" is, and none of {", ".join(_TAKEN)}')
    return folder


MapFolder = Annotated[str, AfterValidator(_of_its_own)]
"""A folder that holds nothing but the map, or the ``s3://`` URL of such a prefix."""
