"""The Train tab: what would be trained, how a run fares, and the runs there are."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from studio.core.errors import StudioError, UserMistake, from_json
from studio.core.recipe import Training
from studio.core.words import Words
from studio.ui.edge import Action, Edge
from studio.ui.widget import Widget, publish
from studio.workbench import Workbench

ID = "train"
LOST = ("run.lost", "run.killed")
"""Why a run is interrupted; the page says that itself, with what is kept of it."""

Json = dict[str, Any]

_COLON = re.compile("[:：]")


def build(bench: Workbench, said: Words) -> None:
    """Lay the tab out."""
    actions = TrainTab(bench, said).actions
    Widget("train", actions, said)
    publish("train", actions)


@dataclass(frozen=True, slots=True)
class TrainTab:
    """The actions; each asks one service of the workbench."""

    bench: Workbench
    words: Words

    @property
    def actions(self) -> list[Action]:
        """All of them."""
        return [
            self.plan,
            self.start,
            self.watch,
            self.runs,
            self.pause,
            self.resume,
            self.stop,
            self.rename,
            self.trash,
            self.restore,
            self.curves,
            self.questions,
        ]

    def plan(self) -> Json:
        """What lies on the desk, and what training it would mean.

        ``{"model", "dataset", "method", "training", "cost", "name", "checklist"}``; model and
        dataset are ``{"id", "name"}`` or None, and without one of them there is no checklist.
        """
        desk = self.bench.desk.get()
        model, dataset = self._named(desk)
        plan: Json = {
            "model": model,
            "dataset": dataset,
            "method": {"id": desk["method"], "name": self._method(desk["method"])},
            "training": asdict(Training.read(desk["training"])),
            "cost": None,
            "name": "",
            "checklist": None,
            "order": self._wanted(desk),
        }
        if model and dataset:
            found = self.bench.orders.checklist(**self._wanted(desk))
            plan["name"] = self._free_name(dataset["name"], desk["method"])
            plan["checklist"] = found | {
                "problem": self._card(found["problem"]),
                "left_out": [
                    one | {"why": self._sentence(one["why"])} for one in found["left_out"]
                ],
            }
            plan["cost"] = self._cost(desk)
        return plan

    def start(self, name: str, questions: list[str], order: Json) -> str:
        """Train what lies on the desk; returns the run's id. It goes on without this page.

        ``order`` is that of the plan that the person has seen. Raises UserMistake
        ``train.order_changed`` where the desk has changed since.
        """
        wanted = self._wanted(self.bench.desk.get())
        if wanted != order:
            raise UserMistake("train.order_changed")
        if not any(question.strip() for question in questions):
            wanted["training"] = wanted["training"] | {"sample_every": 0}
        return self.bench.runs.start(**wanted, name=name.strip(), questions=questions)

    def watch(self, run: str, seen: int = 0) -> Json:
        """What a run has said since its event ``seen``; why it stands still, in words."""
        found = self.bench.runs.watch(run, seen=seen)
        return found | {"reason": self._why(found["reason"])}

    def runs(self) -> list[Json]:
        """All runs, the newest first; their methods by the short of their names."""
        return [
            run | {"method": _COLON.split(self._method(run["method"]))[0]}
            for run in reversed(self.bench.runs.list())
        ]

    def curves(self, runs: list[str]) -> dict[str, Json]:
        """The curves of several runs, by id."""
        return self.bench.runs.curves(runs)

    def questions(self, dataset: str) -> list[str]:
        """Three questions of rows that would be held back."""
        training = self.bench.desk.get()["training"]
        return list(self.bench.runs.questions(dataset, training=training))

    def pause(self, run: str) -> None:
        """Ask for a pause; :meth:`watch` tells when it has come."""
        self.bench.runs.ask_to_pause(run)

    def resume(self, run: str) -> str:
        """Go on from the last save point."""
        return self.bench.runs.resume(run)

    def stop(self, run: str) -> None:
        """End a run and keep what it has learned; :meth:`watch` tells when that is done."""
        self.bench.runs.ask_to_stop(run)

    def rename(self, run: str, name: str) -> None:
        """Give a run another name."""
        self.bench.runs.rename(run, name)

    def trash(self, run: str) -> None:
        """Put a run into the trash."""
        self.bench.runs.trash(run)

    def restore(self, run: str) -> None:
        """Take a run out of the trash."""
        self.bench.runs.restore(run)

    def _named(self, desk: Json) -> tuple[Json | None, Json | None]:
        """Model and dataset on the desk, as people call them."""
        model = self.bench.models.show(desk["model"]) if desk["model"] else None
        dataset = self.bench.rows.show(desk["dataset"]) if desk["dataset"] else None
        return (
            model and {"id": model["id"], "name": model["title"]},
            dataset and {"id": dataset["id"], "name": dataset["dataset"]},
        )

    def _wanted(self, desk: Json) -> Json:
        """The desk as an order."""
        return {
            "model": desk["model"],
            "dataset": desk["dataset"],
            "method": desk["method"],
            "knobs": desk["knobs"].get(desk["method"], {}),
            "training": desk["training"],
        }

    def _method(self, method: str) -> str:
        return self.words.say(f"methods.{method}.name")

    def _cost(self, desk: Json) -> Json | None:
        """What the method counts on the model; None where it does not fit, as the list says."""
        wanted = self._wanted(desk)
        try:
            return self.bench.methods.count(wanted["model"], wanted["method"], wanted["knobs"])
        except StudioError:
            return None

    def _free_name(self, dataset: str, method: str) -> str:
        """A name that no run bears yet, from what it learns and how."""
        taken = {entry.name for entry in self.bench.runs.index.list()}
        plain = f"{dataset} · {method}"
        names = (plain, *(f"{plain} {number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def _why(self, reason: Json | None) -> Json | None:
        """A run's reason as a card, in the page's words where those of commands would not help."""
        if reason is None or reason["key"] in LOST:
            return None
        card = Edge(self.words).card(from_json(reason))
        own = f"page.train.why_{reason['key'].removeprefix('run.')}"
        if own not in self.words.sentences:
            return card
        return card | {"text": self.words.say(own, **reason["facts"])}

    def _card(self, problem: Json | None) -> Json | None:
        return None if problem is None else Edge(self.words).card(from_json(problem))

    def _sentence(self, why: Json | None) -> str | None:
        return None if why is None else self.words.explain(from_json(why))
