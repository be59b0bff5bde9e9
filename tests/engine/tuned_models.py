"""Tiny models tuned so strongly that nobody could overlook it, and how others load them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from studio.core.recipe import Base, Lessons, Recipe
from studio.engine.answering import Pair
from studio.engine.encoding import Encoder
from studio.engine.lanes import BASE, TUNED
from studio.engine.results import ADAPTER, CHANGED, write_result
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import Installed, install
from studio.methods import METHODS, read_values
from studio.methods.sites import Changed
from tests.engine import tiny_models

KNOBS: dict[str, dict[str, Any]] = {name: {} for name in METHODS if name != "qlora"} | {
    "lora": {"r": 4, "alpha": 6},
    "last_layers": {"layers": 1, "head": True},
    "prompt_tuning": {"tokens": 5},
}
"""Alpha over r is no whole number, so that a forgotten scale shows. QLoRA is LoRA on these
bases; on quantised ones it is tested in a file of its own."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A model with its sites; both lanes' values of the tensors that are changed."""

    made: Installed
    method: str
    knobs: dict[str, Any]
    changed: dict[str, dict[str, Tensor]]

    @property
    def values(self) -> dict[str, Tensor]:
        """The trained tensors in fp32."""
        own = self.made.parameters | self.changed[TUNED]
        return {name: value.detach().float() for name, value in own.items()}

    def pair(self) -> Pair:
        """Both lanes, ready to answer by the tiny tokenizer."""
        tokenizer = tiny_models.tokenizer()
        return Pair(self.made, Encoder(tokenizer), tokenizer, self.changed)

    def write(self, folder: Path) -> Path:
        """Publish the result in ``folder``."""
        base = Base("tiny", "/home/someone/models/tiny", "abc")
        recipe = Recipe("r", base, Lessons("d", "rows", "v1"), self.method, self.knobs)
        write_result(folder, recipe, self.made, values=self.values, step=7)
        return folder


def tune(
    model: PreTrainedModel,
    method: str,
    *,
    strength: float = 0.3,
    knobs: dict[str, Any] | None = None,
) -> Tuned:
    """Give ``model`` sites with random values that clearly change its answers."""
    chosen, knobs = METHODS[method], KNOBS[method] if knobs is None else knobs
    made = install(model, chosen.sites(sheet_of(model), read_values(chosen, knobs)), 0)
    stream = torch.Generator().manual_seed(4)
    changed: dict[str, dict[str, Tensor]] = {BASE: {}, TUNED: {}}
    tensors = {site.tensor for site in made.sites if isinstance(site, Changed)}
    for name, parameter in made.parameters.items():
        parameter.requires_grad_(False)
        noise = strength * torch.randn(parameter.shape, generator=stream)
        if name not in tensors:
            parameter.data.copy_(noise)
        else:
            changed[BASE][name] = parameter.data
            far = 3 * noise * parameter.data.abs().mean()
            changed[TUNED][name] = parameter.data + far.to(parameter.dtype)
            parameter.data = changed[TUNED][name]
    return Tuned(made, method, knobs, changed)


def as_others_load(base: PreTrainedModel, result: Path) -> PreTrainedModel:
    """``base`` with a written result, by PEFT or by PyTorch's own loading of tensors by name."""
    if (result / ADAPTER).exists():
        loaded: PreTrainedModel = PeftModel.from_pretrained(base, result)
        return loaded
    tensors = load_file(result / CHANGED)
    for name in tensors.keys() - base.state_dict().keys():
        layer = base.get_submodule(name.removesuffix(".bias"))
        assert isinstance(layer, nn.Linear)
        layer.bias = nn.Parameter(torch.zeros(layer.out_features))  # torch's own way to have one
    unknown = base.load_state_dict(tensors, strict=False).unexpected_keys
    assert not unknown
    base.tie_weights()
    return base
