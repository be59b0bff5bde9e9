"""The tuning methods: their forms, and what each costs on a model before anything is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studio.core.costs import Cost
from studio.core.errors import StudioError, UserMistake, each, raise_all
from studio.core.knobs import Knob, Value, read_knobs
from studio.core.recipe import TRAINING_KNOBS, Training
from studio.core.sheets import Sheet
from studio.methods import METHODS, cost_of, method_of, read_values
from studio.methods.base import Method
from studio.workbench.models import ModelService

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MethodService:
    """Forms, counts and costs. Needs the engine only for a model that nobody has counted yet."""

    models: ModelService

    def cost(
        self,
        model: str,
        method: str,
        knobs: Mapping[str, object],
        training: Mapping[str, object] | None = None,
    ) -> Cost:
        """The exact counts of ``method`` with ``knobs`` on ``model``; raises for bad knobs."""
        chosen = method_of(method)
        values = read_values(chosen, knobs)
        Training.read(training or {})
        return cost_of(self.models.sheet(model), chosen, values)

    def forms(self) -> list[Json]:
        """What a form needs of every method, the one to start with first.

        ``{"id", "adapter", "knobs": [Knob.as_json], "presets": [{"name", "knobs"}]}``
        """
        return [
            {
                "id": method.id,
                "adapter": method.adapter,
                "knobs": [knob.as_json() for knob in method.knobs],
                "presets": [{"name": p.name, "knobs": dict(p.values)} for p in method.presets],
            }
            for method in METHODS.values()
        ]

    def training_form(self) -> list[Json]:
        """The training knobs, as those of :meth:`forms`."""
        return [knob.as_json() for knob in TRAINING_KNOBS]

    def check(self, method: str, knobs: dict[str, Any], training: dict[str, Any]) -> None:
        """Raise UserMistake with every problem of the settings that needs no model to be seen."""
        _read((method_of(method).knobs, knobs), (TRAINING_KNOBS, training))

    def count(
        self,
        model: str,
        method: str,
        knobs: dict[str, Any],
        training: dict[str, Any] | None = None,
    ) -> Json:
        """The cost of ``method`` on ``model`` as JSON, with its usual ``learning_rate`` there and
        ``notes``, the keys of what must be said of it there.

        Raises UserMistake with every problem of ``knobs`` and ``training``.
        """
        chosen = method_of(method)
        values = _read((chosen.knobs, knobs), (TRAINING_KNOBS, training or {}))
        own = {knob.name: values[knob.name] for knob in chosen.knobs}
        return _counted(self.models.sheet(model), chosen, own)

    def overview(self, model: str) -> list[Json]:
        """Every method on ``model``, with its knobs as they lie on the desk.

        ``{"id", …}`` with what :meth:`count` says, or with ``problem``, an error as JSON.
        """
        sheet, kept = self.models.sheet(model), self.models.desk.get()["knobs"]
        return [
            {"id": method.id, **_tried(sheet, method, read_values(method, kept[method.id]))}
            for method in METHODS.values()
        ]


def _read(*forms: tuple[tuple[Knob, ...], Mapping[str, object]]) -> dict[str, Value]:
    """The values of several forms, by name; raises UserMistake with the problems of all."""
    values: dict[str, Value] = {}
    problems: list[StudioError] = []
    for knobs, given in forms:
        try:
            values |= read_knobs(knobs, given)
        except UserMistake as problem:
            problems += each(problem)
    raise_all(problems)
    return values


def _tried(sheet: Sheet, method: Method, values: Mapping[str, Value]) -> Json:
    try:
        return _counted(sheet, method, values)
    except StudioError as problem:
        return {"problem": problem.as_json()}


def _counted(sheet: Sheet, method: Method, values: Mapping[str, Value]) -> Json:
    return {
        **cost_of(sheet, method, values).as_json(),
        "learning_rate": method.learning_rate(sheet),
        "notes": list(method.notes(sheet, values)),
    }
