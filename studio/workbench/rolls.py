"""The ready rows of a dataset without their text: enough to say what a run would do with each."""

import threading
from dataclasses import dataclass, field
from typing import Any

from studio.core.errors import UserMistake
from studio.core.rows import Body, Row, Split, supervised_problem
from studio.store.rows import Rows

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A ready row. ``why`` is an error as JSON if no model can learn anything from it."""

    id: str
    split: Split
    group: str
    why: Json | None


Roll = tuple[Entry, ...]
"""The ready rows of a dataset, in their order."""


@dataclass(slots=True)
class Rolls:
    """The roll of the dataset that was looked at last; its rows are read once a change."""

    rows: Rows
    _known: tuple[str, int, Roll] | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def of(self, dataset: str) -> Roll:
        """The roll as it is now."""
        with self._turn:
            mark = self.rows.mark(dataset)
            if self._known is None or self._known[:2] != (dataset, mark):
                self._known = (dataset, mark, _read(self.rows.ready(dataset)))
            return self._known[2]


def _read(rows: tuple[Row, ...]) -> Roll:
    return tuple(Entry(r.id, r.split, r.group, _why(r.body)) for r in rows)


def _why(body: Body) -> Json | None:
    key = supervised_problem(body)
    return None if key is None else UserMistake(key).as_json()
