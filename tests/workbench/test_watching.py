"""Whoever watches runs is told the truth, once, and at the cost of what is new."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from studio.core.errors import Refusal, RunFailed
from studio.core.events import (
    Ended,
    Evaluated,
    Event,
    Refused,
    Resumed,
    Sampled,
    Saved,
    Started,
    Waiting,
)
from studio.core.recipe import Base, Lessons, Recipe
from studio.core.rows import Split
from studio.store.atomic import discard
from studio.store.run_folder import RunFolder, RunRow
from studio.workbench.watching import Watching
from tests.core.test_events import stepped
from tests.store.sample_rows import ask
from tests.workbench.test_runs import kill
from tests.workbench.workshop import NewWorkshop, Workshop

Json = dict[str, Any]
FULL = Refusal("disk.full", free=3).as_json()


def say(run: RunFolder, *events: Event) -> None:
    """Write events down as one more attempt."""
    with run.open_log() as log:
        for event in events:
            log.append(event)


def begun(workshop: Workshop, *events: Event, name: str = "") -> tuple[str, RunFolder]:
    """A run that goes on, and what it has said since it began."""
    run = workshop.begin(name=name)
    folder = RunFolder(workshop.data.runs / run)
    say(folder, Started(run, 12, rows=18, check_rows=2), *events)
    return run, folder


def folder_in(place: Path, name: str = "r") -> RunFolder:
    recipe = Recipe("r", Base("m", "f", "h"), Lessons("d", "d", "v"), "lora")
    return RunFolder.create(place / name, recipe, [RunRow("a", ask(1), Split.TRAIN)])


def test_a_watcher_is_told_what_is_new(workshop: Workshop) -> None:
    run, folder = begun(workshop, stepped(1), Evaluated(1, 2.0), Sampled(1, "q", "a"))
    first = workshop.runs.watch(run)
    assert (first["status"], first["step"], first["total"], first["seq"]) == ("running", 1, 12, 4)
    assert (first["points"]["loss"], first["checks"]) == ([3.0], {"step": [1], "loss": [2.0]})
    assert first["samples"] == [{"step": 1, "prompt": "q", "text": "a"}]
    assert (first["rows"], first["check_rows"], first["left_out"]) == (18, 2, [])
    assert first["tokens_per_second"] == 101 / 0.25
    assert first["seconds_left"] > 0
    nothing = workshop.runs.watch(run, seen=first["seq"])
    assert (nothing["points"]["step"], nothing["samples"], nothing["again"]) == ([], [], False)
    say(folder, Resumed(1), stepped(2))
    assert workshop.runs.watch(run, seen=4)["points"]["step"] == [2]


def test_a_server_that_starts_anew_tells_the_same(
    new_workshop: NewWorkshop, workshop: Workshop
) -> None:
    run, _ = begun(workshop, stepped(1), Waiting(1, FULL))
    before = workshop.runs.watch(run)
    assert (before["status"], before["reason"]) == ("waiting", FULL)
    assert new_workshop().runs.watch(run) == before
    assert new_workshop().runs.watch(run, seen=2)["points"]["step"] == []


def test_a_run_whose_trainer_was_killed_is_interrupted_and_says_so(workshop: Workshop) -> None:
    run, folder = begun(workshop, stepped(1), Saved(1), stepped(2))
    (folder.checkpoints.path / "step-1").mkdir(parents=True)
    kill(workshop, run)
    found = workshop.runs.watch(run)
    assert (found["status"], found["pid"]) == ("interrupted", None)
    assert found["reason"] == RunFailed("run.lost", run=run).as_json()
    assert (found["saved_step"], found["save_points"]) == (1, [1])
    assert (found["tokens_per_second"], found["seconds_left"]) == (None, None)
    workshop.runs.resume(run)
    again = workshop.runs.watch(run, seen=found["seq"])
    assert (again["status"], again["reason"], again["again"]) == ("preparing", None, False)
    say(folder, Resumed(1, lost=1), stepped(2))
    again = workshop.runs.watch(run, seen=found["seq"])
    assert (again["again"], again["points"]["step"]) == (True, [1, 2])


def test_a_refused_resume_says_why_and_how_the_run_stands(workshop: Workshop) -> None:
    run, folder = begun(workshop, stepped(1), Ended("paused", 1))
    kill(workshop, run)
    say(folder, Refused(1, FULL))
    found = workshop.runs.watch(run)
    assert (found["status"], found["reason"]) == ("paused", FULL)


def test_what_was_asked_of_a_run_is_known_until_it_has_done_it(workshop: Workshop) -> None:
    run, _ = begun(workshop, stepped(1))
    assert workshop.runs.watch(run)["asked"] is None
    RunFolder(workshop.data.runs / run).ask("pause")
    assert workshop.runs.watch(run)["asked"] in ("pause", None)  # its fake trainer may have gone


def test_a_run_without_a_folder_cannot_be_watched(workshop: Workshop) -> None:
    run, folder = begun(workshop)
    kill(workshop, run)
    discard(folder.path)
    with pytest.raises(Refusal) as caught:
        workshop.runs.watch(run)
    assert caught.value.key == "run.folder_missing"
    assert workshop.runs.list()[0]["status"] == "missing"


def test_the_list_has_the_latest_and_the_best(workshop: Workshop) -> None:
    _, folder = begun(workshop, stepped(1), *(Evaluated(n, n / 2 + 1) for n in (2, 1, 4)))
    (brief,) = workshop.runs.list()
    assert (brief["last_loss"], brief["best_check"], brief["tuned"]) == (3.0, 1.5, False)
    assert brief["created"] > 0
    folder.tuned.mkdir()
    say(folder, stepped(2))
    (brief,) = workshop.runs.list()
    assert (brief["last_loss"], brief["tuned"]) == (1.5, True)


def test_a_run_that_has_said_nothing_has_no_losses(workshop: Workshop) -> None:
    workshop.begin()
    (brief,) = workshop.runs.list()
    assert (brief["last_loss"], brief["best_check"], brief["step"]) == (None, None, 0)


def test_runs_are_renamed_thrown_away_and_taken_back(workshop: Workshop) -> None:
    run, folder = begun(workshop)
    assert workshop.runs.rename(run, "better")["name"] == "better"
    with pytest.raises(Refusal) as caught:
        workshop.runs.trash(run)
    assert (caught.value.key, caught.value.facts) == ("run.is_going_on", {"run": "better"})
    kill(workshop, run)
    assert workshop.runs.trash(run)["run"] == run
    assert workshop.runs.list() == []
    assert [brief["run"] for brief in workshop.runs.list(trashed=True)] == [run]
    assert folder.is_there
    assert workshop.runs.restore(run)["run"] == run
    assert [brief["run"] for brief in workshop.runs.list()] == [run]


def test_curves_of_several_runs_are_short_enough_to_lay_over_one_another(
    workshop: Workshop,
) -> None:
    run, folder = begun(workshop, name="long")
    with folder.open_log() as log:
        for step in range(1, 5001):
            log.append(stepped(step))
        log.append(Evaluated(5000, 1.0))
    kill(workshop, run)
    other = workshop.begin(name="short")
    found = workshop.runs.curves([run, "short"])
    assert list(found) == [run, other]
    curve = found[run]
    assert 1000 < len(curve["step"]) == len(curve["loss"]) <= 2000
    assert (curve["step"][0], curve["step"][-1], max(curve["loss"])) == (1, 5000, 3.0)
    assert (curve["check_step"], curve["name"]) == ([5000], "long")
    assert found[other]["step"] == []


def test_questions_are_those_of_rows_that_are_held_back(workshop: Workshop) -> None:
    workshop.order()
    home = workshop.rows.datasets.get("rows").id
    held_back = [row for row in workshop.rows.rows.ready(home) if row.split is Split.CHECK]
    expected = [row.body.prompt for row in held_back][:3]
    assert workshop.runs.questions("rows") == expected
    more = workshop.runs.questions("rows", training={"check": 0.6})
    run = RunFolder(workshop.data.runs / workshop.begin(training={"check": 0.6}))
    learned = {row.body.prompt for row in run.rows() if row.split is Split.TRAIN}
    assert len(more) == 3
    assert not learned & set(more)
    assert workshop.runs.questions("rows", training={"check": 0}) == []


def test_a_stop_that_is_only_asked_for_is_not_waited_for(new_workshop: NewWorkshop) -> None:
    workshop = new_workshop("deaf")
    run = workshop.begin()
    workshop.runs.ask_to_stop(run)
    assert workshop.runs.watch(run)["asked"] == "stop"
    kill(workshop, run)
    workshop.runs.ask_to_stop(run)
    assert workshop.runs.watch(run)["pid"] is not None, "it is loaded once more for that"
    assert workshop.runs.watch(run)["asked"] == "stop"


def lines(count: int) -> Iterator[str]:
    """The log of a long run, with a check at every tenth update."""
    seq = 0
    for step in range(1, count + 1):
        for event in (stepped(step), *([Evaluated(step, 1.0)] if step % 10 == 0 else [])):
            seq += 1
            yield json.dumps(event.as_json() | {"seq": seq, "attempt": 1}) + "\n"


def test_looking_again_costs_what_is_new_however_long_the_run_is(tmp_path: Path) -> None:
    """Ten thousand updates are read once; a look after that is as quick as in a short run."""

    def looks(count: int) -> tuple[float, float]:
        folder = folder_in(tmp_path, f"run-{count}")
        folder.events_path.write_text("".join(lines(count)), encoding="utf-8")
        watching = Watching(tmp_path)
        begun = perf_counter()
        with watching.at(folder.id) as followed:
            assert followed.state.step == count
        first = perf_counter() - begun
        log = folder.open_log()
        begun = perf_counter()
        for step in range(count + 1, count + 201):
            log.append(stepped(step))
            with watching.at(folder.id) as followed:
                news = followed.since(followed.state.seq - 1)
                assert news.points["step"] == [step]
            assert watching.summary(folder.id).step == step
        return first, perf_counter() - begun

    (_, short), (first, long) = looks(100), looks(10_000)
    assert long < 4 * short + 0.2
    assert long / 200 < first / 10, "and is nothing beside reading it all"


def test_many_may_look_at_once(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    watching, counts = Watching(tmp_path), []

    def look() -> None:
        for _ in range(50):
            with watching.at(folder.id) as followed:
                counts.append(len(followed.since(0).points["step"]) == followed.state.step)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    with folder.open_log() as log:
        for step in range(1, 200):
            log.append(stepped(step))
    for thread in threads:
        thread.join()
    assert len(counts) == 200
    assert all(counts)


def test_only_the_runs_that_were_looked_at_last_are_kept(tmp_path: Path) -> None:
    runs = [folder_in(tmp_path, f"run-{number}") for number in range(5)]
    for number, run in enumerate(runs):
        say(run, stepped(number + 1))
    watching = Watching(tmp_path, kept=2)
    for _ in range(2):
        assert [watching.summary(run.id).step for run in runs] == [1, 2, 3, 4, 5]
    assert len(watching._logs) == 2
    with watching.at("run-0") as followed:
        assert followed.state.step == 1


def test_a_log_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    """As erasing a row does, whose text stands in an answer."""
    folder = folder_in(tmp_path)
    watching = Watching(tmp_path)
    assert watching.summary(folder.id).seq == 0
    say(folder, stepped(1), Sampled(1, "q", "the row's words"))
    assert watching.summary(folder.id).seq == 2
    line, _ = folder.events_path.read_text(encoding="utf-8").splitlines()
    beside = folder.path / "beside"
    beside.write_text(line + "\n", encoding="utf-8")
    os.replace(beside, folder.events_path)
    with watching.at(folder.id) as followed:
        assert followed.state.samples == []
        assert followed.since(2).again
    assert watching.summary(folder.id).seq == 1


def test_time_left_runs_by_the_clock(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = begun(workshop, stepped(1))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 0.1)
    assert workshop.runs.watch(run)["seconds_left"] <= 11 * 0.25
