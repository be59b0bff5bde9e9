"""The plan of a run: what this machine will do about a recipe, and whether it still can."""

from typing import Any

from transformers import PreTrainedModel

from studio.core.course import Course
from studio.core.errors import Refusal, UserMistake
from studio.core.plan import Plan
from studio.core.recipe import Recipe
from studio.core.sheets import Sheet
from studio.engine import machine
from studio.engine.bases import quantisation_in
from studio.engine.forward import agreed_path
from studio.engine.lessons import Lessons
from studio.methods import method_of
from studio.methods.quantisation import PACKAGE

LONGEST = 2048
"""Word pieces of a row where nobody says otherwise and the model could hold more."""

_FEWEST = 2
"""Word pieces of a row of which one can be learned."""


def max_length(recipe: Recipe, sheet: Sheet) -> int:
    """The longest row in word pieces: as asked, but never beyond the model's context."""
    return longest_row(recipe.training.max_length, sheet.context)


def row_length(recipe: Recipe, sheet: Sheet, *, virtual: int) -> int:
    """How many word pieces of its own a row may have behind ``virtual`` ones.

    Raises UserMistake where these leave nothing to learn from.
    """
    longest = max_length(recipe, sheet)
    if longest - virtual < _FEWEST:
        raise UserMistake("methods.prompt_fills_length", tokens=virtual, limit=longest)
    return longest - virtual


def longest_row(asked: int | None, context: int) -> int:
    """:func:`max_length` of a run that asks for ``asked``; ``context`` is 0 where it is unknown."""
    longest = asked or LONGEST
    return min(longest, context) if context else longest


def number_format(recipe: Recipe, device: str) -> str:
    """The format of frozen weights and of computing."""
    asked = recipe.training.precision
    return machine.number_format(device) if asked == "auto" else asked


def decide(
    recipe: Recipe,
    sheet: Sheet,
    lessons: Lessons,
    *,
    model: PreTrainedModel,
    template_hash: str,
    path: str | None = None,
) -> Plan:
    """What will be done, on this machine, with these rows.

    ``path`` is the one that was measured at the start; without one it is measured now.
    """
    training = recipe.training
    course = Course.of(training, len(lessons.train))
    every = training.eval_every
    rate = training.lr or method_of(recipe.method).learning_rate(sheet)
    quantisation = quantisation_in(recipe)
    return Plan(
        device=model.device.type,
        dtype=str(model.dtype).removeprefix("torch."),
        threads=machine.use_threads(),
        path=path or agreed_path(model, [*lessons.train, *lessons.check], training.batch),
        lr=rate,
        max_length=max_length(recipe, sheet),
        total=course.total,
        eval_every=course.per_pass if every is None else every,
        instructions=machine.instructions(),
        versions=machine.versions(*([PACKAGE] if quantisation else [])),
        template_hash=template_hash,
        rows_hash=lessons.hash,
        quantisation=str(quantisation or ""),
    )


def require_same(written: Plan, now: Plan) -> None:
    """Raise Refusal ``plan.differs`` unless a resume would do what was written."""
    parted = written.differences(now)
    if parted:
        shown = "; ".join(_shown(name, old, new) for name, (old, new) in parted.items())
        raise Refusal("plan.differs", differences=shown)


def _shown(name: str, old: Any, new: Any) -> str:
    """``name: old → new``; of several versions only those that differ."""
    if not isinstance(old, dict):
        return f"{name}: {old} → {new}"
    parts = [part for part in sorted({*old, *new}) if old.get(part) != new.get(part)]
    return "; ".join(f"{part}: {old.get(part)} → {new.get(part)}" for part in parts)
