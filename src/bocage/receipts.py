"""The receipt of a stage: what it read, what it left behind, how long it took and what it refused.

A receipt is a small JSON file in ``.bocage/``. It is the only memory of the chain: a stage is done when its receipt
says so, what it read has not changed since and what it made is still in place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bocage.errors import StorageError
from bocage.files import write_json
from bocage.outcome import Refusal
from bocage.storage import open_storage

Status = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one run of one stage left behind.

    Attributes
    ----------
    inputs
        Digest of all that the stage read: its settings, the receipts of earlier stages, files from outside.
    outputs
        File names, relative to the project folder, and URLs of objects, with their sizes in bytes.
    started
        Time of the start, ISO 8601 in UTC.
    made
        Digest of the content of the outputs, for stages whose inputs alone do not decide it; else empty.
    seen
        Digest of the files that the stage found behind what the settings name, as they were when it opened them; empty
        where it found none.
    seconds
        Wall time of the run.
    peak_memory_mb
        Largest resident memory of the process up to the end of the stage, in MiB.
    reason
        Why the stage failed, if it did.
    left
        What the next run tries again although nothing has changed that the stage reads.
    """

    stage: str
    status: Status
    inputs: str
    started: str
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    outputs: dict[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    made: str = ""
    seen: str = ""
    left: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the receipt into the folder of receipts."""
        write_json(folder / f"{self.stage}.json", asdict(self))

    @classmethod
    def read(cls, folder: Path, stage: str) -> Receipt | None:
        """Return the receipt of a stage, or None where it never ran.

        Raises
        ------
        StorageError
            If the file is there and is not a receipt.
        """
        path = folder / f"{stage}.json"
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            receipt = cls(**content)
            refused = tuple(Refusal(**refusal) for refusal in content["refused"])
            return replace(receipt, refused=refused, left=tuple(receipt.left))
        except (ValueError, TypeError, KeyError) as error:
            raise StorageError(f"{path} is not a receipt: {error}", "remove it; the stage will run again") from error

    @property
    def digest(self) -> str:
        """What a later stage depends on: what was made, or the inputs that decide it, and what was refused."""
        return f"{self.made or self.inputs}{self.seen}:{','.join(sorted(refusal.subject for refusal in self.refused))}"


def sizes(paths: Iterable[Path], root: Path) -> dict[str, int]:
    """Return the size of every file at or below ``paths``, by name relative to ``root``."""
    found: dict[str, int] = {}
    for path in paths:
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            if not any(part.startswith(".") for part in file.relative_to(path.parent).parts):
                name = file.relative_to(root) if file.is_relative_to(root) else file
                found[str(name)] = file.stat().st_size
    return found


def object_sizes(buckets: Iterable[str]) -> dict[str, int]:
    """Return the size of every object directly under some ``s3://`` URLs, by its own URL.

    Raises
    ------
    StorageError
        If a store cannot be listed.
    """
    return {f"{url}/{name}": stored.size for url in buckets for name, stored in open_storage(url).list().items()}
