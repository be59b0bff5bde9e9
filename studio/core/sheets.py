"""A model sheet: the shapes of every layer, known before any weight is read.

Counts, costs and forms are worked out on sheets alone. A sheet is made once per configuration by
the engine (on the meta device) and cached by the configuration's hash.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class LayerKind(StrEnum):
    """What a module does with its weight. Conv1D is GPT-2's linear with a transposed weight."""

    LINEAR = "linear"
    CONV1D = "conv1d"
    EMBEDDING = "embedding"
    NORM = "norm"
    EXPERTS = "experts"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A parameter by its full name; ``tied_to`` names the parameter that it shares memory with."""

    name: str
    shape: tuple[int, ...]
    tied_to: str | None = None

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Layer:
    """A module that holds parameters itself.

    ``block`` is the index of the decoder block it stands in, None outside of all blocks.
    ``inputs`` and ``outputs`` are features of a linear or Conv1D, zero elsewhere.
    """

    name: str
    kind: LayerKind
    tensors: tuple[Tensor, ...]
    inputs: int = 0
    outputs: int = 0
    block: int | None = None
    is_head: bool = False

    @property
    def is_linear(self) -> bool:
        """Whether a low-rank delta can stand beside it."""
        return self.kind in (LayerKind.LINEAR, LayerKind.CONV1D)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The shapes of one architecture with one configuration.

    ``hidden`` is the width of the residual stream, ``context`` the longest input in word pieces.
    """

    architecture: str
    blocks: int
    hidden: int
    context: int
    vocabulary: int
    tied: bool
    layers: tuple[Layer, ...]

    @property
    def total(self) -> int:
        """Logical parameters: tied ones once."""
        return sum(t.size for t in self.tensors() if t.tied_to is None)

    def tensors(self) -> Iterator[Tensor]:
        """Every parameter, layer by layer."""
        for layer in self.layers:
            yield from layer.tensors

    def linears(self) -> tuple[Layer, ...]:
        """All linear layers but the output head, in the model's order."""
        return tuple(layer for layer in self.layers if layer.is_linear and not layer.is_head)

    def as_json(self) -> dict[str, Any]:
        """The sheet as JSON; :meth:`from_json` is the inverse."""
        return {
            "architecture": self.architecture,
            "blocks": self.blocks,
            "hidden": self.hidden,
            "context": self.context,
            "vocabulary": self.vocabulary,
            "tied": self.tied,
            "layers": [_layer_json(layer) for layer in self.layers],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The sheet that :meth:`as_json` wrote."""
        layers = tuple(_layer(item) for item in data["layers"])
        names = ("architecture", "blocks", "hidden", "context", "vocabulary", "tied")
        return cls(**{name: data[name] for name in names}, layers=layers)


def _layer_json(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind.value,
        "tensors": [[t.name, list(t.shape), t.tied_to] for t in layer.tensors],
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "block": layer.block,
        "is_head": layer.is_head,
    }


def _layer(data: Mapping[str, Any]) -> Layer:
    tensors = tuple(Tensor(name, tuple(shape), tied) for name, shape, tied in data["tensors"])
    rest = {name: data[name] for name in ("name", "inputs", "outputs", "block", "is_head")}
    return Layer(kind=LayerKind(data["kind"]), tensors=tensors, **rest)
