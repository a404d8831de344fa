import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage.grid import Window
from bocage.mapping.blending import Blend, chip_weights, edge_weights, raised_cosine
from bocage.mapping.lattice import Lattice

lattices = st.builds(Lattice.of, st.integers(4, 60), st.floats(0, 0.7))


@settings(deadline=None, max_examples=60)
@given(lattices)
def test_weights_are_positive_and_a_partition_of_unity(lattice: Lattice) -> None:
    edge = edge_weights(lattice)
    assert (edge > 0).all()
    total = np.zeros(5 * lattice.chip)
    for start in range(-lattice.chip, total.size, lattice.stride):
        for offset, weight in enumerate(edge):
            if 0 <= start + offset < total.size:
                total[start + offset] += weight
    np.testing.assert_allclose(total[: 4 * lattice.chip], 1)


@settings(deadline=None, max_examples=40)
@given(lattices, st.integers(0, 2**32 - 1))
def test_blend_is_the_weighted_mean_over_all_covering_chips(lattice: Lattice, seed: int) -> None:
    """Against the plain formula sum(w p) / sum(w) with the weights as they are before normalisation."""
    random = np.random.default_rng(seed)
    window = Window(-17, 23, 40, 31)
    weights = np.outer(raised_cosine(lattice.chip), raised_cosine(lattice.chip))
    blend = Blend(window, chip_weights(lattice))
    top, bottom = np.zeros(window.shape), np.zeros(window.shape)
    for chip in lattice.chips_for(window):
        values = random.random(chip.shape, dtype=np.float32)
        blend.add(chip, values)
        inside = chip.intersection(window)
        assert inside is not None
        top[inside.slices(window)] += (weights * values)[inside.slices(chip)]
        bottom[inside.slices(window)] += weights[inside.slices(chip)]
    np.testing.assert_allclose(blend.probability, top / bottom, atol=1e-5)
