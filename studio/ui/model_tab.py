"""The Model tab: choosing, fetching and knowing a base model."""

from dataclasses import dataclass
from typing import Any

from studio.core.errors import from_json
from studio.core.words import Words
from studio.ui.edge import Action, Edge
from studio.ui.widget import Widget, publish
from studio.workbench import Workbench
from studio.workbench.models import Told

ID = "model"
KIND = "model"
"""The kind of this tab's tasks."""

Json = dict[str, Any]


def build(bench: Workbench, said: Words) -> None:
    """Lay the tab out."""
    actions = ModelTab(bench, said).actions
    Widget("models", actions, said)
    publish("models", actions)


@dataclass(frozen=True, slots=True)
class ModelTab:
    """The actions; each asks one service of the workbench."""

    bench: Workbench
    words: Words

    @property
    def actions(self) -> list[Action]:
        """All of them."""
        bench = self.bench
        return [
            self.picks,
            self.shelf,
            self.add,
            self.tasks,
            self.cancel,
            self.dismiss,
            self.drop,
            self.use,
            self.network,
            bench.shelf.look,
            bench.models.forget,
            bench.desk.get,
        ]

    def picks(self) -> list[Json]:
        """Three models for this machine and the page's language."""
        return self.bench.shelf.picks(self.words.language)

    def shelf(self) -> Json:
        """The known models, which of them is in use, and whether others may be fetched."""
        desk = self.bench.desk.get()
        known = self.bench.shelf.known()
        return {"models": known, "used": desk["model"], "offline": desk["offline"]}

    def add(self, source: str) -> str:
        """Begin to make a model known; returns the id of the task that does it."""
        return self.bench.tasks.start(KIND, source, lambda told: self._bring(source, told))

    def _bring(self, source: str, told: Told) -> Json:
        """Add a model; the first one is put on the desk, since there is nothing to choose."""
        added = self.bench.models.add(source, told=told)
        if self.bench.desk.get()["model"] is None:
            self.bench.desk.choose(model=added["id"])
        return added

    def tasks(self) -> list[Json]:
        """This tab's tasks; one that failed with its card."""
        edge = Edge(self.words)
        return [
            task | {"card": edge.card(from_json(task["error"])) if task["error"] else None}
            for task in self.bench.tasks.list()
            if task["kind"] == KIND
        ]

    def cancel(self, task: str) -> None:
        """Stop a task; what a download has brought is kept."""
        self.bench.tasks.cancel(task)

    def dismiss(self, task: str) -> None:
        """Show a task that is over no more."""
        self.bench.tasks.dismiss(task)

    def drop(self, source: str) -> None:
        """Throw away what a download has brought so far."""
        self.bench.models.drop(source)

    def use(self, model: str) -> Json:
        """Work with this model from now on."""
        return self.bench.desk.choose(model=model)

    def network(self, mirror: str, offline: bool) -> Json:
        """From which hub models are fetched, and whether at all."""
        return self.bench.desk.choose(mirror=mirror, offline=offline)
