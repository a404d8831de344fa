"""The receipt of a delivery unit: the digest of what its layers were made from, and its files with theirs.

A unit (:mod:`bocage.products.units`) whose receipt agrees with today's inputs and whose files are as they were is not
written again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bocage.files import digest_file, write_json
from bocage.project import Project


def finish(project: Project, unit: str, files: list[Path], inputs: str, figures: dict[str, Any]) -> dict[str, Any]:
    """Write the receipt of files that are in place, and remove those of an earlier run under other names."""
    digests = {path.relative_to(project.products_folder).as_posix(): digest_file(path) for path in files}
    receipt = {"inputs": inputs, "files": digests, "figures": figures}
    _remove_older(project, unit, digests)
    write_json(_receipt_file(project, unit), receipt)
    return receipt


def finished(project: Project, unit: str, inputs: str) -> dict[str, Any] | None:
    """Return the receipt of a unit whose files are all in place and up to date, or None."""
    receipt = _read_receipt(project, unit)
    if receipt.get("inputs") != inputs:
        return None
    files = {project.products_folder / name: digest for name, digest in receipt["files"].items()}
    return receipt if all(path.is_file() and digest_file(path) == digest for path, digest in files.items()) else None


def _read_receipt(project: Project, unit: str) -> dict[str, Any]:
    try:
        receipt = json.loads(_receipt_file(project, unit).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def remove_stale(project: Project, current: Iterable[str]) -> None:
    """Remove the products of units that are no longer mapped or not of this release, with their receipts."""
    kept = set(current)
    for receipt in _receipt_file(project, "any").parent.glob("*.json"):
        if receipt.stem not in kept:
            _remove_older(project, receipt.stem, {})
            receipt.unlink()


def _remove_older(project: Project, unit: str, current: Mapping[str, str]) -> None:
    """Remove the files that an earlier run of ours wrote for this unit under other names."""
    for name in _read_receipt(project, unit).get("files", {}):
        if name not in current:
            (project.products_folder / name).unlink(missing_ok=True)


def _receipt_file(project: Project, unit: str) -> Path:
    return project.receipts_folder / "products" / f"{unit}.json"
