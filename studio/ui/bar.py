"""The bar that is always there: where one is, what is in hand, what goes on, what comes next."""

from typing import Any

from studio.core.errors import from_json
from studio.core.words import Words
from studio.ui.edge import Edge
from studio.ui.next_step import next_step
from studio.ui.widget import Widget
from studio.workbench import Workbench
from studio.workbench.demo import ASK, WARM

Json = dict[str, Any]

_SHOWN_ELSEWHERE = (ASK, WARM)


def build(bench: Workbench, said: Words) -> None:
    """Lay the bar out."""
    edge = Edge(said)

    def worded(task: Json) -> Json:
        error = task["error"]
        return task | {"card": None if error is None else edge.card(from_json(error))}

    def status() -> Json:
        """What the workbench says of itself, the next step, and failures in words."""
        found = bench.status()
        tasks = [worded(task) for task in found["tasks"] if task["kind"] not in _SHOWN_ELSEWHERE]
        return found | {"next": next_step(found), "tasks": tasks}

    def cancel(task: str) -> None:
        bench.tasks.cancel(task)

    def dismiss(task: str) -> None:
        bench.tasks.dismiss(task)

    Widget("bar", [status, cancel, dismiss], said)
