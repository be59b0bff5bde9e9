"""How each kind of site is built in torch: put beside a layer, trained, and told apart in lanes.

A method declares sites (:mod:`studio.methods.sites`); this module installs them on a loaded
model. Names of trained tensors are stable: they stand in checkpoints and results.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear
from transformers import PreTrainedModel

from studio.methods.sites import Changed, LowRank, Site


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


class LowRankLinear(nn.Module):
    """A linear layer with a low-rank delta beside it: ``base(x) + scale * (x A^T) B^T``.

    ``x`` is (rows, tokens, inputs) or (rows * tokens, inputs). A starts as in Kaiming uniform
    initialisation with a = √5 (as PEFT does), from a random stream of its own site; B at zero.
    """

    def __init__(self, base: nn.Module, site: LowRank, lanes: Lanes) -> None:
        super().__init__()
        weight = cast(Tensor, base.weight)
        self.base = base
        self.site = site
        self.lanes = lanes
        self.lora_a = nn.Parameter(weight.new_zeros(site.r, site.inputs))
        self.lora_b = nn.Parameter(weight.new_zeros(site.outputs, site.r))

    def start(self, seed: int) -> None:
        """Fill A from the site's own random stream."""
        bound = 1 / math.sqrt(self.site.inputs)
        stream = torch.Generator().manual_seed(stream_seed(seed, self.site.module))
        values = torch.empty(self.lora_a.shape).uniform_(-bound, bound, generator=stream)
        self.lora_a.data.copy_(values)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, the delta added where the lane is tuned."""
        output = cast(Tensor, self.base(x))
        if not self.lanes.base:
            return self._with_delta(x, output)
        first = self.lanes.base_part(len(x))
        if first == len(x):
            return output
        return torch.cat((output[:first], self._with_delta(x[first:], output[first:])))

    def _with_delta(self, x: Tensor, output: Tensor) -> Tensor:
        if self.training and self.site.dropout:
            x = dropout(x, self.site.dropout)
        inner = linear(x, self.lora_a).flatten(0, -2)
        flat = output.flatten(0, -2)
        return torch.addmm(flat, inner, self.lora_b.T, alpha=self.site.scale).view_as(output)


def stream_seed(seed: int, *names: object) -> int:
    """A seed for one purpose, far from the seeds of all others."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class Installed:
    """A model with its sites: the trained parameters by their stable names."""

    model: PreTrainedModel
    lanes: Lanes
    parameters: dict[str, nn.Parameter]
    sites: tuple[Site, ...]

    def train(self, training: bool) -> None:
        """Switch the sites' own dropout; the model's stays off."""
        for module in self.model.modules():
            if isinstance(module, LowRankLinear):
                module.training = training

    @contextmanager
    def out(self, base: Mapping[str, Tensor]) -> Iterator[None]:
        """The model without its sites; ``base`` are all changed tensors' own values."""
        assert set(base) == {site.tensor for site in self.sites if isinstance(site, Changed)}
        layers = {
            site.module: cast(LowRankLinear, self.model.get_submodule(site.module))
            for site in self.sites
            if isinstance(site, LowRank)
        }
        tuned = {name: self.parameters[name].data for name in base}
        for name, layer in layers.items():
            _put(self.model, name, layer.base)
        for name, value in base.items():
            self.parameters[name].data = value
        try:
            yield
        finally:
            for name, layer in layers.items():
                _put(self.model, name, layer)
            for name, value in tuned.items():
                self.parameters[name].data = value


def install(model: PreTrainedModel, sites: Sequence[Site], seed: int) -> Installed:
    """Put ``sites`` into ``model``, which is frozen everywhere else."""
    model.requires_grad_(False)
    lanes = Lanes()
    parameters: dict[str, nn.Parameter] = {}
    for site in sites:
        if isinstance(site, Changed):
            parameter = model.get_parameter(site.tensor)
            parameter.requires_grad_(True)
            parameters[site.tensor] = parameter
            continue
        layer = LowRankLinear(model.get_submodule(site.module), site, lanes)
        layer.start(seed)
        layer.train(False)
        _put(model, site.module, layer)
        parameters[f"{site.module}.lora_A.weight"] = layer.lora_a
        parameters[f"{site.module}.lora_B.weight"] = layer.lora_b
    return Installed(model, lanes, parameters, tuple(sites))


def _put(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)
