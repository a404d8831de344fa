"""Reading the chips of one scene for one window, in batches, every pixel of the scene once.

Chips overlap, so reading each on its own would decode most pixels twice. Here a row of chips is cut from a strip as
wide as the window; the next strip keeps the rows that both share and reads only the new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.mapping.lattice import Lattice

if TYPE_CHECKING:
    from bocage.mapping.meter import Windowed

CHANNELS = 4
_PIECE = 1024
"""Columns that one of several threads reads at a time: at their edges two threads decode the same blocks of a file."""


@dataclass(frozen=True, slots=True)
class ChipBatch:
    """Chips of one scene, ready for the model.

    Attributes
    ----------
    images
        (chips, 4, chip, chip), uint8, red, green, blue, near infrared, 1..255 where valid and 0 elsewhere.
    valid
        (chips, chip, chip), True where the scene saw the ground.
    chips
        The lattice windows of the chips.
    """

    images: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    chips: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """A row of chips: what the scene shows in ``window``, nothing outside the scene."""

    window: Window
    image: NDArray[np.uint8]
    valid: NDArray[np.bool_]


def read_strips(reader: Windowed, window: Window, lattice: Lattice, readers: Executor | None = None) -> Iterator[Strip]:
    """Yield one strip per row of chips that touches ``window``, from north to south.

    Each strip is wide enough for all chips of its row. Pixels of the scene are read once.

    Parameters
    ----------
    readers
        Threads that share the columns of a strip among them; None reads in this thread.
    """
    columns = lattice.columns(window)
    left, right = columns[0], columns[-1] + lattice.chip
    before: Strip | None = None
    for row in lattice.rows(window):
        strip = Strip(
            Window(left, row, right - left, lattice.chip),
            np.zeros((CHANNELS, lattice.chip, right - left), dtype=np.uint8),
            np.zeros((lattice.chip, right - left), dtype=np.bool_),
        )
        kept = 0
        if before is not None:
            kept = lattice.chip - lattice.stride
            strip.image[:, :kept] = before.image[:, lattice.stride :]
            strip.valid[:kept] = before.valid[lattice.stride :]
        _fill(strip, Window(left, row + kept, right - left, lattice.chip - kept), reader, readers)
        before = strip
        yield strip


def _fill(strip: Strip, rows: Window, reader: Windowed, readers: Executor | None) -> None:
    wanted = rows.intersection(reader.window)
    if wanted is None:
        return
    pieces = [wanted] if readers is None else _pieces(wanted)
    patches = map(reader.read, pieces) if readers is None else readers.map(reader.read, pieces)
    for piece, patch in zip(pieces, patches, strict=True):
        part = piece.slices(strip.window)
        strip.image[:, *part] = patch.image
        strip.valid[part] = patch.valid


def _pieces(window: Window) -> list[Window]:
    starts = range(window.column, window.right, _PIECE)
    return [Window(start, window.row, min(start + _PIECE, window.right) - start, window.height) for start in starts]


def batches(
    strips: Iterator[Strip], window: Window, lattice: Lattice, batch_size: int, seen: NDArray[np.bool_]
) -> Iterator[ChipBatch]:
    """Yield the chips that hold a valid pixel of ``window``, in batches that run across rows of chips.

    Parameters
    ----------
    seen
        (rows, columns) of ``window``, filled as the strips pass: True where the scene saw the ground.
    """
    cut: list[tuple[Window, Strip, slice]] = []
    for strip in strips:
        inside = strip.window.intersection(window)
        assert inside is not None
        valid = strip.valid[inside.slices(strip.window)]
        seen[inside.slices(window)] = valid
        occupied = valid.any(axis=0)
        for column in lattice.columns(window):
            first, last = max(column, inside.column), min(column + lattice.chip, inside.right)
            if not occupied[first - inside.column : last - inside.column].any():
                continue
            start = column - strip.window.column
            chip = Window(column, strip.window.row, lattice.chip, lattice.chip)
            cut.append((chip, strip, slice(start, start + lattice.chip)))
            if len(cut) == batch_size:
                yield _stack(cut)
                cut = []
    if cut:
        yield _stack(cut)


def _stack(cut: list[tuple[Window, Strip, slice]]) -> ChipBatch:
    return ChipBatch(
        np.stack([strip.image[:, :, part] for _, strip, part in cut]),
        np.stack([strip.valid[:, part] for _, strip, part in cut]),
        tuple(chip for chip, _, _ in cut),
    )
