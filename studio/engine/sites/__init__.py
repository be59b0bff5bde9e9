"""How each kind of site is built in torch: put into a model, trained, told apart in lanes.

A method declares sites (:mod:`studio.methods.sites`); this module installs them on a loaded
model. Names of trained tensors are stable: they stand in checkpoints and results.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn
from transformers import PreTrainedModel

from studio.engine.sites.added_bias import BiasedLinear
from studio.engine.sites.beside import Beside, Lanes, Spell
from studio.engine.sites.low_rank import LowRankLinear
from studio.engine.sites.prompt import PromptedEmbedding
from studio.methods.sites import AddedBias, Changed, LowRank, Prompt, Site, virtual_ids

_BESIDE: dict[type[Any], Callable[..., Beside]] = {
    LowRank: LowRankLinear,
    AddedBias: BiasedLinear,
    Prompt: PromptedEmbedding,
}
"""What is built for each kind of site that stands beside a layer."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A model with its sites: the trained parameters by their stable names."""

    model: PreTrainedModel
    lanes: Lanes
    parameters: dict[str, nn.Parameter]
    sites: tuple[Site, ...]

    @property
    def virtual(self) -> tuple[int, ...]:
        """The ids that stand before every input of the tuned model."""
        return virtual_ids(self.sites)

    @property
    def shares_batches(self) -> bool:
        """Whether rows of one batch can be the base's and the tuned model's."""
        return not any(isinstance(site, Changed | Prompt) for site in self.sites)

    def train(self, training: bool) -> None:
        """Switch the sites' own dropout; the model's stays off."""
        for layer in self._layers().values():
            layer.training = training

    def remove(self, base: Mapping[str, Tensor]) -> None:
        """Take all sites out for good: the model is as it was before :func:`install`.

        ``base`` are all changed tensors' own values.
        """
        assert set(base) == {site.tensor for site in self.sites if isinstance(site, Changed)}
        for name, layer in self._layers().items():
            _put(self.model, name, layer.base)
        for name, value in base.items():
            self.parameters[name].data = value

    @contextmanager
    def out(self, base: Mapping[str, Tensor]) -> Iterator[None]:
        """The model without its sites for a while; ``base`` as in :meth:`remove`."""
        layers = self._layers()
        tuned = {name: parameter.data for name, parameter in self.parameters.items()}
        self.remove(base)
        try:
            yield
        finally:
            for name, layer in layers.items():
                _put(self.model, name, layer)
            for name in base:
                self.parameters[name].data = tuned[name]

    def _layers(self) -> dict[str, Beside]:
        """What stands in the place of a layer, by that layer's name."""
        names = (site.module for site in self.sites if not isinstance(site, Changed))
        return {name: cast(Beside, self.model.get_submodule(name)) for name in names}


def install(
    model: PreTrainedModel, sites: Sequence[Site], seed: int, spell: Spell | None = None
) -> Installed:
    """Put ``sites`` into ``model``, which is frozen everywhere else.

    What they start from follows from ``seed``, and where it is a text, from ``spell``. Without it
    such a site stays empty, for values that were learned before.
    """
    model.requires_grad_(False)
    lanes = Lanes()
    parameters: dict[str, nn.Parameter] = {}
    for site in sites:
        if isinstance(site, Changed):
            parameter = model.get_parameter(site.tensor)
            parameter.requires_grad_(True)
            parameters[site.tensor] = parameter
            continue
        base = model.get_submodule(site.module)
        layer = _BESIDE[type(site)](base, site, lanes, model.dtype)
        layer.start(seed, spell)
        layer.train(False)
        _put(model, site.module, layer)
        parameters |= layer.learned()
    return Installed(model, lanes, parameters, tuple(sites))


def _put(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)
