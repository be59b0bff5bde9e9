"""Starting, watching and ending trainers; any server may find those of an earlier one again.

The truth is in the run folders, the process table and the device lease; nothing is kept here.
Knows nothing of training and of the database.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from studio.core.errors import Fault, Refusal, RunFailed
from studio.jobs.endings import problem
from studio.jobs.identity import KILL, TERMINATE, Identity, alive, signal_tree
from studio.jobs.processes import Job, Launcher
from studio.store.locks import Lock, owner
from studio.store.run_folder import Request, RunFolder

State = Literal["new", "starting", "running", "ended", "lost"]

_PATIENCE = 600.0
_START, _GRACE, _PAUSE = 30.0, 2.0, 0.02


@dataclass(frozen=True, slots=True)
class Liveness:
    """What the machine says of a run's process.

    ``new``: never started. ``lost``: it is gone and nobody wrote down how. ``pid`` of the living
    trainer, and ``since`` the number of the last event before it; ``exit`` ({code, signal,
    peak_memory_bytes, memory_ran_out, ended}) of one that ended.
    """

    state: State
    pid: int | None = None
    since: int | None = None
    exit: dict[str, Any] | None = None

    @property
    def is_living(self) -> bool:
        """Whether there is a process, or will be in a moment."""
        return self.state in ("starting", "running")


class Trainers:
    """The trainers of one data folder: one at a time, since there is one device lease."""

    def __init__(
        self,
        data_root: Path,
        launcher: Launcher,
        *,
        entry: str = "studio.engine.trainer:main",
        patience: float = _PATIENCE,
    ) -> None:
        """``entry`` trains a run folder; after ``patience`` silent seconds it shows its stacks."""
        self._root, self._launcher = data_root, launcher
        self._entry, self._patience = entry, patience

    @property
    def lease(self) -> Lock:
        """The lease of the device; chat and evaluation take it too."""
        return Lock(self._root / "locks" / "device.lock")

    def start(self, run: RunFolder) -> Liveness:
        """Start the run's trainer, as a new attempt; returns once it has a process.

        Raises Refusal ``lease.busy`` if the device is in use, Fault ``run.not_started`` if its
        keeper ended before it had begun.
        """
        with self.lease.acquire(run.id) as lease:
            for stale in (run.process_path, run.exit_path, run.heartbeat_path):
                stale.unlink(missing_ok=True)
            run.clear_request()
            words = (str(run.path), self._entry, str(self._patience))
            job = Job("studio.jobs.keeper:keep", words, run.log_path, (lease.fileno(),))
            keeper = self._launcher.launch(job)
        started = _wait_until(lambda: run.process_path.exists() or not alive(keeper), _START)
        if not started or not run.process_path.exists():
            signal_tree(keeper, KILL)
            raise Fault("run.not_started", run=run.id, log=str(run.log_path))
        return self.status(run)

    def status(self, run: RunFolder) -> Liveness:
        """What has become of the run's process."""
        keeper, trainer, since = _signed(run)
        if trainer and alive(trainer):
            return Liveness("running", pid=trainer.pid, since=since)
        if keeper and alive(keeper):
            return Liveness("running", since=since)
        # Read only now: a keeper writes it before it ends.
        ending = run.exit()
        if ending is not None:
            return Liveness("ended", since=since, exit=ending)
        if keeper:
            return Liveness("lost")
        holder = owner(self.lease.path)
        is_mine = holder is not None and holder.get("purpose") == run.id
        return Liveness("starting" if is_mine else "new")

    def request(self, run: RunFolder, word: Request) -> None:
        """Ask the run's trainer to pause or stop. Raises Refusal ``run.not_running``."""
        if not self.status(run).is_living:
            raise Refusal("run.not_running", run=run.id)
        run.ask(word)

    def stop(self, run: RunFolder, deadline_seconds: float = 10.0) -> Liveness:
        """End the run's trainer: by request, after the deadline by signals; returns what became.

        Raises Refusal ``run.not_running``.
        """
        self.request(run, "stop")
        steps: list[tuple[Callable[[], object], float]] = [
            (lambda: None, deadline_seconds),
            (lambda: _signal(_signed(run)[1], TERMINATE), _GRACE),
            (lambda: _signal(_signed(run)[1], KILL), _GRACE),
            (lambda: _signal(_signed(run)[0], KILL), _GRACE),
        ]
        for act, seconds in steps:
            act()
            if _wait_until(lambda: not self.status(run).is_living, seconds):
                break
        return self.status(run)

    def adopt(self) -> list[RunFolder]:
        """The runs that have a living process, whoever started them."""
        folders = [RunFolder(path) for path in sorted((self._root / "runs").glob("*/"))]
        return [run for run in folders if self.status(run).is_living]


def loss(run: RunFolder, living: Liveness, seq: int) -> RunFailed:
    """Why a run stands still that has not said how it ended; ``seq`` numbers its last event."""
    ending = living.exit
    if ending is None or ending["signal"] == TERMINATE:
        return RunFailed("run.lost", run=run.id)
    if ending.get("memory_ran_out"):
        return RunFailed("run.out_of_memory", run=run.id)
    if ending["signal"] == KILL:
        return RunFailed("run.killed", run=run.id)
    found = problem(ending["code"], ending["signal"], run.log_path)
    key = "run.died" if seq > (living.since or 0) else "run.cannot_start"
    return RunFailed(key, run=run.id, problem=found, log=str(run.log_path))


def _signed(run: RunFolder) -> tuple[Identity | None, Identity | None, int | None]:
    """Keeper and trainer of the last attempt and the last event before it, if written down."""
    try:
        data = json.loads(run.process_path.read_bytes())
        keeper, trainer = (Identity.from_json(data[name]) for name in ("keeper", "trainer"))
        return keeper, trainer, data.get("since")
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None, None, None


def _signal(identity: Identity | None, number: int) -> None:
    if identity is not None:
        signal_tree(identity, number)


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (fulfilled := condition()) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return fulfilled
