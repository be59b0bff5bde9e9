"""Training runs: beginning, watching, pausing, resuming, ending and exporting them."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studio.core.errors import Fault, Refusal, RunFailed, from_json
from studio.core.events import RunState
from studio.jobs.trainers import Liveness, Trainers
from studio.methods import method_of
from studio.store.atomic import discard
from studio.store.data_folder import DataFolder
from studio.store.datasets import Datasets
from studio.store.run_folder import RunFolder
from studio.store.runs import RunEntry, Runs
from studio.store.tensors import tuned_sha256
from studio.workbench.engine_room import EngineRoom
from studio.workbench.orders import Ready

Json = dict[str, Any]

ENDED = ("finished", "paused", "stopped", "failed")
PATIENCE = 300.0
"""Seconds that a trainer may take to pause or stop; a large model is saved in less."""

_TICK = 0.1


@dataclass(frozen=True, slots=True)
class RunService:
    """The runs of a data folder."""

    data: DataFolder
    index: Runs
    datasets: Datasets
    engine: EngineRoom
    trainers: Trainers
    patience: float = PATIENCE

    def begin(self, ready: Ready) -> str:
        """Start to train and return the run's id; its trainer lives on by itself.

        What raises leaves no run behind: Refusal ``lease.busy``, Fault ``run.not_started``.
        """
        run = RunFolder.create(self.data.runs / _new_id(), ready.recipe, ready.rows)
        try:
            self.index.add(_entry(run.id, ready), [row.id for row in ready.rows])
            self._train(run)
        except BaseException as error:
            self.index.remove(run.id)
            self._keep_log(run, error)
            discard(run.path)
            raise
        return run.id

    def list(self) -> list[Json]:
        """All living runs, briefly."""
        return [self._brief(entry) for entry in self.index.list()]

    def living(self) -> Json | None:
        """The run that has a process, briefly; there is one device, so there is one run."""
        living = {run.id for run in self.trainers.adopt()}
        found = next((entry for entry in self.index.list() if entry.id in living), None)
        return None if found is None else self._brief(found)

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

    def find(self, wanted: str) -> str:
        """The id of the run that ``wanted`` names."""
        return self.index.get(wanted).id

    def resume(self, wanted: str) -> str:
        """Go on with a run that is not running, from its last save point; returns its id.

        What can only be refused once the model is loaded is said in the run's events; it leaves
        the run as it was.
        """
        entry = self.index.get(wanted)
        run = self._folder(entry.id)
        is_ending = self._status(run) in ENDED  # its process may go on for a moment
        if self.trainers.status(run).is_living and not (is_ending and self._is_over(run)):
            raise Refusal("run.already_running", run=run.id)
        if run.state().status == "finished":
            raise Refusal("run.finished", run=run.id)
        if entry.erased:
            raise Refusal("run.rows_erased", run=run.id, rows=entry.erased)
        self._train(run)
        return run.id

    def ask_to_pause(self, wanted: str) -> None:
        """Ask for a pause without waiting for it. Raises Refusal ``run.not_running``."""
        self.trainers.request(self._folder(self.index.get(wanted).id), "pause")

    def pause(self, wanted: str) -> Json:
        """Pause a run and wait until its memory is given back; returns it, briefly.

        Raises Refusal ``run.not_running``, ``run.slow_to_pause`` if it is still at it.
        """
        run = self._folder(self.index.get(wanted).id)
        seen = run.state().seq
        self.trainers.request(run, "pause")
        if not self._is_over(run):
            raise Refusal("run.slow_to_pause", run=run.id, seconds=self.patience)
        return self._ended(run, seen)

    def stop(self, wanted: str) -> Json:
        """End a run and make what it has learned its result; returns it, briefly.

        A run that stands still is loaded once more for that. One that does not hear is ended by
        force. Raises Refusal ``run.not_running`` for a run that has its result.
        """
        run = self._folder(self.index.get(wanted).id)
        seen = run.state().seq
        if self._status(run) in ("paused", "failed", "interrupted"):
            self.resume(run.id)
        self.trainers.stop(run, self.patience)
        return self._ended(run, seen)

    def follow(
        self, run_id: str, *, after: int = 0, heed: Callable[[], None] = lambda: None
    ) -> Iterator[Json]:
        """The run's events with ``seq`` above ``after``, as they come, until its process ends.

        ``heed`` is called while nothing comes, some times a second.
        """
        run = self._folder(run_id)
        log = run.reader()
        while True:
            is_living = self.trainers.status(run).is_living
            yield from (event for event in log.read() if event["seq"] > after)
            if not is_living:
                return
            heed()
            time.sleep(_TICK)

    def last_seq(self, run_id: str) -> int:
        """The number of the last event so far."""
        return self._folder(run_id).state().seq

    def export(self, wanted: str, *, form: str = "", to: Path | None = None) -> Json:
        """Write a run's result into a new folder; ``form`` is ``adapter`` or ``merged``."""
        entry = self.index.get(wanted)
        form = form or ("adapter" if method_of(entry.method).adapter else "merged")
        target = (to or self.data.exports / f"{entry.id}-{form}").expanduser().resolve()
        with self.engine.device("export"):
            run = self._folder(entry.id).path
            exported: Json = self.engine.call("export", run=str(run), form=form, target=str(target))
        return {"run": entry.id} | exported

    def _train(self, run: RunFolder) -> None:
        """Start the trainer; the engine's memory is given back to it."""
        self.engine.close()
        self.trainers.start(run)

    def _keep_log(self, run: RunFolder, error: BaseException) -> None:
        """Save the log of a start that failed from going with the run's folder."""
        if isinstance(error, Fault) and "log" in error.facts:
            kept = self.data.root / "not-started.log"
            with suppress(FileNotFoundError):
                run.log_path.replace(kept)
                error.facts["log"] = str(kept)

    def _folder(self, run_id: str) -> RunFolder:
        """The run's folder; raises Refusal ``run.folder_missing``."""
        return require_folder(self.data.runs / run_id)

    def _status(self, run: RunFolder) -> str:
        living = self.trainers.status(run)  # asked first: an end is written before a process ends
        return status_of(run.state(), living)

    def _is_over(self, run: RunFolder) -> bool:
        """Whether the run's process is gone, or goes while we wait for it."""
        deadline = time.monotonic() + self.patience
        while is_living := self.trainers.status(run).is_living:
            if time.monotonic() > deadline:
                break
            time.sleep(_TICK)
        return not is_living

    def _ended(self, run: RunFolder, seen: int) -> Json:
        """The run, briefly, if it has said after its event ``seen`` how it ended."""
        for event in run.events():
            if event["seq"] > seen and event["event"] == "refused":
                raise from_json(event["reason"])
        brief = self._brief(self.index.get(run.id))
        if brief["status"] == "interrupted":
            raise RunFailed("run.lost", run=run.id)
        return brief

    def _brief(self, entry: RunEntry) -> Json:
        run = RunFolder(self.data.runs / entry.id)
        living, state = self.trainers.status(run), run.state()
        return {
            "run": entry.id,
            "name": entry.name,
            "status": status_of(state, living) if run.is_there else "missing",
            "step": state.step,
            "total": state.total,
            "method": entry.method,
            "model": entry.model,
            "dataset": self.datasets.get(entry.dataset).name,
            "dataset_id": entry.dataset,
            "version": entry.version,
            "pid": living.pid,
        }


def require_folder(path: Path) -> RunFolder:
    """The run in ``path``; raises Refusal ``run.folder_missing`` where there is none any more."""
    run = RunFolder(path)
    if not run.is_there:
        raise Refusal("run.folder_missing", run=run.id)
    return run


def status_of(state: RunState, living: Liveness) -> str:
    """The run's own word where its process bears it out, else what became of it."""
    if living.is_living:
        has_spoken = living.since is not None and state.seq > living.since
        return state.status if has_spoken else "preparing"
    if state.status in ENDED:
        return state.status
    return "new" if living.state == "new" else "interrupted"


def _entry(run_id: str, ready: Ready) -> RunEntry:
    recipe = ready.recipe
    rows = recipe.rows
    return RunEntry(run_id, recipe.name, rows.dataset, rows.version, recipe.base.id, recipe.method)


def _new_id() -> str:
    return f"{datetime.now(UTC):%y%m%d-%H%M%S}-{secrets.token_hex(3)}"
