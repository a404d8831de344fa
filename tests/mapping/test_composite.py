"""A tile whose rows are finished on the way is the tile that is fused at its end, whatever fails in between."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bocage.grid import Window
from bocage.mapping.blending import Blend, chip_weights
from bocage.mapping.composite import Composite
from bocage.mapping.fusion import Fusion
from bocage.mapping.lattice import Lattice
from bocage.outcome import Refusal

TILE = Window(-40, 30, 150, 120)
lattices = st.builds(Lattice.of, st.sampled_from([16, 32, 48]), st.sampled_from([0.0, 0.25, 0.5]))


def scene_of(random: np.random.Generator) -> tuple[Window, NDArray[np.bool_]]:
    columns, rows = np.sort(random.choice(TILE.width, 2, False)), np.sort(random.choice(TILE.height, 2, False))
    window = Window(*(TILE.column + int(columns[0]), TILE.row + int(rows[0]), int(np.ptp(columns)), int(np.ptp(rows))))
    return window, random.random(window.shape) < 0.8


@settings(deadline=None, max_examples=30)
@given(lattices, st.lists(st.booleans(), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_rows_finished_on_the_way_are_those_of_a_tile_fused_at_its_end(
    lattice: Lattice, readable: list[bool], seed: int
) -> None:
    """Law 3 with scenes that fail half way: nothing of them is left, to the last bit."""
    random = np.random.default_rng(seed)
    composite, plain = Composite(TILE, lattice), Fusion(TILE)
    chips = 0
    for number, whole in enumerate(readable):
        window, valid = scene_of(random)
        blend, filled = Blend(window, chip_weights(lattice)), np.zeros_like(valid)
        composite.begin(str(number), window, filled, last=number == len(readable) - 1)
        cut = lattice.chips_for(window)
        for chip in cut[: len(cut) if whole else int(random.integers(0, len(cut)))]:
            filled[: max(chip.bottom - window.row, 0)] = valid[: max(chip.bottom - window.row, 0)]
            values = random.random((1, *chip.shape), dtype=np.float32)
            composite.add([chip], values)
            blend.add(chip, values[0])
        if whole:
            composite.end()
            plain.add(window, blend.probability, valid)
            chips += len(cut)
        else:
            composite.refuse(Refusal(str(number), "it is cut off", "deliver it again"))
    probability, observations, inspection = composite.finish(7)
    np.testing.assert_array_equal(probability, plain.probability)
    np.testing.assert_array_equal(observations, plain.observations)
    assert composite.used == [str(number) for number, whole in enumerate(readable) if whole]
    assert [refusal.subject for refusal in composite.refused] == [
        str(number) for number, whole in enumerate(readable) if not whole
    ]
    assert composite.chips == chips
    assert sum(inspection.observations) == TILE.width * TILE.height
    assert inspection.bytes_read == 7


def test_a_scene_that_was_never_begun_is_only_named() -> None:
    composite = Composite(TILE, Lattice.of(16, 0))
    composite.refuse(Refusal("lost", "there is no such file", ""))
    probability, observations, _ = composite.finish()
    assert (probability == 255).all()
    assert not observations.any()
    assert composite.used == []
