"""Whether a TIFF ends before it should.

GDAL opens a file whose end is missing and goes on with what is left: without its system of coordinates, or with blocks
of zeros. The directory at its beginning says how long the file has to be.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# Bytes of a value by the type of its tag (TIFF 6.0, section 2; 13 and 16 to 18: BigTIFF).
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_LETTERS = {3: "H", 4: "I", 16: "Q"}
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_BLOCK_TAGS = frozenset((_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES))
# Directories of a file: one per overview and mask. More are a loop.
_MOST_DIRECTORIES = 64


def missing_bytes(path: Path) -> int:
    """Return how many bytes at the end of a TIFF are missing; 0 for a whole one and for what is no TIFF.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            return max(0, max(_ends(file, size), default=0) - size)
        except (struct.error, OverflowError, MemoryError):
            # The directory itself is cut or is none: opening the file says so.
            return 0


def _ends(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the byte behind everything that the directories speak of."""
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = 0 if order is None else struct.unpack_from(f"{order}H", head, 2)[0]
    if version not in {42, 43}:
        return
    # Sizes in the files of 32 and of 64 bits: counts of entries, counts of values and offsets.
    form = _Form(order or "<", large=version == 43)
    start = form.offset(head, 8 if form.large else 4)
    for _ in range(_MOST_DIRECTORIES):
        if not start:
            return
        if start >= size:
            yield start + 1
            return
        file.seek(start)
        count = form.unpack(file, "Q" if form.large else "H")
        table = file.read(count * form.entry)
        following = form.unpack(file, "Q" if form.large else "I")
        yield from _directory_ends(file, size, form, table, count)
        start = following


@dataclass(frozen=True, slots=True)
class _Form:
    """How a file writes its numbers."""

    order: str
    large: bool

    @property
    def entry(self) -> int:
        """Bytes of an entry of a directory."""
        return 20 if self.large else 12

    @property
    def room(self) -> int:
        """Bytes of an entry in which small values stand."""
        return 8 if self.large else 4

    def offset(self, content: bytes, at: int) -> int:
        """Read an offset or a count of values."""
        return int(struct.unpack_from(f"{self.order}{'Q' if self.large else 'I'}", content, at)[0])

    def unpack(self, file: BinaryIO, letter: str) -> int:
        """Read the next number of a file."""
        form = f"{self.order}{letter}"
        return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])


def _directory_ends(file: BinaryIO, size: int, form: _Form, table: bytes, count: int) -> Iterator[int]:
    """Yield the byte behind every value and every block of pixels of one directory."""
    blocks: dict[int, tuple[int, ...]] = {}
    for at in range(0, count * form.entry, form.entry):
        tag, kind = struct.unpack_from(f"{form.order}HH", table, at)
        number = form.offset(table, at + 4)
        length, place = number * _SIZES.get(kind, 0), at + form.entry - form.room
        content = table[place : place + length]
        if length > form.room:
            begin = form.offset(table, place)
            yield begin + length
            content = b""
            if tag in _BLOCK_TAGS and begin + length <= size:
                file.seek(begin)
                content = file.read(length)
        if tag in _BLOCK_TAGS and kind in _LETTERS and len(content) == length:
            blocks[tag] = struct.unpack(f"{form.order}{number}{_LETTERS[kind]}", content)
    for offsets, lengths in ((_STRIP_OFFSETS, _STRIP_BYTES), (_TILE_OFFSETS, _TILE_BYTES)):
        for begin, length in zip(blocks.get(offsets, ()), blocks.get(lengths, ()), strict=False):
            yield begin + length
