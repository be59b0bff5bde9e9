"""Long work that a page watches: one thread each, with progress, an end, and a way to stop it.

Knows nothing of what the work is. Tasks end with the workbench; trainings are none of them.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from studio.core.errors import Fault, StudioError, tell_place
from studio.workbench.models import Told
from studio.workbench.pace import Mark, extended, pace

Json = dict[str, Any]
Status = Literal["running", "done", "failed", "cancelled"]
Work = Callable[[Told], Any]
"""Does something long, says how far it is, and returns its result as JSON."""

CANCELLING = "cancelling"
"""The step of a task that has been asked to stop and has not yet heard of it."""

_PATIENCE = 5.0
_NOTHING: Json = {"step": None, "done": 0, "total": 0, "unit": None}


class _Cancelled(BaseException):
    """The person wants it no more. No ``except Exception`` on the way may keep it."""


@dataclass(slots=True)
class _Task:
    """A task as its thread and the page share it, under the lock of :class:`Tasks`."""

    id: str
    kind: str
    subject: str
    status: Status = "running"
    progress: Json = field(default_factory=lambda: dict(_NOTHING))
    marks: tuple[Mark, ...] = ()
    error: Json | None = None
    result: Any = None
    is_unwanted: bool = False
    thread: threading.Thread | None = None

    def hear(self, progress: Json, now: float) -> None:
        """Take in how far it is; each step has a speed of its own."""
        is_same = progress["step"] == self.progress["step"]
        mark = Mark(now, progress["done"])
        self.marks = extended(self.marks if is_same else (), mark)
        self.progress = {name: progress[name] for name in _NOTHING}

    def as_json(self, now: float) -> Json:
        """The task as a page shows it."""
        speed = pace(self.marks, self.progress["total"], now)
        is_running = self.status == "running"
        step = CANCELLING if is_running and self.is_unwanted else self.progress["step"]
        return {
            "id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "status": self.status,
            **self.progress,
            "step": step,
            "per_second": speed.per_second if is_running else None,
            "seconds_left": speed.seconds_left if is_running else None,
            "error": self.error,
            "result": self.result,
        }


class Tasks:
    """The tasks of one workbench. Any thread may ask for anything."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tasks: dict[str, _Task] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, subject: str, work: Work) -> str:
        """Begin ``work`` in a thread of its own; returns the task's id.

        The same kind of work on the same subject is not begun twice: while one runs, its id is
        returned; one that has ended makes room. ``told`` is heard with {"step", "done", "total",
        "unit"}, and ends the work if the person has cancelled it.
        """
        with self._lock:
            for task in [t for t in self._tasks.values() if (t.kind, t.subject) == (kind, subject)]:
                if task.status == "running":
                    return task.id
                del self._tasks[task.id]
            task = _Task(secrets.token_hex(8), kind, subject)
            task.thread = threading.Thread(target=self._run, args=(task, work), daemon=True)
            self._tasks[task.id] = task
        task.thread.start()
        return task.id

    def cancel(self, id: str) -> None:
        """Ask a task to stop; it ends at its next sign of progress. One that is over stays so."""
        with self._lock:
            if id in self._tasks:
                self._tasks[id].is_unwanted = True

    def dismiss(self, id: str) -> None:
        """Forget a task that is over."""
        with self._lock:
            if id in self._tasks and self._tasks[id].status != "running":
                del self._tasks[id]

    def end(self) -> None:
        """Ask every task to stop, without waiting."""
        for task in self._living():
            self.cancel(task.id)

    def wait(self, patience: float = _PATIENCE) -> None:
        """Wait until every task is over, ``patience`` seconds at most."""
        deadline = self._clock() + patience
        for task in self._living():
            if task.thread is not None:
                task.thread.join(max(0.0, deadline - self._clock()))

    def list(self) -> list[Json]:
        """All tasks in the order in which they were begun, also those that are over."""
        now = self._clock()
        with self._lock:
            return [task.as_json(now) for task in self._tasks.values()]

    def _living(self) -> Iterable[_Task]:
        with self._lock:
            return [task for task in self._tasks.values() if task.status == "running"]

    def _run(self, task: _Task, work: Work) -> None:
        def told(progress: Json) -> None:
            with self._lock:
                if task.is_unwanted:
                    raise _Cancelled
                task.hear(progress, self._clock())

        try:
            self._close(task, "done", result=work(told))
        except _Cancelled:
            self._close(task, "cancelled")
        except StudioError as error:
            self._close(task, "failed", error=error)
        except Exception as error:
            tell_place(error)
            self._close(task, "failed", error=Fault("tasks.broke", cause=type(error).__name__))

    def _close(
        self, task: _Task, status: Status, *, result: Any = None, error: StudioError | None = None
    ) -> None:
        with self._lock:
            # What an unwanted task fails by is the way in which it was stopped.
            is_stopped = status == "failed" and task.is_unwanted
            task.status = "cancelled" if is_stopped else status
            task.error = None if error is None or is_stopped else error.as_json()
            task.result = result
