"""The loss at labelled positions against torch's cross-entropy in fp64."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from studio.engine.loss import CHUNK, labelled_loss

WIDTH, WORDS = 12, 50


def made(labels: int, *, bias: bool = True, words: int = WORDS) -> tuple[Tensor, nn.Linear, Tensor]:
    """Hidden states that want a gradient, a head, and targets."""
    torch.manual_seed(labels)
    head = nn.Linear(WIDTH, words, bias=bias)
    hidden = (3 * torch.randn(labels, WIDTH)).requires_grad_(True)
    return hidden, head, torch.randint(words, (labels,))


def exact(hidden: Tensor, head: nn.Linear, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Every position's loss, and the leaves of it, in fp64."""
    tensors = [hidden, *head.parameters()]
    leaves = [tensor.detach().double().requires_grad_(True) for tensor in tensors]
    logits = nn.functional.linear(*leaves)
    return cross_entropy(logits, targets, reduction="none"), leaves


def apart(found: Tensor | None, expected: Tensor | None) -> float:
    """Relative distance of two gradients."""
    assert found is not None
    assert expected is not None
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("labels", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 600])
@pytest.mark.parametrize("bias", [True, False])
def test_losses_and_gradients_are_those_of_cross_entropy(labels: int, bias: bool) -> None:
    hidden, head, targets = made(labels, bias=bias)
    loss, losses = labelled_loss(hidden, head, targets, 0.25)
    expected, leaves = exact(hidden, head, targets)
    torch.testing.assert_close(losses.double(), expected.detach(), rtol=1e-6, atol=1e-6)
    assert losses.dtype == torch.float32
    assert not losses.requires_grad
    assert float(loss.detach()) == pytest.approx(0.25 * float(expected.detach().sum()), rel=1e-6)
    (3 * loss).backward()
    (3 * 0.25 * expected.sum()).backward()
    for tensor, leaf in zip([hidden, *head.parameters()], leaves, strict=True):
        assert apart(tensor.grad, leaf.grad) < 1e-6


@pytest.mark.parametrize("wanted", list(product([True, False], repeat=3)))
def test_only_what_is_trained_gets_a_gradient(wanted: tuple[bool, bool, bool]) -> None:
    hidden, head, targets = made(7)
    tensors = [hidden, head.weight, head.bias]
    for tensor, want in zip(tensors, wanted, strict=True):
        tensor.requires_grad_(want)
    loss, _ = labelled_loss(hidden, head, targets, 1.0)
    assert loss.requires_grad == any(wanted)
    expected, leaves = exact(hidden, head, targets)
    expected.sum().backward()
    if any(wanted):
        loss.backward()
    for tensor, leaf, want in zip(tensors, leaves, wanted, strict=True):
        if want:
            torch.testing.assert_close(tensor.grad, leaf.grad, check_dtype=False)
        else:
            assert tensor.grad is None


def test_a_wide_vocabulary_costs_no_precision() -> None:
    """Over 49,152 word pieces torch's own fp32 softmax is 1e-5 off on some processors."""
    hidden, head, targets = made(20, bias=False, words=49_152)
    loss, losses = labelled_loss(hidden, head, targets, 1.0)
    expected, (leaf, _) = exact(hidden, head, targets)
    loss.backward()
    expected.sum().backward()
    torch.testing.assert_close(losses.double(), expected.detach(), rtol=1e-6, atol=1e-6)
    assert apart(hidden.grad, leaf.grad) < 2e-6


def test_in_bf16_only_logits_and_gradients_are_rounded() -> None:
    hidden, head, targets = made(300)
    half, head = hidden.detach().bfloat16().requires_grad_(True), head.bfloat16()
    loss, losses = labelled_loss(half, head, targets, 1.0)
    logits = head(half.detach()).float()
    torch.testing.assert_close(losses, cross_entropy(logits, targets, reduction="none"))
    loss.backward()
    expected, leaves = exact(half, head, targets)
    expected.sum().backward()
    for tensor, leaf in zip([half, head.weight, head.bias], leaves, strict=True):
        assert tensor.grad is not None
        assert tensor.grad.dtype == torch.bfloat16
        assert apart(tensor.grad, leaf.grad) < 5e-3


def test_logits_of_one_chunk_at_most_are_alive() -> None:
    hidden, head, targets = made(CHUNK * 2 + 3)
    heard: list[Any] = []
    head.register_forward_hook(lambda *told: heard.append(len(told[2])))
    labelled_loss(hidden, head, targets, 1.0)
    assert heard == [CHUNK, CHUNK, 3]


def test_a_value_that_is_no_number_shows_in_its_own_loss_alone() -> None:
    hidden, head, targets = made(4)
    broken = hidden.detach().clone()
    broken[2] = torch.nan
    _, losses = labelled_loss(broken, head, targets, 1.0)
    assert losses.isnan().tolist() == [False, False, True, False]
