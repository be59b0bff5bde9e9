"""The two-minute demo: one button, then a curve, then two answers side by side."""

from typing import Any

from studio.core.errors import from_json
from studio.core.words import Words
from studio.ui.edge import Edge
from studio.ui.widget import Widget
from studio.workbench import Workbench
from studio.workbench.demo import lessons

ID = "demo"
Json = dict[str, Any]


def build(bench: Workbench, said: Words) -> None:
    """Lay the demo out."""
    edge = Edge(said)

    def worded(problem: Json | None) -> Json | None:
        return None if problem is None else edge.card(from_json(problem))

    def shown(state: Json) -> Json:
        """``state`` with its problems in words."""
        answer = state["answer"]
        if answer is not None:
            answer = answer | {"problem": worded(answer["problem"])}
        return state | {"answer": answer, "problem": worded(state["problem"])}

    def show() -> Json:
        return shown(bench.demo.show())

    def begin() -> Json:
        return shown(bench.demo.begin())

    def ask(question: str) -> Json:
        return shown(bench.demo.ask(question))

    def reset() -> Json:
        return shown(bench.demo.reset())

    Widget("demo", [show, begin, ask, reset, bench.demo.warm, lessons], said)
