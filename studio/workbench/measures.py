"""How long the ready rows of a dataset are for a model, and which of them it cannot learn from.

The engine finds out, by the trainer's own code, in a task that keeps nobody waiting; what it found
is kept for as long as rows, model and greatest length stay the same.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.core.errors import Fault, StudioError
from studio.core.rows import Row, Split, dataset_version
from studio.store.models import ModelEntry
from studio.workbench.engine_room import EngineRoom
from studio.workbench.models import Told
from studio.workbench.rows import RowService
from studio.workbench.tasks import Tasks

Json = dict[str, Any]

MEASURE = "measure"
PORTION = 2000
"""Rows that are measured in one request to the engine."""

KEPT = 6
"""Measures that are kept in memory, those that were asked for last."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a row has to fit into: at most ``longest`` word pieces, where anybody says so, and the
    model's own limit, with ``virtual`` ones before it."""

    longest: int | None = None
    virtual: int = 0


Key = tuple[str, str, Room]


@dataclass(frozen=True, slots=True)
class Measured:
    """Word pieces of each row that teaches, by its id; which are cut; why others are left out."""

    tokens: Mapping[str, int] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()
    left_out: Mapping[str, Json] = field(default_factory=dict)


class Measures:
    """The measures of one workbench. Threads may share it."""

    def __init__(self, rows: RowService, engine: EngineRoom, tasks: Tasks) -> None:
        self._rows, self._engine, self._tasks = rows, engine, tasks
        self._known: OrderedDict[Key, Measured | StudioError] = OrderedDict()
        self._gave_way: set[str] = set()
        self._turn = threading.Lock()

    def of(
        self, model: ModelEntry, dataset: str, version: str, room: Room
    ) -> Measured | StudioError | None:
        """What is known of ``dataset`` at ``version``; why nothing can be; or None until it is.

        Where it is not known, a task begins that finds out, unless the device is busy: it would
        take its time from whoever trains.
        """
        key = (str(model.identity.get("hash")), version, room)
        with self._turn:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        subject = "/".join(map(str, key))
        if not self._is_settled(subject) and self._engine.device_owner() is None:
            self._gave_way.discard(subject)
            self._tasks.start(
                MEASURE, subject, lambda told: self._measure(model, dataset, room, told)
            )
        return None

    def stop(self) -> None:
        """End what is being measured: the engine is about to be closed."""
        for task in self._tasks.list():
            if task["kind"] == MEASURE and task["status"] == "running":
                self._gave_way.add(task["subject"])
                self._tasks.cancel(task["id"])

    def _is_settled(self, subject: str) -> bool:
        """Whether the engine broke over it, as it would again, or the person does not want it.

        Where it only gave way to something, or the engine was closed, it is tried again.
        """
        tried = [t for t in self._tasks.list() if (t["kind"], t["subject"]) == (MEASURE, subject)]
        if not tried or subject in self._gave_way:
            return False
        last = tried[-1]
        if last["status"] == "failed":
            return str(last["error"]["key"]) != "engine.closed"
        return str(last["status"]) == "cancelled"

    def _measure(self, model: ModelEntry, dataset: str, room: Room, told: Told) -> None:
        rows = self._rows.rows.ready(dataset)
        key = (str(model.identity.get("hash")), dataset_version(rows), room)
        teaching = [row for row in rows if row.split is not Split.EXAM]
        found: Measured | StudioError
        try:
            found = self._asked(model.folder, teaching, room, told)
        except StudioError as error:
            if isinstance(error, Fault) or error.key.startswith("engine."):
                raise  # it says nothing of the rows
            found = error
        told(_progress(len(teaching), len(teaching)))
        with self._turn:
            self._known[key] = found
            while len(self._known) > KEPT:
                self._known.popitem(last=False)

    def _asked(self, folder: str, rows: Sequence[Row], room: Room, told: Told) -> Measured:
        tokens: dict[str, int] = {}
        cut: list[str] = []
        left_out: dict[str, Json] = {}
        kept = {"folder": folder, "cache": str(self._rows.data.sheets)}
        limits = {"max_length": room.longest, "virtual": room.virtual}
        for start in range(0, len(rows), PORTION):
            told(_progress(start, len(rows)))
            portion = rows[start : start + PORTION]
            asked = [{"row": row.id, "body": row.body.as_json()} for row in portion]
            answer = self._engine.call("measure", rows=asked, **kept, **limits)
            tokens |= answer["tokens"]
            cut += answer["cut"]
            left_out |= answer["left_out"]
        return Measured(tokens, frozenset(cut), left_out)


def _progress(done: int, total: int) -> Json:
    return {"step": MEASURE, "done": done, "total": total, "unit": "rows"}
