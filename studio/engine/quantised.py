"""Frozen linear layers in four bits: asked of transformers, kept exact, and given back in full.

bitsandbytes does the arithmetic. It is imported where it is needed alone, since not every
platform has it; methods that want it have looked before.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from studio.methods.quantisation import Quantisation


def request(quantisation: Quantisation, dtype: torch.dtype) -> BitsAndBytesConfig:
    """What makes transformers quantise layer by layer as it reads; computing is in ``dtype``."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantisation.kind,
        bnb_4bit_use_double_quant=quantisation.double,
        bnb_4bit_compute_dtype=dtype,
    )


def settle(model: PreTrainedModel) -> None:
    """Make ``model``, just loaded, answer as it learns, and let go of the file that it is from.

    On CPUs with bf16 a layer that is asked without gradients would repack itself for a product in
    bf16 that has no gradient ever after. Tensors that were not quantised are still parts of the
    file, which would stay in memory whole.
    """
    packed = dict(quantised_layers(model))
    for layer in packed.values():
        layer.support_avx512bf16_for_cpu = False  # type: ignore[assignment] # a plain attribute
    weights = {id(layer.weight) for layer in packed.values()}
    for tensor in model.parameters():
        if id(tensor) not in weights:
            tensor.data = tensor.data.clone()


def quantised_layers(model: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """The layers that are held in four bits, by name."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and hasattr(module.weight, "quant_state"):
            yield name, module


def weight_in_full(layer: nn.Linear) -> Tensor:
    """The values that the layer computes with: (outputs, inputs), in the dtype it came in."""
    from bitsandbytes.functional import dequantize_4bit  # not on every platform

    packed: Any = layer.weight
    with torch.no_grad():
        return dequantize_4bit(packed.data, packed.quant_state)


@contextmanager
def in_full(model: PreTrainedModel) -> Iterator[None]:
    """Ordinary layers in the place of the quantised ones, with the values those compute with.

    All of them at once, so that it is as large as any model of its dtype. Afterwards it is as it
    was.
    """
    packed = dict(quantised_layers(model))
    if not packed:
        yield
        return
    with ExitStack() as undoing:
        for name, layer in packed.items():
            parent, _, leaf = name.rpartition(".")
            owner = model.get_submodule(parent)
            undoing.callback(setattr, owner, leaf, layer)
            setattr(owner, leaf, _ordinary(layer))
        undoing.callback(setattr, model, "config", model.config)
        undoing.callback(setattr, model, "hf_quantizer", model.hf_quantizer)
        model.config = deepcopy(model.config)
        del model.config.quantization_config, model.hf_quantizer
        yield


def _ordinary(layer: nn.Linear) -> nn.Module:
    """A layer of the kind that the architecture has there, with the same values."""
    weight = weight_in_full(layer)
    made: nn.Module
    with torch.device("meta"):
        if getattr(layer, "source_cls", None) is Conv1D:
            made, weight = Conv1D(layer.out_features, layer.in_features), weight.T.contiguous()
        else:
            made = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
    made.weight = nn.Parameter(weight, requires_grad=False)
    made.bias = layer.bias
    return made
