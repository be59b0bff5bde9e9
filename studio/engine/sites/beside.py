"""What stands in for a layer of the model: the layer itself, and something learned beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

Spell = Callable[[str], Sequence[int]]
"""A text as the model's word pieces."""


@dataclass(slots=True)
class Lanes:
    """Of how many ``rows`` the first ``base`` belong to the base lane: no delta reaches them.

    One object is shared by all sites of a model.
    """

    rows: int = 1
    base: int = 0

    def base_part(self, length: int) -> int:
        """How much of an input's first dimension is the base lane's; some models flatten theirs."""
        assert length % self.rows == 0, "a layer that sees only some of the tokens has no lanes"
        return length // self.rows * self.base


class Beside(nn.Module):
    """Stands in for ``base``, which stays as it is, and adds to what it gives.

    Inputs and outputs have rows, or rows times tokens, as their first dimension.
    """

    def __init__(self, base: nn.Module, lanes: Lanes) -> None:
        super().__init__()
        self.base = base
        self.lanes = lanes

    def learned(self) -> dict[str, nn.Parameter]:
        """What is trained, by the names under which checkpoints and results keep it."""
        raise NotImplementedError

    def start(self, seed: int, spell: Spell | None) -> None:
        """Take the first values, for which nothing but the arguments is asked."""
        raise NotImplementedError

    def added_to(self, output: Tensor, x: Tensor) -> Tensor:
        """``output``, which ``base`` gives for ``x``, with what is learned."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, with what is learned where the lane is tuned."""
        output = cast(Tensor, self.base(x))
        if not self.lanes.base:
            return self.added_to(output, x)
        first = self.lanes.base_part(len(x))
        if first == len(x):
            return output
        return torch.cat((output[:first], self.added_to(output[first:], x[first:])))
