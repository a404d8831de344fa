"""The map of one tile while it is made: chips are blended, scenes are fused, rows are finished as soon as they can be.

Chips come from north to south. Rows above the chips that come now get nothing more from their scene, so they are fused
while the model works on; at the end of the tile, when the model has nothing to do, only the last rows are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.mapping.blending import Blend, chip_weights
from bocage.mapping.fusion import Fusion
from bocage.mapping.inspection import Inspection, Inspector
from bocage.mapping.lattice import Lattice
from bocage.outcome import Refusal


@dataclass(slots=True)
class _Layer:
    """One scene: its blended chips, how many rows of it are fused, and how many chips it had."""

    scene: str
    blend: Blend
    valid: NDArray[np.bool_]
    last: bool
    fused: int = 0
    chips: int = 0

    def rows(self, first: int, stop: int) -> tuple[Window, NDArray[np.float32], NDArray[np.bool_]]:
        window, part = self.blend.window, slice(first, stop)
        rows = Window(window.column, window.row + first, window.width, stop - first)
        return rows, self.blend.probability[part], self.valid[part]


@dataclass(slots=True)
class Composite:
    """What the scenes of a tile say together. One scene is begun, added to and ended or taken back, then the next.

    Attributes
    ----------
    window
        The tile.
    used
        The scenes that had a chip, in their order.
    refused
        The scenes that were taken back or never begun.
    chips
        The chips of all scenes that were not taken back.
    """

    window: Window
    lattice: Lattice
    used: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    chips: int = 0
    _weights: NDArray[np.float32] = field(init=False)
    _fusion: Fusion = field(init=False)
    _inspector: Inspector = field(init=False)
    _layer: _Layer | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._weights = chip_weights(self.lattice)
        self._fusion = Fusion(self.window)
        self._inspector = Inspector(self.window)

    def begin(self, scene: str, window: Window, valid: NDArray[np.bool_], *, last: bool = False) -> None:
        """Begin a scene.

        Parameters
        ----------
        window
            The part of the tile that it touches.
        valid
            (rows, columns) of ``window``, True where the scene saw the ground. It may be filled in later, for each row
            before the last chip above that row is added, and for all before the scene ends.
        last
            Whether no scene comes after it, so that what is fused is finished at once.
        """
        self._layer = _Layer(scene, Blend(window, self._weights), valid, last)

    def add(self, chips: Sequence[Window], probability: NDArray[np.float32]) -> None:
        """Add chips of the scene, from north to south, with (chips, rows, columns) of what the model says of them."""
        layer = self._begun
        for chip, values in zip(chips, probability, strict=True):
            self._fuse(layer, chip.row - layer.blend.window.row)
            layer.blend.add(chip, values)
        layer.chips += len(chips)

    def end(self) -> None:
        """End the scene: all its chips were added."""
        layer = self._begun
        self._fuse(layer, layer.blend.window.height)
        self._inspector.add(layer.scene, *layer.rows(0, layer.fused))
        self.chips += layer.chips
        if layer.chips:
            self.used.append(layer.scene)
        self._layer = None

    def refuse(self, refusal: Refusal) -> None:
        """Note that a scene could not be read; if it was begun, all that it said is taken back to the last bit."""
        layer, self._layer = self._layer, None
        if layer is not None and layer.fused:
            self._fusion.remove(*layer.rows(0, layer.fused))
        self.refused.append(refusal)

    def finish(self, bytes_read: int | None = None) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Inspection]:
        """Return probability and observations, as a ``TileResult`` holds them, and what was counted."""
        probability, observations = self._fusion.probability, self._fusion.observations
        return probability, observations, self._inspector.finish(probability, observations, bytes_read)

    @property
    def _begun(self) -> _Layer:
        assert self._layer is not None, "no scene was begun"
        return self._layer

    def _fuse(self, layer: _Layer, stop: int) -> None:
        """Fuse the rows of a scene above ``stop``, which are complete."""
        if stop <= layer.fused:
            return
        window, probability, valid = layer.rows(layer.fused, stop)
        self._fusion.add(window, probability, valid)
        layer.fused = stop
        if layer.last:
            self._fusion.settle(window.bottom - self.window.row)
