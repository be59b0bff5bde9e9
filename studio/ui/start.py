"""The start page with its three doors."""

from studio.core.words import Words
from studio.ui.widget import Widget
from studio.workbench import Workbench

ID = "start"


def build(bench: Workbench, said: Words) -> None:
    """Lay the doors out."""
    Widget("start", [bench.status], said)
