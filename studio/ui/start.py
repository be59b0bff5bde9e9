"""The start page with its three doors."""

from typing import Any

from studio.core.words import Words
from studio.ui.next_step import next_step
from studio.ui.widget import Widget
from studio.workbench import Workbench

ID = "start"
Json = dict[str, Any]


def build(bench: Workbench, said: Words) -> None:
    """Lay the doors out."""

    def unfinished() -> Json:
        """What the person can go on with: rows, the last run, and the step that comes next."""
        status = bench.status()
        return {
            "dataset": status["dataset"],
            "run": status["latest"],
            "next": next_step(status),
        }

    Widget("start", [unfinished], said)
