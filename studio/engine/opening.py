"""A run opened for answering and export: its base with what it has learned put in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from studio.core.errors import Refusal
from studio.core.plan import Plan
from studio.core.recipe import Recipe
from studio.core.sheets import Sheet
from studio.engine import machine
from studio.engine.answering import Pair
from studio.engine.bases import quantisation_in, require_same_base
from studio.engine.encoding import Encoder
from studio.engine.lanes import BASE, TUNED
from studio.engine.loading import eos_ids, load_model, load_tokenizer
from studio.engine.results import read_result
from studio.engine.save_points import read_values as read_save_point
from studio.engine.sheet_reader import read_sheet
from studio.engine.sites import Installed, install
from studio.methods import method_of, read_values
from studio.methods.sites import Changed
from studio.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Learned:
    """What a run has learned: its result, or its state at the save point ``step``.

    ``stamp`` is the time of the files in ``folder``; another result has another.
    """

    run: RunFolder
    step: int | None
    folder: Path
    stamp: int

    @classmethod
    def of(cls, path: Path, step: int | None = None) -> Self:
        """Raises Refusal ``run.no_result``, ``run.no_save_point`` where there is no such thing."""
        run = RunFolder(path)
        folder = run.tuned if step is None else _save_point(run, step)
        if not folder.is_dir():
            raise Refusal("run.no_result", run=run.id)
        stamp = max((file.stat().st_mtime_ns for file in folder.iterdir()), default=0)
        return cls(run, step, folder, stamp)

    def values(self) -> dict[str, Tensor]:
        """The tensors by their stable names."""
        return read_result(self.folder) if self.step is None else read_save_point(self.folder)


@dataclass(frozen=True, slots=True)
class Ground:
    """A base model as it is by itself, in memory."""

    recipe: Recipe
    plan: Plan
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    encoder: Encoder
    sheet: Sheet

    @classmethod
    def load(cls, recipe: Recipe, plan: Plan) -> Self:
        """The base of a run, as it was trained upon."""
        folder, device = Path(recipe.base.folder), machine.device()
        held = quantisation_in(recipe)
        model = load_model(folder, dtype=plan.dtype, device=device, quantisation=held)
        tokenizer = load_tokenizer(folder)
        encoder = Encoder(tokenizer, eos_ids=eos_ids(model))
        return cls(recipe, plan, model, tokenizer, encoder, read_sheet(folder))

    def carries(self, recipe: Recipe, plan: Plan) -> bool:
        """Whether a run of ``recipe`` and ``plan`` stands on it."""
        mine = (self.recipe.base, self.plan.dtype, self.plan.quantisation)
        return mine == (recipe.base, plan.dtype, plan.quantisation)


@dataclass(frozen=True, slots=True)
class Opened:
    """A run's base and tuned lanes in memory."""

    learned: Learned
    recipe: Recipe
    pair: Pair

    @property
    def run(self) -> RunFolder:
        """The run."""
        return self.learned.run

    def close(self) -> None:
        """Take out of the base what was put in; it must not be asked after that."""
        self.pair.installed.remove(self.pair.changed.get(BASE, {}))


@dataclass(slots=True)
class Loaded:
    """Holds one base, and what is open on it: runs of one base take turns without loading it."""

    ground: Ground | None = None
    opened: Opened | None = None

    def has_base_of(self, learned: Learned) -> bool:
        """Whether that can be opened without loading a model."""
        ground, plan = self.ground, learned.run.plan()
        if ground is None or plan is None:
            return False
        return ground.carries(learned.run.recipe(), plan)

    def open(self, learned: Learned) -> Opened:
        """The run with what it has ``learned``, loaded unless it is at hand.

        Another base is given up before one is loaded. Raises Refusal ``models.changed`` for a base
        that is not what it was when the run began.
        """
        if self.opened is None or self.opened.learned != learned:
            recipe, plan = learned.run.recipe(), learned.run.plan()
            assert plan is not None  # it is written before the first update
            require_same_base(learned.run, recipe)
            ground = self._ground(recipe, plan)
            self.ground = None  # should it not get in, the base is no longer what it was
            self.opened = _put_in(ground, recipe, learned)
            self.ground = ground
        return self.opened

    def _ground(self, recipe: Recipe, plan: Plan) -> Ground:
        """The base with nothing in it."""
        if self.opened is not None:
            self.opened.close()
            self.opened = None
        if self.ground is None or not self.ground.carries(recipe, plan):
            self.ground = None
            self.ground = Ground.load(recipe, plan)
        return self.ground


def _put_in(ground: Ground, recipe: Recipe, learned: Learned) -> Opened:
    """Install the method's sites and give them their values."""
    method = method_of(recipe.method)
    sites = method.sites(ground.sheet, read_values(method, recipe.knobs))
    installed = install(ground.model, sites, recipe.training.seed)
    changed = _fill(installed, learned.values())
    return Opened(learned, recipe, Pair(installed, ground.encoder, ground.tokenizer, changed))


def _fill(installed: Installed, values: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Put the values in; returns both lanes' values of the tensors that are changed."""
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


def _save_point(run: RunFolder, step: int) -> Path:
    point = run.checkpoints.at(step)
    if point is None:
        raise Refusal("run.no_save_point", run=run.id, step=step)
    return point.path
