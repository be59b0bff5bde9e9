"""The two-minute demo: the starter learns a tone, then answers beside its base.

Composes what the other services offer. The ids of what it has made stand in ``demo.json``; all
else is asked of the store, so reload and restart show the same. It touches nothing but its own.
"""

import json
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError, UserMistake
from studio.core.words import assets_folder
from studio.store.atomic import write_json
from studio.store.data_folder import DataFolder
from studio.store.datasets import Dataset
from studio.workbench.compare import CompareService
from studio.workbench.models import ModelService, Told
from studio.workbench.orders import Order, OrderService
from studio.workbench.rows import RowService
from studio.workbench.runs import RunService
from studio.workbench.sources import STARTER
from studio.workbench.tasks import Tasks

Json = dict[str, Any]

PREPARE, WARM, ASK = "demo", "demo_warm", "demo_ask"
DATASET = "Tone demo"
ROWS = "tone_en.jsonl"
METHOD = "lora"
TRAINING = {
    "steps": 18,
    "batch": 4,
    "lr": 8e-4,
    "schedule": "linear",
    "check": 0.0,
    "save_every": 0,
    "eval_every": 0,
}
"""Not quite two passes: the tone is unmistakable, within a minute on two quiet cores. At twice the
rate the starter repeats the captain's greeting for ever."""

LENGTH = 80
VARIETY = 0.5
"""The rows' answers have about sixty word pieces; without variety a small model repeats itself."""

PATIENCE = 60.0
"""Seconds that a preparation may take to notice that it is no longer wanted."""

_TICK = 0.05
_STEP: Json = {"done": 0, "total": 0, "unit": "parts"}
_LIVING = ("preparing", "running", "waiting")


@dataclass(slots=True)
class Answer:
    """Both lanes' answers to one question, as far as they are; ``problem`` is an error as JSON."""

    question: str
    base: str = ""
    tuned: str = ""
    done: bool = False
    problem: Json | None = None

    def take(self, event: Json, limit: int) -> None:
        """Add what a lane has written since, at the end a mark where ``limit`` has cut it off."""
        if "lane" in event:
            self._add(event["lane"], event["text"])
        else:
            for lane in ("base", "tuned"):
                if event["comparison"][lane]["tokens"] >= limit:
                    self._add(lane, " …")

    def _add(self, lane: str, text: str) -> None:
        if lane == "base":
            self.base += text
        else:
            self.tuned += text


@dataclass(slots=True)
class DemoService:
    """The demo of one data folder. Threads may share it."""

    data: DataFolder
    models: ModelService
    rows: RowService
    orders: OrderService
    runs: RunService
    compare: CompareService
    tasks: Tasks
    _answer: Answer | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _door: threading.Lock = field(default_factory=threading.Lock)

    def show(self) -> Json:
        """How far the demo is.

        ``{"stage": "idle|preparing|learning|ready|stuck", "progress", "run", "answer",
        "problem"}``; ``problem`` (an error as JSON) says what it is stuck on.
        """
        task, made = self._task(PREPARE), self._made()  # a task that is over has made it
        run = self._run(made.get("run"))
        return {
            "stage": _stage(bool(made), task, run),
            "progress": task if task and task["status"] == "running" else None,
            "run": run,
            "answer": asdict(self._answer) if self._answer else None,
            "problem": _problem(task, run),
        }

    def begin(self) -> Json:
        """Make the starter ready, bring the rows in, and start to train; goes on by itself."""
        self.tasks.start(PREPARE, DATASET, self._prepare)
        return self.show()

    def warm(self) -> None:
        """Load base and result ahead of the first question."""
        run = self._finished()
        self.tasks.start(WARM, run, lambda told: self._stream(run, Answer("Hello"), length=1))

    def ask(self, question: str) -> Json:
        """Put ``question`` to both; the answers grow in :meth:`show`.

        Raises UserMistake ``compare.empty_prompt``, ``demo.not_ready``.
        """
        run = self._finished()
        if not question.strip():
            raise UserMistake("compare.empty_prompt")
        with self._door:  # of two windows that ask at once, one is heard
            if self._answer is None or self._answer.done:
                self._answer = answer = Answer(question.strip())
                self.tasks.start(ASK, run, lambda told: self._stream(run, answer))
        return self.show()

    def reset(self) -> Json:
        """Put the demo's rows and run into the trash, and begin anew with nothing."""
        self._give_up()
        made = self._made()
        if run := self._run(made.get("run")):
            if run["status"] in _LIVING:
                with suppress(StudioError):  # it goes to the trash, however it has ended
                    self.runs.stop(run["run"])
            self.runs.index.trash(run["run"])
        if dataset := made.get("dataset"):
            self.rows.discard(dataset)
        self._path.unlink(missing_ok=True)
        self._answer = None
        return self.show()

    def _give_up(self) -> None:
        """End the preparation, and forget how it ended."""
        deadline = time.monotonic() + PATIENCE
        while (task := self._task(PREPARE)) and time.monotonic() < deadline:
            self.tasks.cancel(task["id"])
            self.tasks.dismiss(task["id"])
            time.sleep(_TICK)

    def _prepare(self, told: Told) -> Json:
        model = self.models.add(STARTER, told=told)
        told(_STEP | {"step": "rows"})
        home = self._home()
        told(_STEP | {"step": "start"})
        order = Order(
            model=model["id"],
            dataset=home.id,
            method=METHOD,
            training=TRAINING,
            name=home.name,
        )
        run = self.runs.begin(self.orders.read(order))
        write_json(self._path, {"dataset": home.id, "run": run})
        return {"run": run}

    def _home(self) -> Dataset:
        """The demo's own dataset with its rows in it."""
        known = self._made().get("dataset")
        home = self.rows.datasets.get(known) if known else self.rows.datasets.create(self._name())
        write_json(self._path, {"dataset": home.id})
        if not self.rows.rows.counts(home.id).total:
            self.rows.import_file(_lessons_file(), home.id)
        return home

    def _name(self) -> str:
        """A name that the person has not given to rows of their own."""
        taken = {home.name for home in self.rows.datasets.list()}
        names = (DATASET, *(f"{DATASET} {number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def _stream(self, run: str, answer: Answer, length: int = LENGTH) -> Json:
        try:
            with self._turn:  # the device does one thing at a time
                sampling = {"max_new_tokens": length, "temperature": VARIETY}
                for event in self.compare.stream(run, answer.question, sampling=sampling):
                    answer.take(event, length)
        except StudioError as error:
            answer.problem = error.as_json()
        finally:
            answer.done = True
        return {}

    def _finished(self) -> str:
        run = self._run(self._made().get("run"))
        if run is None or run["status"] != "finished":
            raise UserMistake("demo.not_ready")
        return str(run["run"])

    def _run(self, wanted: str | None) -> Json | None:
        if wanted is None:
            return None
        try:
            found = self.runs.watch(wanted)
        except StudioError:  # its folder or its entry is gone: only starting over helps
            return None
        names = ("run", "status", "step", "total", "reason", "seconds_left")
        return {name: found[name] for name in names} | {"loss": found["points"]["loss"]}

    def _task(self, kind: str) -> Json | None:
        return next((task for task in self.tasks.list() if task["kind"] == kind), None)

    def _made(self) -> Json:
        try:
            made: Json = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return made

    @property
    def _path(self) -> Path:
        return self.data.root / "demo.json"


def lessons() -> list[Json]:
    """The demo's rows, ``{"prompt", "response"}`` each."""
    lines = _lessons_file().read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _lessons_file() -> Path:
    return assets_folder() / "datasets" / ROWS


def _stage(has_begun: bool, task: Json | None, run: Json | None) -> str:
    if run is not None:
        return {"finished": "ready"}.get(
            run["status"], "learning" if run["status"] in _LIVING else "stuck"
        )
    if task is None:
        return "stuck" if has_begun else "idle"
    return "preparing" if task["status"] == "running" else "stuck"


def _problem(task: Json | None, run: Json | None) -> Json | None:
    """What keeps the demo from going on, as an error in JSON."""
    if run is not None and run["status"] not in (*_LIVING, "finished"):
        found: Json | None = run["reason"]
        return found
    return task["error"] if task and run is None else None
