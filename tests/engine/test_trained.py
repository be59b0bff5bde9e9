"""Masters and moments against torch's own AdamW on separate fp32 tensors."""

import copy

import pytest
import torch
from torch import Tensor, nn

from studio.engine.trained import BETAS, EPSILON, Trained

SHAPES = {"a": (7, 5), "b": (3,), "c": (64, 33), "d": (1,), "e": (2, 3, 17)}
"""Sizes that no vector register divides."""


def parameters(dtype: torch.dtype = torch.float32) -> dict[str, nn.Parameter]:
    torch.manual_seed(0)
    return {name: nn.Parameter(torch.randn(shape).to(dtype)) for name, shape in SHAPES.items()}


def gradients(step: int) -> dict[str, Tensor]:
    torch.manual_seed(step)
    return {name: torch.randn(shape) * 10.0**-step for name, shape in SHAPES.items()}


def give(trained: Trained, values: dict[str, Tensor]) -> None:
    """Let autograd put these gradients on the parameters, as a backward pass does."""
    for name, parameter in trained.parameters.items():
        (parameter * values[name].to(parameter.dtype)).sum().backward()
    trained.gather()


def rate(step: int) -> float:
    return 1e-2 / (1 + step)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_twenty_updates_are_bitwise_those_of_torch_on_separate_tensors(dtype: torch.dtype) -> None:
    trained = Trained(parameters(dtype))
    alone = {name: nn.Parameter(p.data.float()) for name, p in parameters(dtype).items()}
    torchs = torch.optim.AdamW(
        alone.values(), lr=0.0, betas=BETAS, eps=EPSILON, weight_decay=0.0, fused=True
    )
    for step in range(20):
        trained.clear()
        give(trained, gradients(step % 5))
        trained.update(rate(step))
        for name, value in gradients(step % 5).items():
            alone[name].grad = value.to(dtype).float()
        torchs.param_groups[0]["lr"] = rate(step)
        torchs.step()
        for name, value in trained.values().items():
            assert torch.equal(value, alone[name].data), (step, name)
            assert torch.equal(trained.parameters[name].data, value.to(dtype))
    assert trained.step == 20


def test_small_updates_that_bf16_would_lose_are_kept() -> None:
    trained = Trained({"w": nn.Parameter(torch.ones(8, dtype=torch.bfloat16))})
    for _ in range(40):
        trained.clear()
        trained.parameters["w"].sum().backward()
        trained.gather()
        trained.update(1e-4)
    assert torch.all(trained.values()["w"] < 0.9961)
    assert torch.all(trained.parameters["w"] < 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_of_micro_batches_add_up_in_fp32(dtype: torch.dtype) -> None:
    trained = Trained(parameters(dtype))
    for step in range(1, 6):
        give(trained, gradients(step % 3))
    for name, found in trained.gradients().items():
        parts = [gradients(step % 3)[name].to(dtype).double() for step in range(1, 6)]
        torch.testing.assert_close(found.double(), sum(parts), rtol=1e-6, atol=1e-7)
    trained.clear()
    assert trained.norm() == 0
    give(trained, gradients(1))
    assert torch.equal(trained.gradients()["c"], gradients(1)["c"].to(dtype).float())


def test_the_norm_and_the_clip_are_torchs() -> None:
    trained, reference = Trained(parameters()), list(parameters().values())
    give(trained, gradients(0))
    for parameter, value in zip(reference, gradients(0).values(), strict=True):
        parameter.grad = value
    norm = float(nn.utils.clip_grad_norm_(reference, 0.5))
    assert trained.norm() == pytest.approx(norm, rel=1e-6)
    trained.update(0.0, shrink=min(1.0, 0.5 / (norm + 1e-6)))
    for found, parameter in zip(trained.gradients().values(), reference, strict=True):
        torch.testing.assert_close(found, parameter.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_restored_goes_on_bitwise_as_if_never_stopped(dtype: torch.dtype) -> None:
    def run(trained: Trained, first: int, last: int) -> None:
        for step in range(first, last):
            trained.clear()
            give(trained, gradients(step % 4))
            trained.update(rate(step))

    whole = Trained(parameters(dtype))
    run(whole, 0, 5)
    saved = copy.deepcopy((whole.step, whole.values(), whole.moments()))
    run(whole, 5, 12)
    other = Trained({name: nn.Parameter(0 * p.data) for name, p in parameters(dtype).items()})
    other.restore(saved[0], *saved[1:])
    assert other.step == 5
    run(other, 5, 12)
    assert torch.equal(other.master, whole.master)
    for name, value in whole.moments().items():
        assert torch.equal(other.moments()[name], value)
    for name, parameter in whole.parameters.items():
        assert torch.equal(other.parameters[name].data, parameter.data)


def test_one_value_that_is_no_number_is_seen() -> None:
    trained = Trained(parameters())
    assert trained.finite()
    trained.values()["c"][3, 3] = torch.inf
    assert not trained.finite()


def test_an_fp32_parameter_takes_no_memory_beside_its_master() -> None:
    trained = Trained(parameters())
    for name, parameter in trained.parameters.items():
        assert parameter.grad is not None
        assert parameter.data_ptr() == trained.values()[name].data_ptr()
        assert parameter.grad.data_ptr() == trained.gradients()[name].data_ptr()
