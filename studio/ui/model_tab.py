"""The Model tab: choosing, fetching and knowing a base model."""

from studio.core.words import Words
from studio.ui.widget import Widget, publish
from studio.workbench import Workbench

ID = "model"


def build(bench: Workbench, said: Words) -> None:
    """Lay the tab out."""
    actions = [bench.models.picks]
    Widget("models", actions, said)
    publish("models", actions)
