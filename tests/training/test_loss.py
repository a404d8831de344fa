"""The loss ignores 255 exactly."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from bocage.training.loss import masked_loss


def _case(seed: int, ignored: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logit = torch.randn(2, 9, 7, generator=generator) * 3
    label = torch.randint(0, 2, (2, 9, 7), generator=generator, dtype=torch.uint8)
    label[torch.rand(2, 9, 7, generator=generator) < ignored] = 255
    return logit, label


def _loss_and_gradient(logit: torch.Tensor, label: torch.Tensor) -> tuple[float, torch.Tensor]:
    leaf = logit.clone().requires_grad_()
    loss = masked_loss(leaf, label)
    (gradient,) = torch.autograd.grad(loss, leaf)
    return loss.item(), gradient


@given(seed=st.integers(0, 10_000), ignored=st.floats(0.05, 0.9), value=st.sampled_from([50.0, -1e9, float("inf")]))
@settings(max_examples=40, deadline=None)
def test_what_lies_under_ignored_pixels_changes_nothing(seed: int, ignored: float, value: float) -> None:
    logit, label = _case(seed, ignored)
    other = logit.clone()
    other[label == 255] = value
    first, gradient = _loss_and_gradient(logit, label)
    second, other_gradient = _loss_and_gradient(other, label)
    assert first == second
    assert torch.equal(gradient, other_gradient)
    assert not gradient[label == 255].any()


@given(seed=st.integers(0, 10_000), ignored=st.floats(0.0, 0.9))
@settings(max_examples=20, deadline=None)
def test_it_is_the_loss_of_the_decided_pixels_alone(seed: int, ignored: float) -> None:
    logit, label = _case(seed, ignored)
    decided = label != 255
    if not decided.any():
        return
    expected = masked_loss(logit[decided].reshape(1, 1, -1), label[decided].reshape(1, 1, -1))
    torch.testing.assert_close(masked_loss(logit, label), expected)


def test_it_is_cross_entropy_plus_what_dice_lacks() -> None:
    logit = torch.tensor([[[2.0, -1.0, 0.5]]])
    label = torch.tensor([[[1, 0, 1]]], dtype=torch.uint8)
    p = torch.sigmoid(logit)[0, 0]
    dice = (2 * (p[0] + p[2]) + 1) / (p.sum() + 2 + 1)
    entropy = functional.binary_cross_entropy(p, torch.tensor([1.0, 0.0, 1.0]))
    torch.testing.assert_close(masked_loss(logit, label), entropy + 1 - dice)


def test_a_perfect_answer_costs_nothing_and_a_wrong_one_much() -> None:
    label = torch.tensor([[[1, 0, 255]]], dtype=torch.uint8)
    assert masked_loss(torch.tensor([[[40.0, -40.0, 0.0]]]), label).item() < 1e-6
    assert masked_loss(torch.tensor([[[-40.0, 40.0, 0.0]]]), label).item() > 10


def test_without_a_decided_pixel_there_is_no_gradient() -> None:
    loss, gradient = _loss_and_gradient(torch.ones(1, 4, 4), torch.full((1, 4, 4), 255, dtype=torch.uint8))
    assert loss == 0
    assert not gradient.any()


def test_a_batch_without_trees_still_teaches() -> None:
    _, gradient = _loss_and_gradient(torch.zeros(1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.uint8))
    assert (gradient > 0).all()
