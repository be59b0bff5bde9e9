"""A finished run opened for answering and export: its base with its result put in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from studio.core.errors import Refusal
from studio.core.recipe import Recipe
from studio.engine import machine
from studio.engine.answering import Pair
from studio.engine.bases import require_same_base
from studio.engine.encoding import Encoder
from studio.engine.lanes import BASE, TUNED
from studio.engine.loading import eos_ids, load_model, load_tokenizer
from studio.engine.results import read_result
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import Installed, install
from studio.methods import method_of, read_values
from studio.methods.sites import Changed
from studio.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Opened:
    """A run's base and tuned lanes in memory. ``stamp`` is the time of its result's files."""

    run: RunFolder
    recipe: Recipe
    pair: Pair
    stamp: int

    def is_of(self, run: Path) -> bool:
        """Whether this is that run, with the result that it has now."""
        return self.run.path == run and self.stamp == _stamp(self.run)


def open_run(path: Path) -> Opened:
    """Load the run's base, and beside or over it what the run has learned.

    Raises Refusal ``run.no_result`` before it has any, ``models.changed`` for another base.
    """
    run = RunFolder(path)
    if not run.tuned.is_dir():
        raise Refusal("run.no_result", run=run.id)
    recipe, plan = run.recipe(), run.plan()
    require_same_base(run, recipe)
    assert plan is not None  # it is written before the first update
    folder, device = Path(recipe.base.folder), machine.device()
    model, tokenizer = load_model(folder, dtype=plan.dtype, device=device), load_tokenizer(folder)
    method = method_of(recipe.method)
    sites = method.sites(sheet_of(model), read_values(method, recipe.knobs))
    installed = install(model, sites, recipe.training.seed)
    encoder = Encoder(tokenizer, eos_ids=eos_ids(model))
    changed = _put_in(installed, read_result(run.tuned))
    return Opened(run, recipe, Pair(installed, encoder, tokenizer, changed), _stamp(run))


def _put_in(installed: Installed, values: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Put the result in; returns both lanes' values of the tensors that are changed."""
    model: PreTrainedModel = installed.model
    lanes: dict[str, dict[str, Tensor]] = {BASE: {}, TUNED: {}}
    changed = {site.tensor for site in installed.sites if isinstance(site, Changed)}
    with torch.no_grad():
        for name, parameter in installed.parameters.items():
            value = values[name].to(device=model.device, dtype=parameter.dtype)
            parameter.requires_grad_(False)
            if name in changed:
                lanes[BASE][name], lanes[TUNED][name] = parameter.data, value
            parameter.data = value
    return lanes


def _stamp(run: RunFolder) -> int:
    return max((file.stat().st_mtime_ns for file in run.tuned.iterdir()), default=0)
