"""The Compare tab: one question to the original and to what a run has made of it."""

from dataclasses import dataclass
from typing import Any

from studio.core.errors import from_json
from studio.core.words import Words
from studio.ui.edge import Action, Edge
from studio.ui.widget import Widget, publish
from studio.workbench import Workbench

ID = "compare"
WAS_BUSY = "was_busy"
"""Said of a question that found the device in use; who uses it now, the page says itself."""

Json = dict[str, Any]


def build(bench: Workbench, said: Words) -> None:
    """Lay the tab out."""
    actions = CompareTab(bench, said).actions
    Widget("compare", actions, said)
    publish("compare", actions)


@dataclass(frozen=True, slots=True)
class CompareTab:
    """The actions; each asks one service of the workbench."""

    bench: Workbench
    words: Words

    @property
    def actions(self) -> list[Action]:
        """All of them."""
        return [
            self.runs,
            self.suggestions,
            self.ask,
            self.look,
            self.earlier,
            self.stop,
            self.rest,
            self.pause,
        ]

    def runs(self) -> list[Json]:
        """The runs that can answer, the newest first, with model and method as people call them."""
        titles = {model["id"]: model["title"] for model in self.bench.shelf.known()}
        return [
            run
            | {
                "base": titles.get(run["model"], run["model"]),
                "way": self.words.say(f"methods.{run['method']}.name"),
            }
            for run in self.bench.compare.runs()
        ]

    def suggestions(self, run: str, seed: int = 0) -> list[Json]:
        """Questions of rows that the run has not learned from, with what a person answered."""
        return self.bench.compare.suggestions(run, seed=seed)

    def ask(
        self,
        run: str,
        question: str,
        *,
        step: int | None = None,
        system: str = "",
        temperature: float = 0.0,
        max_new_tokens: int = 256,
        seed: int = 0,
    ) -> Json:
        """Put a question to the run's result, or to its save point ``step``."""
        return self.bench.compare.ask(
            run,
            question,
            step=step,
            system=system,
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            seed=seed,
        )

    def look(self, id: str = "", seen: dict[str, int] | None = None) -> Json:
        """The newest question and its answers, beyond what this window has of it already."""
        found = self.bench.compare.look(seen=seen, id=id)
        return found | {"now": self._worded(found["now"])}

    def earlier(self) -> list[Json]:
        """What was asked before in this sitting."""
        return [self._worded(exchange) for exchange in self.bench.compare.earlier()]

    def stop(self) -> None:
        """Want no more of the answers."""
        self.bench.compare.stop()

    def rest(self) -> None:
        """Give the memory of the model back."""
        self.bench.compare.rest()

    def pause(self, run: str) -> None:
        """Ask the training that has the machine for a pause."""
        self.bench.runs.ask_to_pause(run)

    def _worded(self, exchange: Any) -> Any:
        """``exchange`` with its problem in words."""
        if exchange is None or exchange["problem"] is None:
            return exchange
        card = Edge(self.words).card(from_json(exchange["problem"]))
        if card["key"] == "lease.busy":
            card["text"] = self.words.say(f"page.compare.{WAS_BUSY}")
        return exchange | {"problem": card}
