"""The runs of a data folder as one looks at them: their list, what each has told, their names.

What a run did stands in its folder, and is read there; nothing here starts or ends one.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from studio.core.errors import Refusal, RunFailed
from studio.core.following import Followed, thinned
from studio.core.questions import COUNT, questions_of
from studio.core.recipe import Training
from studio.core.rows import Split
from studio.core.splits import parted
from studio.jobs.trainers import Liveness, Trainers, loss
from studio.store.data_folder import DataFolder
from studio.store.datasets import Datasets
from studio.store.run_folder import RunFolder
from studio.store.runs import RunEntry, Runs
from studio.store.tensors import tuned_sha256
from studio.workbench.engine_room import EngineRoom
from studio.workbench.orders import OrderService
from studio.workbench.watching import Watching

Json = dict[str, Any]

ENDED = ("finished", "paused", "stopped", "failed")
PATIENCE = 300.0
"""Seconds that a trainer may take to pause or stop; a large model is saved in less."""

CURVE = 2000
"""Points of a curve at most, where several are laid over one another."""


class Told(Protocol):
    """What a run has said of itself, up to its event ``seq``."""

    @property
    def status(self) -> str: ...

    @property
    def seq(self) -> int: ...


@dataclass(frozen=True, slots=True)
class RunBook:
    """All runs, by id or name."""

    data: DataFolder
    index: Runs
    datasets: Datasets
    engine: EngineRoom
    trainers: Trainers
    orders: OrderService
    watching: Watching
    patience: float = PATIENCE

    def list(self, *, trashed: bool = False) -> list[Json]:
        """All living runs, or those in the trash, briefly."""
        return [self._brief(entry) for entry in self.index.list(trashed=trashed)]

    def living(self) -> Json | None:
        """The run that has a process, briefly, and ``seconds_left``; one device, so one run."""
        living = {run.id for run in self.trainers.adopt()}
        found = next((entry for entry in self.index.list() if entry.id in living), None)
        if found is None:
            return None
        brief = self._brief(found)
        with self.watching.at(found.id) as followed:
            left = followed.seconds_left(time.time()) if brief["status"] == "running" else None
        return brief | {"seconds_left": left}

    def latest(self) -> Json | None:
        """The run that was begun last, briefly, unless it lies in the trash."""
        entries = self.index.list()
        return self._brief(entries[-1]) if entries else None

    def find(self, wanted: str) -> str:
        """The id of the run that ``wanted`` names."""
        return self.index.get(wanted).id

    def loss(self, wanted: str) -> RunFailed:
        """Why a run stands still that has not said how it ended."""
        run = self._folder(self.index.get(wanted).id)
        return loss(run, self.trainers.status(run), self.watching.summary(run.id).seq)

    def last_seq(self, run_id: str) -> int:
        """The number of the last event so far."""
        self._folder(run_id)
        return self.watching.summary(run_id).seq

    def show(self, wanted: str) -> Json:
        """Everything about a run: recipe, plan, curves, and the hash of its result."""
        entry = self.index.get(wanted)
        run = self._folder(entry.id)
        living, state = self.trainers.status(run), run.state()
        plan = run.plan()
        return {
            "run": run.id,
            "name": entry.name,
            "status": status_of(state, living),
            "step": state.step,
            "total": state.total,
            "attempt": state.attempt,
            "pid": living.pid,
            "reason": state.reason,
            "recipe": run.recipe().as_json(),
            "plan": None if plan is None else plan.as_json(),
            "curves": state.curves_json(),
            "samples": state.samples,
            "checkpoints": run.checkpoints.named(),
            "tuned_sha256": tuned_sha256(run.tuned),
            "tuned_is": "last" if run.tuned.is_dir() else None,
            "tuned_step": run.tuned_step,
            "erased_rows": entry.erased,
            "exit": living.exit,
        }

    def watch(self, wanted: str, *, seen: int = 0) -> Json:
        """How a run is, and what it has told since its event ``seen``.

        ``again`` says that part of what was told before has been taken back by a resume: then all
        that holds is told anew. ``save_points`` are those that are on the disk now; ``asked`` is
        the pause or stop that the run has not followed yet.
        """
        entry = self.index.get(wanted)
        run = self._folder(entry.id)
        living = self.trainers.status(run)  # asked first: an end is written before a process ends
        with self.watching.at(run.id) as followed:
            return self._watched(entry, run, living, followed, seen)

    def curves(self, wanted: Sequence[str]) -> dict[str, Json]:
        """The losses of several runs, by id: the lowest and highest of each stretch of a long one.

        ``{"name", "step", "loss", "check_step", "check_loss"}``.
        """
        found = {}
        for entry in map(self.index.get, wanted):
            with self.watching.at(entry.id) as followed:
                curves = followed.state.curves_json()
            step, loss = thinned(curves["step"], curves["loss"], CURVE)
            checks = thinned(curves["check_step"], curves["check_loss"], CURVE)
            names = ("step", "loss", "check_step", "check_loss")
            points = dict(zip(names, (step, loss, *checks), strict=True))
            found[entry.id] = {"name": entry.name} | points
        return found

    def questions(
        self, dataset: str, *, training: Mapping[str, object] | None = None
    ) -> Sequence[str]:
        """Three questions of check rows, so of none that a run with ``training`` learns from."""
        home = self.datasets.get(dataset)
        share = Training.read(training or {}).check
        rows = self.orders.rows.rows.ready(home.id)
        splits = parted([(row.split, row.group) for row in rows], home.salt, share)
        held_back, learned = (
            [row.body for row, split in zip(rows, splits, strict=True) if split is wanted]
            for wanted in (Split.CHECK, Split.TRAIN)
        )
        return list(islice(questions_of(held_back, learned), COUNT))

    def rename(self, wanted: str, name: str) -> Json:
        """Give a run another name; returns it, briefly."""
        return self._brief(self.index.rename(wanted, name))

    def trash(self, wanted: str) -> Json:
        """Put a run into the trash; its folder stays. Raises Refusal ``run.is_going_on``."""
        entry = self.index.get(wanted)
        if self.trainers.status(RunFolder(self.data.runs / entry.id)).is_living:
            raise Refusal("run.is_going_on", run=entry.name)
        return self._brief(self.index.trash(entry.id))

    def restore(self, run_id: str) -> Json:
        """Take a run out of the trash."""
        return self._brief(self.index.restore(run_id))

    def _watched(
        self, entry: RunEntry, run: RunFolder, living: Liveness, followed: Followed, seen: int
    ) -> Json:
        state, news = followed.state, followed.since(seen)
        status = status_of(state, living)
        is_learning = status == "running"
        save_points = run.checkpoints.named()
        return {
            "run": run.id,
            "name": entry.name,
            "status": status,
            "step": state.step,
            "total": state.total,
            "attempt": state.attempt,
            "seq": state.seq,
            "reason": _reason(run, status, followed, living),
            "again": news.again,
            "points": news.points,
            "checks": news.checks,
            "samples": news.samples,
            "save_points": save_points,
            "saved_step": save_points[-1] if save_points else 0,
            "tuned_step": run.tuned_step,
            "tokens_per_second": followed.tempo.tokens_per_second if is_learning else None,
            "seconds_left": followed.seconds_left(time.time()) if is_learning else None,
            "memory_bytes": state.memory_bytes,
            "rows": int(state.start.get("rows", 0)),
            "check_rows": int(state.start.get("check_rows", 0)),
            "left_out": state.start.get("left_out", []),
            "asked": run.asked() if living.is_living else None,
            "pid": living.pid,
            "erased_rows": entry.erased,
        }

    def _folder(self, run_id: str) -> RunFolder:
        """The run's folder; raises Refusal ``run.folder_missing``."""
        return require_folder(self.data.runs / run_id)

    def _status(self, run: RunFolder) -> str:
        living = self.trainers.status(run)  # asked first: an end is written before a process ends
        return status_of(self.watching.summary(run.id), living)

    def _brief(self, entry: RunEntry) -> Json:
        run = RunFolder(self.data.runs / entry.id)
        living, told = self.trainers.status(run), self.watching.summary(entry.id)
        return {
            "run": entry.id,
            "name": entry.name,
            "status": status_of(told, living) if run.is_there else "missing",
            "step": told.step,
            "total": told.total,
            "method": entry.method,
            "model": entry.model,
            "dataset": self.datasets.get(entry.dataset).name,
            "dataset_id": entry.dataset,
            "version": entry.version,
            "created": entry.created,
            "last_loss": told.last_loss,
            "best_check": told.best_check,
            "tuned": run.tuned.is_dir(),
            "pid": living.pid,
        }


def require_folder(path: Path) -> RunFolder:
    """The run in ``path``; raises Refusal ``run.folder_missing`` where there is none any more."""
    run = RunFolder(path)
    if not run.is_there:
        raise Refusal("run.folder_missing", run=run.id)
    return run


def status_of(told: Told, living: Liveness) -> str:
    """The run's own word where its process bears it out, else what became of it."""
    if living.is_living:
        has_spoken = living.since is not None and told.seq > living.since
        return told.status if has_spoken else "preparing"
    if told.status in ENDED:
        return told.status
    return "new" if living.state == "new" else "interrupted"


def _reason(run: RunFolder, status: str, followed: Followed, living: Liveness) -> Json | None:
    """Why a run stands where it does: its last resume was refused, or how it ended or was lost."""
    if status == "preparing":
        return None
    state = followed.state
    lost = loss(run, living, state.seq).as_json() if status == "interrupted" else None
    return followed.refusal or state.reason or lost
