"""The Data tab: the rows, one by one and by file."""

from dataclasses import asdict
from typing import Any

from studio.core.words import Words
from studio.ui import transfer
from studio.ui.edge import Action
from studio.ui.widget import Widget, publish
from studio.workbench import Workbench

ID = "data"

Json = dict[str, Any]


def build(bench: Workbench, said: Words) -> None:
    """Lay the tab out."""
    Widget(
        "rows", [*desk_actions(bench), *row_actions(bench), *transfer.actions(bench, said)], said
    )
    publish("rows", row_actions(bench))


def desk_actions(bench: Workbench) -> list[Action]:
    """Which dataset and model are worked on, and what datasets there are."""
    desk, rows = bench.desk, bench.rows

    def erase_dataset(dataset: str) -> Json:
        """Remove a dataset in the trash for good, with all its rows."""
        return asdict(bench.erase_dataset(dataset))

    return [
        desk.get,
        desk.choose,
        bench.models.show,
        rows.all,
        rows.rename,
        rows.discard,
        rows.discarded,
        rows.bring_back,
        erase_dataset,
    ]


def row_actions(bench: Workbench) -> list[Action]:
    """What can be asked of rows, by the page and by scripts."""

    def erase(ids: list[str]) -> Json:
        """Remove rows for good, from everywhere."""
        return asdict(bench.erase(ids))

    def learned(model: str, body: Json) -> Json:
        """What ``model`` would learn from ``body``, with the longest row that is on the desk."""
        longest = bench.desk.get()["training"].get("max_length")
        return bench.rows.learned(model, body, max_length=longest)

    rows = bench.rows
    return [
        rows.create,
        rows.page,
        rows.row,
        rows.save,
        rows.add,
        rows.duplicate,
        rows.set_status,
        rows.trash,
        rows.restore,
        rows.undo,
        rows.redo,
        rows.history,
        rows.learned_by,
        learned,
        rows.count,
        erase,
    ]
