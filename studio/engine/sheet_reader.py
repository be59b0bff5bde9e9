"""A model's sheet of layer shapes from its config.json alone.

The model is built on torch's meta device: every shape is there and no weight takes memory. Knows
nothing of the weights on disk; a quantised model is described as if it were not.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from studio.core.sheets import Layer, LayerKind, Sheet, Tensor
from studio.engine.configuration import CONFIG, bad_config, context_of, model_class, read_config
from studio.engine.silence import silence
from studio.store.sheets import Sheets


def read_sheet(folder: Path) -> Sheet:
    """The sheet of the model that ``folder/config.json`` describes; no other file is read.

    Raises UserMistake where :func:`read_config` does.
    """
    silence()
    config = read_config(folder)
    try:
        with torch.device("meta"):
            return sheet_of(model_class(config)(config))
    except Exception as error:  # Values that pass one by one and do not fit together.
        raise bad_config(error) from error


def cached_sheet(folder: Path, cache_folder: Path) -> Sheet:
    """:func:`read_sheet`, kept in ``cache_folder`` by the configuration's content."""
    kept = Sheets(cache_folder)
    sheet = kept.get(folder / CONFIG)
    if sheet is None:
        sheet = read_sheet(folder)
        kept.keep(folder / CONFIG, sheet)
    return sheet


def sheet_of(model: PreTrainedModel) -> Sheet:
    """The sheet of a model that is already built, on any device."""
    config = model.config
    head = model.get_output_embeddings()
    blocks, count = _decoder(model)
    layers = tuple(_layers(model, blocks, head))
    tied = any(tensor.tied_to for layer in layers if layer.is_head for tensor in layer.tensors)
    return Sheet(
        architecture=type(model).__name__,
        blocks=count,
        hidden=config.hidden_size,
        context=context_of(config),
        vocabulary=config.vocab_size,
        tied=tied,
        layers=layers,
    )


def _decoder(model: PreTrainedModel) -> tuple[str, int]:
    """Name prefix and length of the list of decoder blocks: the list that holds the most."""
    lists = {n: m for n, m in model.named_modules() if isinstance(m, nn.ModuleList)}
    name = max(lists, key=lambda n: sum(p.numel() for p in lists[n].parameters()))
    return f"{name}.", len(lists[name])


def _layers(model: PreTrainedModel, blocks: str, head: nn.Module | None) -> Iterator[Layer]:
    seen: dict[int, str] = {}
    for name, module in model.named_modules():
        tensors = tuple(
            Tensor(full := f"{name}.{own}" if name else own, tuple(p.shape), _first(seen, p, full))
            for own, p in module.named_parameters(recurse=False)
        )
        if not tensors:
            continue
        inputs, outputs = _features(module)
        yield Layer(
            name=name,
            kind=_kind(module),
            tensors=tensors,
            inputs=inputs,
            outputs=outputs,
            block=_block(name, blocks),
            is_head=module is head,
        )


def _first(seen: dict[int, str], parameter: nn.Parameter, name: str) -> str | None:
    """The name under which ``parameter`` came up before, if it did."""
    first = seen.setdefault(id(parameter), name)
    return None if first == name else first


def _features(module: nn.Module) -> tuple[int, int]:
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):
        inputs, outputs = module.weight.shape
        return inputs, outputs
    return 0, 0


def _kind(module: nn.Module) -> LayerKind:
    own = list(module.parameters(recurse=False))
    family = type(module).__name__.lower()
    if "router" in family:  # a linear layer by its class, but what it gives is no product
        return LayerKind.OTHER
    for kind, types in _TYPES.items():
        if isinstance(module, types):
            return kind
    if "norm" in family and all(p.ndim <= 1 for p in own):
        return LayerKind.NORM
    if "expert" in family and any(p.ndim == 3 for p in own):
        return LayerKind.EXPERTS
    return LayerKind.OTHER


_TYPES: dict[LayerKind, type[nn.Module]] = {
    LayerKind.LINEAR: nn.Linear,
    LayerKind.CONV1D: Conv1D,
    LayerKind.EMBEDDING: nn.Embedding,
}


def _block(name: str, blocks: str) -> int | None:
    if not name.startswith(blocks):
        return None
    return int(name.removeprefix(blocks).partition(".")[0])
