"""The Data tab: the rows, one by one and by file."""

from studio.core.words import Words
from studio.ui.widget import Widget, publish
from studio.workbench import Workbench

ID = "data"


def build(bench: Workbench, said: Words) -> None:
    """Lay the tab out."""
    actions = [bench.rows.page]
    Widget("rows", actions, said)
    publish("rows", actions)
