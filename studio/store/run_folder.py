"""One run on disk, used by trainer and server alike: the truth about a run.

    recipe.json rows.jsonl   what was asked for, frozen       plan.json   what was decided
    events.jsonl             what the run said, append-only   request     pause or stop, if asked
    checkpoints/ tuned/      save points and the result       heartbeat   touched by the living
    process.json exit.json   who trains, and how that ended   log.txt stacks.txt
    reserve                  given up to say that the disk is full

Knows no process, no model and no database.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from studio.core.errors import Refusal
from studio.core.events import RunState, fold
from studio.core.plan import Plan
from studio.core.recipe import Recipe
from studio.core.rows import Body, Split
from studio.store.atomic import ensure_folder, publishing, write_bytes, write_json, write_text
from studio.store.checkpoints import Checkpoints
from studio.store.event_log import EventLog, EventReader, read_events

__all__ = ["EventLog", "EventReader", "Request", "RunFolder", "RunRow"]

Request = Literal["pause", "stop"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row as a run holds it: only what it learns from."""

    id: str
    body: Body
    split: Split

    def as_json(self) -> dict[str, Any]:
        """The row as JSON; :meth:`from_json` is the inverse."""
        return {"id": self.id, "split": self.split.value, "body": self.body.as_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The row that :meth:`as_json` wrote."""
        return cls(data["id"], Body.from_json(data["body"]), Split(data["split"]))


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder ``path`` of one run; its name is the run's id."""

    path: Path

    @classmethod
    def create(cls, path: Path, recipe: Recipe, rows: Sequence[RunRow]) -> Self:
        """Make the folder of a new run, all or nothing. Raises Refusal ``disk.full``."""
        ensure_folder(path.parent)
        with publishing(path) as beside:
            write_json(beside / "recipe.json", recipe.as_json())
            write_bytes(beside / "rows.jsonl", b"".join(_line(row.as_json()) for row in rows))
        return cls(path)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def is_there(self) -> bool:
        """Whether the folder holds what every run begins with."""
        return (self.path / "recipe.json").is_file()

    @property
    def checkpoints(self) -> Checkpoints:
        """The run's save points."""
        return Checkpoints(self.path / "checkpoints")

    @property
    def tuned(self) -> Path:
        """The folder of the result; it is there once the run has one."""
        return self.path / "tuned"

    @property
    def tuned_step(self) -> int | None:
        """The update that the result is of; later ones may have been made since."""
        facts = _read_json(self.tuned / "studio.json")
        return None if facts is None else int(facts["step"])

    @property
    def log_path(self) -> Path:
        """What the trainer printed; the part before that is in ``log.1.txt``."""
        return self.path / "log.txt"

    @property
    def stacks_path(self) -> Path:
        """Where the trainer's threads stood when it had been silent for too long."""
        return self.path / "stacks.txt"

    @property
    def process_path(self) -> Path:
        """Who trains."""
        return self.path / "process.json"

    @property
    def exit_path(self) -> Path:
        """How the last attempt's process ended."""
        return self.path / "exit.json"

    @property
    def heartbeat_path(self) -> Path:
        """Touched at each sign of life."""
        return self.path / "heartbeat"

    @property
    def events_path(self) -> Path:
        """What the run said."""
        return self.path / "events.jsonl"

    def recipe(self) -> Recipe:
        """What the person asked for."""
        return Recipe.from_json(_read_json(self.path / "recipe.json"))

    def rows(self) -> tuple[RunRow, ...]:
        """The rows of this run, in the order in which they were given."""
        lines = (self.path / "rows.jsonl").read_bytes().splitlines()
        return tuple(RunRow.from_json(json.loads(line)) for line in lines)

    def plan(self) -> Plan | None:
        """What was decided at the start, or None before that. Raises Refusal ``run.damaged``."""
        data = _read_json(self.path / "plan.json")
        try:
            return None if data is None else Plan.from_json(data)
        except (KeyError, TypeError) as error:
            raise Refusal("run.damaged", run=self.id, file="plan.json") from error

    def write_plan(self, plan: Plan) -> None:
        """Write down what was decided."""
        write_json(self.path / "plan.json", plan.as_json())

    def events(self) -> Iterator[dict[str, Any]]:
        """What the run said so far, in order; lines that are torn or damaged are left out."""
        return read_events(self.events_path)

    def reader(self) -> EventReader:
        """Reads what the run says while it goes on."""
        return EventReader(self.events_path)

    def state(self) -> RunState:
        """What the events add up to."""
        return fold(self.events())

    def open_log(self) -> EventLog:
        """Open the events for appending, as a new attempt; only the run's trainer may."""
        return EventLog(self.events_path)

    def ask(self, word: Request) -> None:
        """Ask the trainer to pause or stop after the update it is at; a stop is not taken back."""
        if self.asked() != "stop":
            write_text(self.path / "request", word)

    def asked(self) -> Request | None:
        """What the trainer was asked for and has not done yet."""
        try:
            word = (self.path / "request").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return "stop" if word == "stop" else "pause"

    def clear_request(self) -> None:
        """Forget what was asked."""
        (self.path / "request").unlink(missing_ok=True)

    def exit(self) -> dict[str, Any] | None:
        """How the last attempt's process ended ({code, signal, memory_ran_out, …})."""
        data: dict[str, Any] | None = _read_json(self.exit_path)
        return data

    def beat(self) -> None:
        """Give a sign of life."""
        self.heartbeat_path.touch(mode=0o600)
        # Only changes count, and this clock is never set back.
        os.utime(self.heartbeat_path, ns=(time.monotonic_ns(),) * 2)


def _line(value: dict[str, Any]) -> bytes:
    form = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return form.encode("utf-8") + b"\n"


def _read_json(path: Path) -> Any:
    """What the file holds, or None where there is none. Raises Refusal ``run.damaged``."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Refusal("run.damaged", run=path.parent.name, file=path.name) from error
