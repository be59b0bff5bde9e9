"""The bar that is always there: where one is, what is in hand, what goes on, what comes next."""

from typing import Any

from studio.core.words import Words
from studio.ui.next_step import next_step
from studio.ui.widget import Widget
from studio.workbench import Workbench

Json = dict[str, Any]


def build(bench: Workbench, said: Words) -> None:
    """Lay the bar out."""

    def status() -> Json:
        found = bench.status()
        return found | {"next": next_step(found)}

    def cancel(task: str) -> None:
        bench.tasks.cancel(task)

    def dismiss(task: str) -> None:
        bench.tasks.dismiss(task)

    Widget("bar", [status, cancel, dismiss], said)
