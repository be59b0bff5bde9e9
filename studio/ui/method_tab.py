"""The Method tab: which way to tune, its settings, and what they come to."""

from dataclasses import dataclass
from typing import Any

from studio.core.errors import StudioError, each, from_json
from studio.core.words import Words
from studio.ui.edge import Action, Edge
from studio.ui.widget import Widget, publish
from studio.workbench import Workbench

ID = "method"

Json = dict[str, Any]


def build(bench: Workbench, said: Words) -> None:
    """Lay the tab out."""
    actions = MethodTab(bench, said).actions
    Widget("method", actions, said)
    publish("method", actions)


@dataclass(frozen=True, slots=True)
class MethodTab:
    """The actions; what is shown of methods and knobs is in the words of the page."""

    bench: Workbench
    words: Words

    @property
    def actions(self) -> list[Action]:
        """All of them."""
        return [self.show, self.overview, self.count, self.keep]

    def show(self) -> Json:
        """What lies on the desk, and the forms of all methods and of the training."""
        desk, methods = self.bench.desk.get(), self.bench.methods
        return {
            "model": self.bench.models.show(desk["model"]) if desk["model"] else None,
            "method": desk["method"],
            "knobs": desk["knobs"],
            "training": desk["training"],
            "forms": [self._form(form) for form in methods.forms()],
            "training_form": [
                self._knob(knob)
                for knob in methods.training_form()
                if knob["name"] not in _OF_THE_TRAIN_TAB
            ],
        }

    def overview(self) -> list[Json]:
        """Each method on the desk's model: ``{"id"}`` and what :meth:`count` says of it."""
        model = self.bench.desk.get()["model"]
        found = self.bench.methods.overview(model) if model else []
        return [{"id": one["id"], **self._counted(one)} for one in found]

    def count(self, method: str, knobs: dict[str, Any], training: dict[str, Any]) -> Json:
        """``{"cost", "notes", "problems": [{"knob", "text"}]}`` on the desk's model.

        ``cost`` is None where there are problems, and without a model.
        """
        model = self.bench.desk.get()["model"]
        try:
            if model is None:
                self.bench.methods.check(method, knobs, training)
                return _NOTHING
            return self._counted(self.bench.methods.count(model, method, knobs, training))
        except StudioError as error:
            if not all(_is_of_the_form(problem) for problem in each(error)):
                raise
            return _NOTHING | {"problems": self._problems(error)}

    def keep(self, method: str, knobs: dict[str, Any], training: dict[str, Any]) -> Json:
        """Put method and settings on the desk: what training starts with."""
        return self.bench.desk.choose(method=method, knobs=knobs, training=training)

    def _counted(self, counted: Json) -> Json:
        if "problem" in counted:
            return _NOTHING | {"problems": self._problems(from_json(counted["problem"]))}
        notes = [self.words.say(f"methods.note.{key}") for key in counted["notes"]]
        return {"cost": counted, "notes": notes, "problems": []}

    def _problems(self, error: StudioError) -> list[Json]:
        return [self._problem(problem) for problem in each(error)]

    def _problem(self, error: StudioError) -> Json:
        return {"knob": error.facts.get("knob"), "text": Edge(self.words).sentence(error)}

    def _form(self, form: Json) -> Json:
        said = {part: self.words.say(f"methods.{form['id']}.{part}") for part in _PARTS}
        presets = [
            p | {"label": self.words.say(f"methods.preset.{p['name']}")} for p in form["presets"]
        ]
        return form | said | {"knobs": [self._knob(k) for k in form["knobs"]], "presets": presets}

    def _knob(self, knob: Json) -> Json:
        """``knob`` with its words; ``auto`` says what a default of None comes to."""
        key = f"knobs.{knob['name']}"
        known = self.words.sentences
        return knob | {
            "label": self.words.say(f"{key}.label"),
            "help": self.words.say(f"{key}.help"),
            "auto": known.get(f"{key}.auto", ""),
            "choices": [[one, known.get(f"{key}.{one}", one)] for one in knob["choices"]],
        }


_PARTS = ("name", "what", "when", "cost")
_OF_THE_TRAIN_TAB = ("sample_every", "sample_share")
"""Whether and how often it is asked while it learns belongs to the questions there."""
_NOTHING: Json = {"cost": None, "notes": [], "problems": []}


def _is_of_the_form(problem: StudioError) -> bool:
    """Whether another setting or method is the remedy, so that it is said there."""
    return problem.key.startswith(("knobs.", "methods."))
