"""Runs whose trainer is the test itself: it says what a trainer says, and learns nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.core.events import Ended, Evaluated, Event, Resumed, Sampled, Saved, Started, Stepped
from studio.core.recipe import Base, Lessons, Recipe
from studio.core.rows import Body, Split
from studio.store.data_folder import DataFolder
from studio.store.database import Database
from studio.store.owners import Identity, current
from studio.store.run_folder import RunFolder, RunRow
from studio.store.runs import RunEntry, Runs

VERSION = "ab" * 32


@dataclass(frozen=True)
class ToldRun:
    """One run in a data folder."""

    folder: RunFolder

    @classmethod
    def begin(cls, data: Path, dataset: str, name: str, *, total: int = 40) -> "ToldRun":
        """A run that has begun and has said so; this process lives in its trainer's place."""
        home = DataFolder.open(data)
        number = len(list(home.runs.glob("*"))) + 1
        recipe = Recipe(name, Base("tiny", "", ""), Lessons(dataset, "rows", VERSION), "lora")
        row = RunRow("row", Body.pair("Question?", "Answer."), Split.TRAIN)
        folder = RunFolder.create(home.runs / f"run{number}", recipe, [row])
        entry = RunEntry(folder.id, name, dataset, VERSION, "tiny", "lora")
        Runs(Database(home.database)).add(entry, [])
        run = cls(folder)
        run.live()
        run.say(Started(folder.id, total, rows=34, check_rows=6))
        return run

    def live(self) -> None:
        """Have a process from now on."""
        self._sign(current())

    def die(self) -> None:
        """End as a killed trainer does: without a word."""
        self._sign(Identity(999_999_999, 1, ""))

    def end(self, status: str, step: int) -> None:
        """Say how it ended, and be gone."""
        self.say(Ended(status, step))
        self.folder.clear_request()
        self.die()

    def resume(self, step: int) -> None:
        """Go on after ``step``, as a new attempt."""
        self.live()
        self.say(Resumed(step), again=True)

    def say(self, *events: Event, again: bool = False) -> None:
        """Append to what the run has said; ``again`` as a new attempt."""
        told = list(self.folder.events())
        seq = told[-1]["seq"] if told else 0
        attempt = (told[-1]["attempt"] if told else 1) + again
        lines = [
            json.dumps(event.as_json() | {"seq": seq + number, "attempt": attempt})
            for number, event in enumerate(events, 1)
        ]
        with self.folder.events_path.open("a", encoding="utf-8") as log:
            log.write("".join(f"{line}\n" for line in lines))

    def learn(self, first: int, last: int) -> None:
        """Say the updates from ``first`` to ``last``."""
        self.say(*updates(first, last))

    def _sign(self, identity: Identity) -> None:
        who = identity.as_json()
        signed = {"keeper": who, "trainer": who, "since": 0}
        self.folder.process_path.write_text(json.dumps(signed), encoding="utf-8")


def updates(first: int, last: int) -> Iterator[Event]:
    """Updates as a trainer tells them; the distance falls."""
    for step in range(first, last + 1):
        yield Stepped(
            step,
            epoch=step / 10,
            loss=1 + 3 / step,
            lr=1e-4,
            grad_norm=1.0,
            tokens=500,
            labelled=300,
            seconds=0.5,
            memory_bytes=2 * 10**9,
        )


def check(step: int, loss: float) -> Event:
    """The distance of the check rows."""
    return Evaluated(step, loss)


def answer(step: int, prompt: str, text: str) -> Event:
    """What the model says after ``step`` updates."""
    return Sampled(step, prompt, text)


def saved(step: int) -> Event:
    """A save point."""
    return Saved(step)
