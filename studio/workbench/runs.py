"""Training runs: beginning, watching, pausing, resuming, ending and exporting them."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studio.core.errors import Refusal, UserMistake
from studio.core.events import RunState
from studio.core.recipe import Base, Lessons, Recipe, Training
from studio.core.rows import Row, Split
from studio.core.splits import DEFAULT_CHECK_SHARE, place
from studio.jobs.trainers import Liveness, Trainers
from studio.methods import method_of, read_values
from studio.store.data_folder import DataFolder
from studio.store.locks import owner
from studio.store.run_folder import Request, RunFolder, RunRow
from studio.store.runs import RunEntry, Runs
from studio.store.tensors import tuned_sha256
from studio.workbench.engine_room import EngineRoom
from studio.workbench.models import ModelService, Told, unheard
from studio.workbench.rows import RowService

Json = dict[str, Any]
ENDED = ("finished", "paused", "stopped", "failed")
_TICK = 0.1


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for when starting a run, still unread."""

    model: str
    dataset: str
    method: str
    knobs: Mapping[str, object] = field(default_factory=dict)
    training: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunService:
    """The runs of a data folder."""

    data: DataFolder
    index: Runs
    rows: RowService
    models: ModelService
    engine: EngineRoom
    trainers: Trainers

    def start(self, order: Order, *, told: Told = unheard) -> str:
        """Begin a run and return its id; its trainer lives on by itself.

        Everything that can be checked without loading the model is checked first. Raises
        UserMistake with every problem of the knobs, Refusal while the device is in use.
        """
        method = method_of(order.method)
        training = Training.read(order.training)
        knobs = read_values(method, order.knobs)
        home = self.rows.datasets.get(order.dataset)
        pinned = self.rows.versions.pin(home.id)
        rows = _lessons(pinned.rows, training, home.salt)
        if not rows:
            counts = self.rows.rows.counts(home.id)
            raise UserMistake("rows.none_ready", dataset=home.name, rows=counts.total)
        self._require_free_device()
        base = self.models.need(order.model, told=told)
        method.sites(self.models.sheet(base.id), knobs)
        recipe = Recipe(
            name=order.name or f"{home.name} · {method.id}",
            base=Base(base.id, base.folder, str(base.identity["hash"])),
            rows=Lessons(home.id, home.name, pinned.version.version),
            method=method.id,
            knobs=knobs,
            training=training,
            questions=order.questions,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return self._begin(recipe, rows)

    def _begin(self, recipe: Recipe, rows: list[RunRow]) -> str:
        run = RunFolder.create(self.data.runs / _new_id(), recipe, rows)
        entry = RunEntry(
            run.id,
            recipe.name,
            recipe.rows.dataset,
            recipe.rows.version,
            recipe.base.id,
            recipe.method,
        )
        self.index.add(entry, [row.id for row in rows])
        self.trainers.start(run)
        return run.id

    def _require_free_device(self) -> None:
        """Refuse before anything is written; starting takes the lease for real."""
        self.trainers.lease.acquire("start").release()

    def list(self) -> list[Json]:
        """All living runs, briefly."""
        return [self._brief(entry) for entry in self.index.list()]

    def show(self, wanted: str) -> Json:
        """Everything about a run: recipe, plan, curves, and the hash of its result."""
        entry = self.index.get(wanted)
        run = self._folder(entry)
        state, living = run.state(), self.trainers.status(run)
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
            "checkpoints": run.checkpoints.steps(),
            "tuned_sha256": tuned_sha256(run.tuned),
            "tuned_is": "last" if run.tuned.is_dir() else None,
            "erased_rows": entry.erased,
            "exit": living.exit,
        }

    def resume(self, wanted: str) -> str:
        """Go on with a run that is not running, from its last save point; returns its id."""
        entry = self.index.get(wanted)
        run = self._folder(entry)
        status = status_of(run.state(), self.trainers.status(run))
        if status == "finished":
            raise Refusal("run.finished", run=run.id)
        if self.trainers.status(run).is_living:
            raise Refusal("run.already_running", run=run.id)
        if entry.erased:
            raise Refusal("run.rows_erased", run=run.id, rows=entry.erased)
        self.trainers.start(run)
        return run.id

    def find(self, wanted: str) -> str:
        """The id of the run that ``wanted`` names."""
        return self.index.get(wanted).id

    def ask(self, wanted: str, word: Request) -> None:
        """Ask for a pause or a stop without waiting for it."""
        self.trainers.request(self._folder(self.index.get(wanted)), word)

    def request(self, wanted: str, word: Request) -> Json:
        """Ask for a pause, or for a stop that keeps what is learned, and wait until it is done."""
        self.ask(wanted, word)
        run = self._folder(self.index.get(wanted))
        while self.trainers.status(run).is_living:
            time.sleep(_TICK)
        return self._brief(self.index.get(run.id))

    def follow(self, run_id: str, *, after: int = 0) -> Iterator[Json]:
        """The run's events with ``seq`` above ``after``, as they come, until its process ends."""
        run = RunFolder(self.data.runs / run_id)
        while True:
            living = self.trainers.status(run).is_living
            for event in run.events():
                if event["seq"] > after:
                    after = event["seq"]
                    yield event
            if not living:
                return
            time.sleep(_TICK)

    def last_seq(self, run_id: str) -> int:
        """The number of the last event so far."""
        return RunFolder(self.data.runs / run_id).state().seq

    def status(self, wanted: str) -> str:
        """Where a run stands, in one word."""
        run = self._folder(self.index.get(wanted))
        return status_of(run.state(), self.trainers.status(run))

    def export(self, wanted: str, *, form: str = "", to: Path | None = None) -> Json:
        """Write a run's result into a new folder; ``form`` is ``adapter`` or ``merged``."""
        entry = self.index.get(wanted)
        form = form or ("adapter" if method_of(entry.method).adapter else "merged")
        target = to or self.data.exports / f"{entry.id}-{form}"
        with self.engine.device("export"):
            exported: Json = self.engine.call(
                "export",
                run=str(self._folder(entry).path),
                form=form,
                target=str(target.expanduser().resolve()),
            )
        return {"run": entry.id} | exported

    def _folder(self, entry: RunEntry) -> RunFolder:
        return RunFolder(self.data.runs / entry.id)

    def _brief(self, entry: RunEntry) -> Json:
        run = self._folder(entry)
        state, living = run.state(), self.trainers.status(run)
        return {
            "run": entry.id,
            "name": entry.name,
            "status": status_of(state, living),
            "step": state.step,
            "total": state.total,
            "method": entry.method,
            "model": entry.model,
            "dataset": entry.dataset,
            "version": entry.version,
            "pid": living.pid,
        }

    def device_owner(self) -> Json | None:
        """Who has the device, or None while it is free."""
        with suppress(OSError):
            return owner(self.trainers.lease.path)
        return None


def status_of(state: RunState, living: Liveness) -> str:
    """The run's own word where its process bears it out, else what became of it."""
    if living.is_living:
        return "preparing" if state.status in ENDED else state.status
    if state.status in ENDED:
        return state.status
    return "new" if living.state == "new" else "interrupted"


def _lessons(rows: tuple[Row, ...], training: Training, salt: str) -> list[RunRow]:
    """The rows that a run holds, train and check; exam rows never come near it.

    If holding rows back would leave nothing to learn from, none are held back.
    """
    usable = [row for row in rows if row.split is not Split.EXAM]
    split = [RunRow(row.id, row.body, _split(row, training.check, salt)) for row in usable]
    if any(row.split is Split.TRAIN for row in split):
        return split
    return [RunRow(row.id, row.body, Split.TRAIN) for row in usable]


def _split(row: Row, share: float, salt: str) -> Split:
    """The stored split where the share is the usual one, else the row's place against it."""
    if share == DEFAULT_CHECK_SHARE:
        return row.split
    return Split.CHECK if place(salt, row.group) < share else Split.TRAIN


def _new_id() -> str:
    return f"{datetime.now(UTC):%y%m%d-%H%M%S}-{secrets.token_hex(3)}"
