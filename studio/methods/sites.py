"""Sites: what a method changes in a model, as data.

A method answers "where and how large"; the engine knows how each kind of site is built in torch,
trained, saved, and run beside the untouched model. Counts, files and lanes all read the same
sites, so they cannot disagree.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LowRank:
    """A delta ``scale * B @ A`` beside a linear layer: A is (r, inputs), B is (outputs, r).

    Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021. A starts random, B at
    zero, so that training starts from the untouched model. ``transposed`` says that the layer keeps
    its weight as (inputs, outputs), as GPT-2's Conv1D does.
    """

    module: str
    inputs: int
    outputs: int
    r: int
    scale: float
    dropout: float = 0.0
    transposed: bool = False

    @property
    def trainable(self) -> int:
        """Trainable values."""
        return self.r * (self.inputs + self.outputs)

    @property
    def added(self) -> int:
        """Values that the model did not have before."""
        return self.trainable


@dataclass(frozen=True, slots=True)
class Changed:
    """A tensor of the model that is trained itself, by its full name."""

    tensor: str
    size: int

    @property
    def trainable(self) -> int:
        """Trainable values."""
        return self.size

    @property
    def added(self) -> int:
        """Nothing new: the tensor was there before."""
        return 0


@dataclass(frozen=True, slots=True)
class AddedBias:
    """A bias of ``outputs`` values beside a linear layer that has none; it starts at zero."""

    module: str
    outputs: int

    @property
    def trainable(self) -> int:
        """Trainable values."""
        return self.outputs

    @property
    def added(self) -> int:
        """Values that the model did not have before."""
        return self.outputs


@dataclass(frozen=True, slots=True)
class Prompt:
    """Virtual word pieces before every input, each a vector of ``width`` values.

    ``module`` is the embedding, which has ``vocabulary`` word pieces of its own: the virtual ones
    have the ids that follow. They start from the vectors of ``text``, repeated or cut to length.
    """

    module: str
    tokens: int
    width: int
    vocabulary: int
    text: str

    @property
    def trainable(self) -> int:
        """Trainable values."""
        return self.tokens * self.width

    @property
    def added(self) -> int:
        """Values that the model did not have before."""
        return self.trainable

    @property
    def ids(self) -> tuple[int, ...]:
        """The virtual word pieces."""
        return tuple(range(self.vocabulary, self.vocabulary + self.tokens))


Site = LowRank | Changed | AddedBias | Prompt


def virtual_ids(sites: Iterable[Site]) -> tuple[int, ...]:
    """The ids that ``sites`` put before every input; most put none."""
    return tuple(id_ for site in sites if isinstance(site, Prompt) for id_ in site.ids)
