"""A low-rank delta beside a linear layer, in torch."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from studio.engine.sites.beside import Beside, Lanes, Spell
from studio.engine.streams import stream_seed
from studio.methods.sites import LowRank


class LowRankLinear(Beside):
    """A linear layer with a low-rank delta beside it: ``base(x) + scale * (x A^T) B^T``.

    ``x`` is (rows, tokens, inputs) or (rows * tokens, inputs). A starts as in Kaiming uniform
    initialisation with a = √5 (as PEFT does), from a random stream of its own site; B at zero.
    """

    def __init__(
        self, base: nn.Module, site: LowRank, lanes: Lanes, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(base, lanes)
        self.site = site
        device = cast(Tensor, base.weight).device  # its dtype may be that of packed values
        a = torch.zeros(site.r, site.inputs, dtype=dtype, device=device)
        b = torch.zeros(site.outputs, site.r, dtype=dtype, device=device)
        self.lora_a, self.lora_b = nn.Parameter(a), nn.Parameter(b)

    def learned(self) -> dict[str, nn.Parameter]:
        """A and B, as PEFT names them."""
        name = self.site.module
        return {f"{name}.lora_A.weight": self.lora_a, f"{name}.lora_B.weight": self.lora_b}

    def start(self, seed: int, spell: Spell | None) -> None:
        """Fill A from the site's own random stream."""
        bound = 1 / math.sqrt(self.site.inputs)
        stream = torch.Generator().manual_seed(stream_seed(seed, self.site.module))
        values = torch.empty(self.lora_a.shape).uniform_(-bound, bound, generator=stream)
        self.lora_a.data.copy_(values)

    def added_to(self, output: Tensor, x: Tensor) -> Tensor:
        """``output`` with the scaled product."""
        if self.training and self.site.dropout:
            x = dropout(x, self.site.dropout)
        inner = linear(x, self.lora_a).flatten(0, -2)
        flat = output.flatten(0, -2)
        return torch.addmm(flat, inner, self.lora_b.T, alpha=self.site.scale).view_as(output)
