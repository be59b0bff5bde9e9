"""The bar that is always there: model, dataset, run, memory, language."""

from studio.core.words import Words
from studio.ui.widget import Widget
from studio.workbench import Workbench


def build(bench: Workbench, said: Words) -> None:
    """Lay the bar out."""
    Widget("bar", [bench.status], said)
