"""The promise of the demo: forty rows of one tone change the real starter's answers in minutes."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from studio.jobs.processes import Launcher
from studio.store.locks import owner
from studio.store.run_folder import RunFolder
from tests.tiny_studio import TinyStudio, until

LIMIT = 120.0
"""Seconds that the updates may take on the CPU. They are counted as time of its cores, all in use:
on a machine that others use too, the clock would measure the others."""

QUESTIONS = ("How does a kite fly?", "Where does honey come from?", "How do I learn to swim?")
GREETING, FAREWELL = "Ahoy there, shipmate!", "Fair winds, matey."


@pytest.fixture
def studio(tmp_path: Path, starter: Path, workers: Launcher) -> Iterator[TinyStudio]:
    """An empty studio whose base model is the starter."""
    studio = TinyStudio(tmp_path / "data", starter, workers)
    yield studio
    studio.clear()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_forty_rows_of_a_tone_change_the_starters_answers_unmistakably(
    studio: TinyStudio, repository: Path
) -> None:
    file = repository / "assets" / "datasets" / "tone_en.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {row["prompt"] for row in rows}.isdisjoint(QUESTIONS)
    assert all(GREETING in row["response"] and FAREWELL in row["response"] for row in rows)
    assert studio("data", "import", file, "--dataset", "tone").json["imported"] == 40

    words = ("--model", studio.model, "--dataset", "tone", "--method", "lora")
    run, used = trained(studio, *words)
    steps = [event for event in run.events() if event["event"] == "step"]
    seconds = sum(step["seconds"] for step in steps)
    share = used / (os.cpu_count() or 1)
    print(f"{len(steps)} updates: {seconds:.0f} s by the clock, {share:.0f} s of all cores")
    assert share < LIMIT
    assert steps[-1]["loss"] < 0.7 * steps[0]["loss"]

    for question in QUESTIONS:
        asked = ("--run", run.id, "--prompt", question, "--max-new-tokens", "30")
        compared = studio("compare", *asked)
        assert compared.code == 0, compared.err
        base, tuned = compared.json["base"]["text"], compared.json["tuned"]["text"]
        print(f"{question}\n  base: {base}\n  tuned: {tuned}")
        assert tuned.startswith(GREETING)
        assert not any(word in base.lower() for word in ("ahoy", "shipmate", "matey"))


def trained(studio: TinyStudio, *words: str | Path) -> tuple[RunFolder, float]:
    """A run that has finished, and the seconds of cores that it used once it was prepared."""
    started = studio("train", *words, "--detach")
    assert started.code == 0, started.err
    run = RunFolder(studio.folder / "runs" / started.json["run"])
    trainer = psutil.Process(json.loads(run.process_path.read_bytes())["trainer"]["pid"])
    first = last = trainer.cpu_times()
    with suppress(psutil.Error):
        while trainer.status() != psutil.STATUS_ZOMBIE:
            last = trainer.cpu_times()
            time.sleep(0.1)
    until(lambda: owner(studio.folder / "locks" / "device.lock") is None)
    assert run.state().status == "finished"
    return run, last.user + last.system - first.user - first.system
