"""A model with what was learned beside its layers merged into its own weights, for a while.

So that others can load it as an ordinary model. Where its architecture has no place for that, it
is refused.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from studio.core.errors import Refusal
from studio.engine.answering import Pair
from studio.engine.lanes import TUNED
from studio.engine.quantised import in_full
from studio.engine.sites.added_bias import BiasedLinear
from studio.engine.sites.low_rank import LowRankLinear
from studio.methods.sites import Prompt


@contextmanager
def merged(pair: Pair) -> Iterator[PreTrainedModel]:
    """The tuned model with nothing beside its layers; afterwards both lanes are as they were.

    Raises Refusal for a prompt, which is no part of any weight, and for added biases in an
    architecture that cannot have them.
    """
    model = pair.installed.model
    if any(isinstance(site, Prompt) for site in pair.installed.sites):
        raise Refusal("export.no_merged_prompt")
    deltas = [m for m in model.modules() if isinstance(m, LowRankLinear)]
    biased = [m for m in model.modules() if isinstance(m, BiasedLinear)]
    with ExitStack() as undoing:
        undoing.enter_context(pair.installed.out(pair.changed.get(TUNED, {})))
        undoing.enter_context(in_full(model))
        if biased:
            undoing.callback(setattr, model, "config", model.config)
            model.config = _config_with(model, biased)
        for delta in deltas:
            _merge(delta, model.get_submodule(delta.site.module).weight, undoing)
        for bias in biased:
            undoing.callback(setattr, bias.base, "bias", None)
            bias.base.bias = nn.Parameter(bias.bias.data, requires_grad=False)
        yield model


def _merge(layer: LowRankLinear, weight: Tensor | nn.Module, undoing: ExitStack) -> None:
    assert isinstance(weight, nn.Parameter)
    undoing.callback(setattr, weight, "data", weight.data)
    weight.data = (weight.data.float() + _delta(layer)).to(weight.dtype)


def _delta(layer: LowRankLinear) -> Tensor:
    """What the layer's delta adds to its weight, in fp32."""
    with torch.no_grad():
        delta = layer.site.scale * (layer.lora_b.float() @ layer.lora_a.float())
    return delta.T if layer.site.transposed else delta


def _config_with(model: PreTrainedModel, biased: list[BiasedLinear]) -> PreTrainedConfig:
    """The configuration of ``model`` in which exactly the layers of ``biased`` have a bias too.

    Architectures have flags for biases (``attention_bias``, ``mlp_bias``, …); what they do is seen
    on a model without weights.
    """
    config = deepcopy(model.config)
    flags = [name for name, on in vars(config).items() if name.endswith("bias") and on is False]
    for flag in flags:
        setattr(config, flag, True)
    with torch.device("meta"):
        able = type(model)(config)
    wanted = {f"{layer.site.module}.bias" for layer in biased}
    before = {name for name, _ in model.named_parameters()}
    if before | wanted != {name for name, _ in able.named_parameters()}:
        first = biased[0].site.module
        raise Refusal("export.no_merged_biases", count=len(biased), layer=first)
    return config
