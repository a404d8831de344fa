"""What is hidden, and that nothing but the hidden and valid counts."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bocage.training.masking import draw_hidden, hidden_error, mean_colour

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.sampled_from([4, 8, 16]), st.integers(2, 6), st.floats(0.1, 0.9), st.sampled_from([0.0, 1.0]))
def test_a_fixed_share_of_whole_patches_is_hidden(seed: int, patch: int, side: int, share: float, apart: float) -> None:
    hidden = draw_hidden(side * patch, patch, share, apart, np.random.default_rng(seed))
    patches = hidden.reshape(4, side, patch, side, patch)
    whole = patches.all(axis=(2, 4))
    assert (whole == patches.any(axis=(2, 4))).all()
    assert (whole.sum(axis=(1, 2)) == round(share * side * side)).all()
    assert apart or (hidden == hidden[0]).all()


def test_bands_have_holes_of_their_own_where_they_are_apart() -> None:
    hidden = draw_hidden(64, 8, 0.5, 1.0, np.random.default_rng(0))
    assert (hidden[0] != hidden[3]).any()


@given(SEEDS, st.floats(-1e6, 1e6) | st.sampled_from([float("nan"), float("inf")]))
def test_shown_and_invalid_pixels_change_neither_loss_nor_gradient(seed: int, anything: float) -> None:
    rng = np.random.default_rng(seed)
    image, predicted = (torch.from_numpy(rng.normal(size=(2, 4, 6, 6)).astype(np.float32)) for _ in range(2))
    hidden = torch.from_numpy(rng.random((2, 4, 6, 6)) < 0.5)
    valid = torch.from_numpy(rng.random((2, 6, 6)) < 0.7)
    counts = hidden & valid.unsqueeze(1)
    other = torch.where(counts, predicted, anything).requires_grad_()
    plain = predicted.clone().requires_grad_()
    # What lies under an invalid pixel of the image must not matter either.
    strange = torch.where(counts, image, anything)
    one, two = hidden_error(plain, image, hidden, valid), hidden_error(other, strange, hidden, valid)
    assert one.item() == two.item()
    torch.autograd.backward([one, two])
    assert plain.grad is not None
    assert other.grad is not None
    assert torch.equal(plain.grad, other.grad)
    assert bool((plain.grad[~counts] == 0).all())
    assert bool((plain.grad[counts] != 0).all())


def test_the_error_is_the_mean_over_what_counts() -> None:
    image, predicted = torch.zeros(1, 4, 1, 3), torch.tensor([1.0, 3.0, 9.0]).expand(1, 4, 1, 3)
    hidden, valid = torch.tensor([True, True, False]).expand(1, 4, 1, 3), torch.tensor([[[True, True, True]]])
    assert hidden_error(predicted, image, hidden, valid).item() == pytest.approx(2.0)


def test_a_batch_without_anything_to_tell_costs_nothing() -> None:
    predicted = torch.full((1, 4, 2, 2), float("nan"), requires_grad=True)
    loss = hidden_error(predicted, predicted, torch.ones(1, 4, 2, 2).bool(), torch.zeros(1, 2, 2).bool())
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert predicted.grad is not None
    assert not predicted.grad.any()


def test_the_mean_colour_is_of_what_is_shown() -> None:
    image = torch.tensor([2.0, 4.0, 100.0]).expand(1, 4, 1, 3)
    shown = torch.tensor([True, True, False]).expand(1, 4, 1, 3).clone()
    shown[:, 3] = False
    mean = mean_colour(image, shown)
    assert bool((mean[:, :3] == 3).all())
    assert not mean[:, 3].any()
