"""A whole studio over a temporary folder: commands in this process, workers that are real.

Engine and trainers are forked from one process that has imported torch already, so that a run on
a tiny model takes a second.
"""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import psutil

from studio.cli import main
from studio.jobs.processes import Launcher
from studio.store.data_folder import DataFolder
from studio.workbench import Workbench
from tests.jobs.conftest import session_of

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("studio.engine.worker", "studio.engine.trainer", "studio.jobs.keeper")
TRAINING = tuple(f"--train-set={knob}" for knob in ("batch=2", "lr=0.01", "precision=float32"))

Words = tuple[str | Path, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one value on standard output, which must be there alone."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def lines(self) -> list[Any]:
        """The values on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def sentence(self) -> str:
        """The last line on standard error: it must be a sentence, and no key of one."""
        last = self.err.splitlines()[-1]
        assert " " in last or "。" in last, self.err
        assert not last.startswith("errors."), last
        return last


class TinyStudio:
    """The commands of a studio in ``folder``; ``model`` is a tiny base model."""

    def __init__(self, folder: Path, model: Path, launcher: Launcher) -> None:
        self.folder, self.model, self.launcher = folder, model, launcher

    def __call__(self, *words: str | Path) -> Outcome:
        """Run a command with ``--json`` in this process."""
        return self.say(*words, "--json")

    def say(self, *words: str | Path) -> Outcome:
        """Run a command for people in this process."""
        out, err = io.StringIO(), io.StringIO()
        arguments = [*map(str, words), "--data-dir", str(self.folder)]
        with redirect_stdout(out), redirect_stderr(err):
            code = main(arguments, partial(Workbench.open, launcher=self.launcher))
        return Outcome(code, out.getvalue(), err.getvalue())

    def process(self, *words: str | Path, **environment: str) -> "subprocess.Popen[str]":
        """Run a command with ``--json`` as people do, in a process of its own."""
        arguments = [*map(str, words), "--data-dir", str(self.folder), "--json"]
        return subprocess.Popen(
            [sys.executable, "-m", "studio", *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def add(self) -> str:
        """Make the base model known; returns its id, by which no file of it is read again."""
        return str(self("model", "add", self.model).json["id"])

    def fill(self, name: str, rows: int = 12) -> str:
        """Import ``rows`` ready rows into the dataset ``name``; returns the name."""
        pairs = [
            {"prompt": f"What is {n} + {n + 1}?", "response": f"It is {2 * n + 1}, my friend."}
            for n in range(rows)
        ]
        return self.put(name, pairs)

    def put(self, name: str, pairs: list[dict[str, Any]]) -> str:
        """Import ``pairs`` as they are into the dataset ``name``; returns the name."""
        file = self.folder.parent / f"{name}.jsonl"
        lines = (json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
        file.write_text("".join(lines), encoding="utf-8")
        assert self("data", "import", file, "--dataset", name).code == 0
        return name

    def order(self, dataset: str, *more: str | Path, method: str = "lora", steps: int = 2) -> Words:
        """The words that train on ``dataset``; ``more`` may say otherwise."""
        knobs = ("--set", "r=4") if method == "lora" else ()
        what = ("--model", self.model, "--dataset", dataset, "--method", method)
        return ("train", *what, *knobs, *TRAINING, f"--train-set=steps={steps}", *more)

    def train(
        self, dataset: str, *more: str | Path, method: str = "lora", steps: int = 2
    ) -> Outcome:
        """Train as :meth:`order` says, and wait for the end."""
        return self(*self.order(dataset, *more, method=method, steps=steps))

    def start(self, dataset: str, *more: str, steps: int = 5000) -> str:
        """Start a run that goes on by itself, for long; returns its id."""
        started = self.train(dataset, "--detach", *more, steps=steps)
        assert started.code == 0, started.err
        return str(started.json["run"])

    def status(self, run: str) -> str:
        """Where a run stands."""
        return str(self.show(run)["status"])

    def show(self, run: str) -> dict[str, Any]:
        """All of a run."""
        return dict(self("run", "show", run).json)

    def runs(self) -> list[str]:
        """The ids of all runs."""
        return [run["run"] for run in self("run", "list").json]

    def kill(self, run: str) -> None:
        """End keeper and trainer of a run by SIGKILL, as a machine short of memory would."""
        place = DataFolder(self.folder).runs / run / "process.json"
        keeper = json.loads(place.read_bytes())["keeper"]["pid"]
        for pid in [pid for pid in psutil.pids() if session_of(pid) == keeper]:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not [pid for pid in psutil.pids() if session_of(pid) == keeper])

    def clear(self) -> None:
        """Leave no trainer behind."""
        for place in DataFolder(self.folder).runs.glob("*/process.json"):
            with suppress(FileNotFoundError):
                self.kill(place.parent.name)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until the condition holds; fail if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Trained:
    """A studio with the dataset ``rows`` and a finished run on it; only to be looked at."""

    studio: TinyStudio
    run: str
    events: list[dict[str, Any]]

    @classmethod
    def once(cls, studio: TinyStudio) -> Self:
        """Train in ``studio``."""
        studio.fill("rows")
        often = [f"--train-set={name}=1" for name in ("save_every", "sample_every", "eval_every")]
        done = studio.train("rows", *often)
        assert done.code == 0, done.err
        return cls(studio, done.lines[0]["run"], done.lines)
