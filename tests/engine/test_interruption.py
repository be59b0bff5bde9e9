from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from studio.engine import interruption
from studio.engine.interruption import Interrupted, heeding
from studio.engine.loss import CHUNK, labelled_loss

LAYERS = 6


class Layer(nn.Module):
    """A layer that counts its passes in both directions."""

    def __init__(self, passed: list[str]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(4))
        self.passed = passed

    def forward(self, x: Tensor) -> Tensor:
        self.passed.append("forward")
        y = x @ self.weight
        if y.requires_grad:
            y.register_hook(lambda _: self.passed.append("backward"))
        return y


@pytest.fixture
def passed() -> list[str]:
    return []


@pytest.fixture
def model(passed: list[str], monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    monkeypatch.setattr(interruption, "RHYTHM", 0.0)
    return nn.Sequential(*(Layer(passed) for _ in range(LAYERS)))


def asked_once(passed: list[str], *, direction: str, count: int) -> Callable[[], None]:
    """Somebody who asks for a pause after so many layers in that direction."""

    def heed() -> None:
        if passed.count(direction) >= count:
            raise Interrupted("pause")

    return heed


def test_a_forward_ends_before_the_next_layer(model: nn.Module, passed: list[str]) -> None:
    heed = asked_once(passed, direction="forward", count=2)
    with heeding(model, heed), pytest.raises(Interrupted) as raised:
        model(torch.ones(1, 4))
    assert passed == ["forward"] * 2
    assert raised.value.status == "paused"


def test_a_backward_ends_before_the_next_layer(model: nn.Module, passed: list[str]) -> None:
    heed = asked_once(passed, direction="backward", count=2)
    with heeding(model, heed):
        loss = model(torch.ones(1, 4)).sum()
        with pytest.raises(Interrupted):
            loss.backward()
    assert 2 <= passed.count("backward") <= 3


def test_a_loss_ends_before_the_next_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "RHYTHM", 0.0)
    head = nn.Linear(4, 9)
    chunks: list[int] = []

    def heed() -> None:
        chunks.append(1)
        if len(chunks) > 2:
            raise Interrupted("stop")

    hidden = torch.ones(CHUNK * 5, 4, requires_grad=True)
    targets = torch.zeros(CHUNK * 5, dtype=torch.long)
    with heeding(head, heed), pytest.raises(Interrupted):
        labelled_loss(hidden, head, targets, 1.0)
    assert len(chunks) == 3


def test_it_changes_no_number_and_leaves_nothing_behind(
    model: nn.Module, passed: list[str]
) -> None:
    def gradients() -> list[Tensor | None]:
        model.zero_grad()
        model(torch.arange(4.0)[None]).square().sum().backward()
        return [parameter.grad for parameter in model.parameters()]

    alone = gradients()
    heard: list[int] = []
    with heeding(model, lambda: heard.append(1)):
        assert all(map(torch.equal, gradients(), alone))
    assert len(heard) == 2 * LAYERS
    gradients()
    assert len(heard) == 2 * LAYERS


def test_quick_layers_ask_only_now_and_then(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(interruption, "RHYTHM", 60.0)
    monkeypatch.setattr(interruption, "monotonic", lambda: now)
    heard: list[int] = []
    with heeding(model, lambda: heard.append(1)):
        model(torch.ones(1, 4)).sum().backward()
        assert heard == []
        now += 61
        model(torch.ones(1, 4)).sum().backward()
    assert heard == [1]
