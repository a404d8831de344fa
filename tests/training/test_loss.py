"""The loss ignores 255 exactly."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from bocage.training.loss import masked_loss, weight_sum


def _weights(seed: int) -> torch.Tensor:
    return torch.rand(2, 9, 7, generator=torch.Generator().manual_seed(seed + 1))


def _case(seed: int, ignored: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logit = torch.randn(2, 9, 7, generator=generator) * 3
    label = torch.randint(0, 2, (2, 9, 7), generator=generator, dtype=torch.uint8)
    label[torch.rand(2, 9, 7, generator=generator) < ignored] = 255
    return logit, label


def _loss_and_gradient(
    logit: torch.Tensor, label: torch.Tensor, weight: torch.Tensor | None = None, *, dice: bool = True
) -> tuple[float, torch.Tensor]:
    leaf = logit.clone().requires_grad_()
    loss = masked_loss(leaf, label, weight, dice=dice)
    (gradient,) = torch.autograd.grad(loss, leaf)
    return loss.item(), gradient


@given(
    seed=st.integers(0, 10_000),
    ignored=st.floats(0.05, 1),
    value=st.sampled_from([50.0, -1e9, float("inf"), float("nan")]),
    weighted=st.booleans(),
    dice=st.booleans(),
)
@settings(max_examples=40)
def test_what_lies_under_ignored_pixels_changes_nothing(
    seed: int, ignored: float, value: float, weighted: bool, dice: bool
) -> None:
    logit, label = _case(seed, ignored)
    weight = _weights(seed) if weighted else None
    other, other_weight = logit.clone(), weight
    other[label == 255] = value
    if weight is not None:
        other_weight = weight.clone()
        other_weight[label == 255] = value
    first, gradient = _loss_and_gradient(logit, label, weight, dice=dice)
    second, other_gradient = _loss_and_gradient(other, label, other_weight, dice=dice)
    assert first == second
    assert torch.equal(gradient, other_gradient)
    assert not gradient[label == 255].any()


@given(seed=st.integers(0, 10_000), dice=st.booleans())
@settings(max_examples=20)
def test_a_weight_of_nothing_is_to_ignore_and_one_everywhere_is_none(seed: int, dice: bool) -> None:
    logit, label = _case(seed, 0.2)
    weight = (_weights(seed) < 0.5).float()
    ignored = torch.where(weight == 0, 255, label).to(torch.uint8)
    for one, two in (
        (_loss_and_gradient(logit, label, weight, dice=dice), _loss_and_gradient(logit, ignored, dice=dice)),
        (
            _loss_and_gradient(logit, label, torch.ones_like(logit), dice=dice),
            _loss_and_gradient(logit, label, dice=dice),
        ),
    ):
        assert abs(one[0] - two[0]) < 1e-6
        torch.testing.assert_close(one[1], two[1])


@given(seed=st.integers(0, 10_000), ignored=st.floats(0, 0.9))
@settings(max_examples=20)
def test_cross_entropy_is_a_weighted_mean(seed: int, ignored: float) -> None:
    logit, label = _case(seed, ignored)
    weight = _weights(seed)
    decided = label != 255
    error = functional.binary_cross_entropy_with_logits(logit, (label == 1).float(), reduction="none")
    expected = (error * weight)[decided].sum() / weight[decided].sum() if decided.any() else torch.tensor(0.0)
    torch.testing.assert_close(masked_loss(logit, label, weight, dice=False), expected)
    # The loss of a batch is that of its parts by their weights: what a batch learnt in parts relies on.
    sums = [weight_sum(label[i : i + 1], weight[i : i + 1]) for i in range(2)]
    parts = [masked_loss(logit[i : i + 1], label[i : i + 1], weight[i : i + 1], dice=False) for i in range(2)]
    whole = sum(sums) or 1.0
    torch.testing.assert_close(parts[0] * sums[0] / whole + parts[1] * sums[1] / whole, expected)


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
