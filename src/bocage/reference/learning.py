"""Learning the latent-class model of a project once, over blocks of all its tiles, and keeping it beside the labels.

The model is small and has the digest of what it was learned from. Labels depend on its numbers, so that they are built
anew when it changes, and a pixel has the same value whichever window or tile asks for it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from bocage.files import digest_json, write_json
from bocage.grid import Tile, Window
from bocage.reference.latent import FEWEST_LAYERS, LatentModel, learn
from bocage.reference.layer import Layer
from bocage.reference.rules import VOTING
from bocage.reference.symbols import Alphabet, Patterns, alphabet_of, count_patterns, symbols_of
from bocage.reference.votes import halo
from bocage.settings import ReferenceSettings

MODEL_FILE = "latent.json"
# In lattice pixels. Some hundred blocks hold tens of millions of pixels: more change no rate in its third digit.
BLOCK = 256
MOST_BLOCKS = 400
_log = logging.getLogger("bocage")


def voters(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers that vote, in an order that does not depend on that of the settings."""
    return tuple(
        sorted((layer for layer in layers if layer.kind in VOTING), key=lambda one: one.settings.model_dump_json())
    )


def symbols_on(layer: Layer, window: Window, given: ReferenceSettings) -> NDArray[np.uint8]:
    """Return the symbols of a layer on a lattice window; see :func:`bocage.reference.symbols.symbols_of`."""
    wide = window.pad(halo(layer))
    found = symbols_of(layer.read(layer.grid, wide), layer.settings, given, layer.gsd / layer.grid.resolution)
    return found[window.slices(wide)]


def model_of(folder: Path, layers: Sequence[Layer], given: ReferenceSettings, tiles: Sequence[Tile]) -> LatentModel:
    """Return the model of a project: as it was kept in ``folder``, or learned anew where anything has changed.

    Raises
    ------
    LayerError
        If fewer than three layers are witnesses, they nowhere speak together, or one cannot be read.
    """
    voting = voters(layers)
    alphabets = [alphabet_of(layer.settings, given) for layer in voting]
    inputs = _digest(voting, alphabets, given, tiles)
    path = folder / MODEL_FILE
    known = _read(path, inputs)
    if known is not None:
        return known
    patterns = observe(voting, given, tiles)
    model = learn(
        patterns,
        alphabets,
        [_title(layer) for layer in voting],
        anchor=given.anchor,
        certainty=given.certainty,
        least_decided=given.least_decided,
    )
    write_json(path, asdict(_Kept(inputs, len(patterns.counts), model)))
    return model


def observe(layers: Sequence[Layer], given: ReferenceSettings, tiles: Sequence[Tile]) -> Patterns:
    """Count the joint answers of the layers over a sample of blocks of all tiles.

    Blocks are taken in an order by the digest of their place, which is the same on every machine and mixes all tiles,
    until there are enough on which three layers have a file.
    """

    def symbols(block: Window) -> list[NDArray[np.uint8]]:
        return [symbols_on(layer, block, given) for layer in layers]

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return count_patterns(pool.map(symbols, _sample(layers, tiles)), len(layers))


def model_digest(model: LatentModel) -> str:
    """Return the digest of all that decides a label."""
    return digest_json(
        (
            model.prior,
            model.certain,
            [(profile.layer, profile.names, profile.evidence, profile.witness) for profile in model.profiles],
        )
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What stands in the file: the digest of what the model was learned from, how many patterns that was, the model."""

    inputs: str
    patterns: int
    model: LatentModel


_KEPT = TypeAdapter(_Kept)


def _read(path: Path, inputs: str) -> LatentModel | None:
    """Return the model that was kept, or None where there is none, it is damaged or was learned from other inputs."""
    if not path.is_file():
        return None
    try:
        kept = _KEPT.validate_json(path.read_bytes())
    except ValidationError:
        _log.warning("%s is damaged and is learned again", path)
        return None
    return kept.model if kept.inputs == inputs else None


def _sample(layers: Sequence[Layer], tiles: Sequence[Tile]) -> Iterator[Window]:
    blocks = sorted((block for tile in tiles for block in tile.window.blocks(BLOCK)), key=_rank)
    taken = 0
    for block in blocks:
        if sum(bool(layer.files_in(block)) for layer in layers) >= FEWEST_LAYERS:
            yield block
            taken += 1
            if taken == MOST_BLOCKS:
                return


def _rank(block: Window) -> tuple[bytes, int, int]:
    place = hashlib.blake2b(f"{block.column} {block.row}".encode(), digest_size=8).digest()
    return place, block.row, block.column


def _title(layer: Layer) -> str:
    year = "" if layer.settings.year is None else f" {layer.settings.year}"
    return f"{layer.kind}{year}"


def _digest(
    layers: Sequence[Layer], alphabets: Sequence[Alphabet], given: ReferenceSettings, tiles: Sequence[Tile]
) -> str:
    area = tiles[0].window
    for tile in tiles[1:]:
        area = area.union(tile.window)
    return digest_json(
        {
            "layers": [
                (
                    layer.settings.model_dump_json(exclude={"paths", "licence", "attribution"}),
                    layer.gsd,
                    [file.stamp for file in layer.files_in(area)],
                )
                for layer in layers
            ],
            "alphabets": [asdict(alphabet) for alphabet in alphabets],
            "given": given.model_dump(
                include={"anchor", "certainty", "least_decided", "tree_height", "ground_height", "dense_cover"}
            ),
            "tiles": sorted(tile.id for tile in tiles),
            "sample": (BLOCK, MOST_BLOCKS),
        }
    )
