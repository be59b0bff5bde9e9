"""A bias beside a linear layer that has none, in torch."""

from typing import cast

import torch
from torch import Tensor, nn

from studio.engine.sites.beside import Beside, Lanes, Spell
from studio.methods.sites import AddedBias


class BiasedLinear(Beside):
    """A linear layer with a bias of its own: ``base(x) + bias``, which starts at zero."""

    def __init__(
        self, base: nn.Module, site: AddedBias, lanes: Lanes, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(base, lanes)
        self.site = site
        device = cast(Tensor, base.weight).device
        self.bias = nn.Parameter(torch.zeros(site.outputs, dtype=dtype, device=device))

    def learned(self) -> dict[str, nn.Parameter]:
        """The bias, by the name that it has where an architecture has one."""
        return {f"{self.site.module}.bias": self.bias}

    def start(self, seed: int, spell: Spell | None) -> None:
        """It is at zero."""

    def added_to(self, output: Tensor, x: Tensor) -> Tensor:
        """``output`` with the bias."""
        return output + self.bias
