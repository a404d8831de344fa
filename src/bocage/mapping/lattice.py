"""Where chips lie: one lattice per project, fixed to the origin of its coordinate reference system.

A chip never starts at the corner of a tile or a scene. So whichever tile asks for a pixel, the same chips cover it, the
model sees the same input, and no seam can appear between tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

from bocage.errors import GridError
from bocage.grid import Window


@dataclass(frozen=True, slots=True)
class Lattice:
    """Square chips of ``chip`` pixels whose upper left pixels lie at multiples of ``stride``.

    Attributes
    ----------
    chip
        Edge of a chip in pixels.
    stride
        Distance between neighbouring chips in pixels; at most ``chip``, so that no pixel lies between chips.
    """

    chip: int
    stride: int

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.chip:
            raise GridError(
                f"chips of {self.chip} pixels every {self.stride} pixels leave gaps",
                "use a stride between 1 and the chip's edge",
            )

    @classmethod
    def of(cls, chip: int, overlap: float, multiple: int = 1) -> Lattice:
        """Return the lattice of chips that share about ``overlap`` of their edge.

        The stride is ``chip x (1 - overlap)`` rounded to a multiple of ``multiple``: a network that halves its input
        several times then meets every pixel at the same phase in each chip.

        Raises
        ------
        GridError
            If ``chip`` is not a multiple of ``multiple`` or ``overlap`` is not in 0..1.
        """
        if multiple < 1 or chip < 1 or chip % multiple:
            raise GridError(
                f"mapping.chip {chip} is not a multiple of {multiple}, which the model needs",
                f"set mapping.chip to a multiple of {multiple}",
            )
        if not 0 <= overlap < 1:
            raise GridError(f"mapping.overlap {overlap} is not a share", "set mapping.overlap to 0 or more and below 1")
        stride = round(chip * (1 - overlap) / multiple) * multiple
        return cls(chip, min(max(stride, multiple), chip))

    def columns(self, window: Window) -> range:
        """Return the first columns of the chips that share a column with ``window``."""
        return self.starts(window.column, window.right)

    def rows(self, window: Window) -> range:
        """Return the first rows of the chips that share a row with ``window``."""
        return self.starts(window.row, window.bottom)

    def chips_for(self, window: Window) -> list[Window]:
        """Return every chip that shares a pixel with ``window``, from north to south and west to east."""
        return [
            Window(column, row, self.chip, self.chip) for row in self.rows(window) for column in self.columns(window)
        ]

    def count(self, window: Window) -> int:
        """Return the number of chips that share a pixel with ``window``."""
        return len(self.rows(window)) * len(self.columns(window))

    def starts(self, first: int, stop: int) -> range:
        """Return the first pixels of the chips that share a pixel with ``first`` up to ``stop`` along one axis."""
        lowest = (first - self.chip) // self.stride + 1
        highest = (stop - 1) // self.stride
        return range(lowest * self.stride, highest * self.stride + 1, self.stride)
