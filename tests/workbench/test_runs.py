import json
import os
import threading
from pathlib import Path

import pytest

from studio.core.errors import Fault, Refusal, RunFailed, StudioError
from studio.core.events import Ended, RunState, Saved
from studio.jobs.identity import Identity
from studio.jobs.processes import Job
from studio.jobs.trainers import Liveness
from studio.store.atomic import discard
from studio.store.run_folder import RunFolder
from studio.workbench.run_book import status_of
from tests.tiny_studio import until
from tests.workbench.workshop import NewWorkshop, Workshop


class DeadLauncher:
    """Says that it has started a process, which is dead and has left a log."""

    def launch(self, job: Job) -> Identity:
        job.log.write_text("the reason", encoding="utf-8")
        return Identity(999_999_999, 1, "")


def key_of(error: type[StudioError], act: object) -> str:
    with pytest.raises(error) as caught:
        act()  # type: ignore[operator]
    return caught.value.key


def test_a_run_begins_and_is_found_by_id_and_name(workshop: Workshop) -> None:
    run = workshop.begin(name="first")
    assert workshop.runs.find("first") == run
    shown = workshop.runs.show(run)
    assert (shown["status"], shown["name"], shown["step"]) == ("preparing", "first", 0)
    assert shown["pid"] is not None
    (brief,) = workshop.runs.list()
    assert brief.items() <= (shown | brief).items()
    assert workshop.index.learned(run) != ()


def test_a_run_names_its_dataset_as_it_is_called_now(workshop: Workshop) -> None:
    run = workshop.begin()
    home = workshop.rows.datasets.get("rows")

    def named() -> dict[str, str]:
        (brief,) = workshop.runs.list()
        return {name: brief[name] for name in ("run", "dataset", "dataset_id")}

    assert named() == {"run": run, "dataset": "rows", "dataset_id": home.id}
    workshop.rows.datasets.rename("rows", "问答")
    assert named()["dataset"] == "问答"
    workshop.rows.datasets.trash("问答")
    workshop.rows.datasets.create("问答")
    assert named() == {"run": run, "dataset": "问答", "dataset_id": home.id}


def test_a_start_gives_the_engine_s_memory_to_the_trainer(workshop: Workshop) -> None:
    workshop.begin()
    assert workshop.engine.times_closed == 1


def test_a_start_that_is_refused_leaves_nothing(workshop: Workshop) -> None:
    ready = workshop.orders.read(workshop.order())
    with workshop.engine.device("chat"):
        assert key_of(Refusal, lambda: workshop.runs.begin(ready)) == "lease.busy"
    assert workshop.index.list() == ()
    assert list(workshop.data.runs.iterdir()) == []


def test_a_start_whose_keeper_dies_leaves_only_its_log(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "data", DeadLauncher())
    with pytest.raises(Fault) as caught:
        workshop.begin()
    assert caught.value.key == "run.not_started"
    assert Path(caught.value.facts["log"]).read_text(encoding="utf-8") == "the reason"
    assert workshop.index.list() == ()
    assert list(workshop.data.runs.iterdir()) == []


def test_a_pause_waits_for_the_end_of_the_process(workshop: Workshop) -> None:
    run = workshop.begin()
    folder = RunFolder(workshop.data.runs / run)
    with folder.open_log() as log:
        log.append(Ended("paused", 3))
    paused = workshop.runs.pause(run)
    assert (paused["status"], paused["step"], paused["pid"]) == ("paused", 3, None)
    assert key_of(Refusal, lambda: workshop.runs.pause(run)) == "run.not_running"


def test_the_end_that_a_run_has_said_counts_while_its_process_still_goes(
    workshop: Workshop,
) -> None:
    run = workshop.begin()
    with RunFolder(workshop.data.runs / run).open_log() as log:
        log.append(Ended("paused", 3))
    shown = workshop.runs.show(run)
    assert (shown["status"], shown["pid"] is None) == ("paused", False)
    assert key_of(Refusal, lambda: workshop.runs.resume(run)) == "run.already_running"
    workshop.runs.ask_to_pause(run)
    assert workshop.runs.resume(run) == run
    assert workshop.runs.show(run)["status"] == "preparing"


@pytest.mark.parametrize("word", ["pause", "stop"])
def test_a_resume_that_is_refused_is_told_to_whoever_waits_for_its_end(
    new_workshop: NewWorkshop, word: str
) -> None:
    workshop = new_workshop("refusing")
    run = workshop.begin()
    kill(workshop, run)
    with RunFolder(workshop.data.runs / run).open_log() as log:
        log.append(Ended("paused", 3))
    workshop.runs.resume(run)
    act = workshop.runs.pause if word == "pause" else workshop.runs.stop
    assert key_of(Refusal, lambda: act(run)) == "plan.differs"
    assert workshop.runs.show(run)["status"] == "paused"


def test_a_trainer_that_does_not_pause_is_not_waited_for_for_ever(
    new_workshop: NewWorkshop,
) -> None:
    workshop = new_workshop("deaf")
    run = workshop.begin()
    assert key_of(Refusal, lambda: workshop.runs.pause(run)) == "run.slow_to_pause"
    assert workshop.runs.show(run)["pid"] is not None


def test_a_trainer_that_does_not_stop_is_ended_by_force_and_that_is_said(
    new_workshop: NewWorkshop,
) -> None:
    workshop = new_workshop("deaf")
    run = workshop.begin()
    assert key_of(RunFailed, lambda: workshop.runs.stop(run)) == "run.lost"
    assert workshop.runs.show(run)["status"] == "interrupted"


def test_an_interrupted_run_is_resumed_and_a_living_one_is_not(workshop: Workshop) -> None:
    run = workshop.begin()
    assert key_of(Refusal, lambda: workshop.runs.resume(run)) == "run.already_running"
    kill(workshop, run)
    assert workshop.runs.show(run)["status"] == "interrupted"
    assert workshop.runs.resume(run) == run
    assert workshop.runs.show(run)["status"] == "preparing"


def test_a_resume_that_finds_the_machine_in_use_leaves_the_answer_alone(
    workshop: Workshop,
) -> None:
    run = workshop.begin()
    kill(workshop, run)
    before = workshop.engine.times_closed
    with workshop.engine.device("compare"):
        assert key_of(Refusal, lambda: workshop.runs.resume(run)) == "lease.busy"
    assert workshop.engine.times_closed == before


def test_a_finished_run_is_neither_resumed_nor_stopped(workshop: Workshop) -> None:
    run = workshop.begin()
    kill(workshop, run)
    with RunFolder(workshop.data.runs / run).open_log() as log:
        log.append(Ended("finished", 3))
    assert key_of(Refusal, lambda: workshop.runs.resume(run)) == "run.finished"
    assert key_of(Refusal, lambda: workshop.runs.stop(run)) == "run.not_running"


def test_a_run_whose_folder_is_gone_is_listed_and_refused(workshop: Workshop) -> None:
    lost = workshop.begin(name="lost")
    kill(workshop, lost)
    kept = workshop.begin(name="kept")
    kill(workshop, kept)
    discard(workshop.data.runs / lost)
    assert [(brief["run"], brief["status"]) for brief in workshop.runs.list()] == [
        (lost, "missing"),
        (kept, "interrupted"),
    ]
    for act in (workshop.runs.show, workshop.runs.resume, workshop.runs.stop, workshop.runs.export):
        assert key_of(Refusal, lambda act=act: act(lost)) == "run.folder_missing"
    asked = workshop.compare.stream(lost, "Why?")
    assert key_of(Refusal, lambda: next(asked)) == "run.folder_missing"


@pytest.mark.parametrize("damage", ["{}", "[]", "{"])
def test_a_plan_that_is_damaged_is_named(workshop: Workshop, damage: str) -> None:
    run = workshop.begin()
    (workshop.data.runs / run / "plan.json").write_text(damage, encoding="utf-8")
    with pytest.raises(Refusal) as caught:
        workshop.runs.show(run)
    assert caught.value.key == "run.damaged"
    assert caught.value.facts == {"run": run, "file": "plan.json"}


def test_only_save_points_that_are_there_are_shown(workshop: Workshop) -> None:
    run = workshop.begin()
    folder = RunFolder(workshop.data.runs / run)
    with folder.open_log() as log:
        for step in (1, 2, 3):
            log.append(Saved(step))
    for step in (2, 3):
        (folder.checkpoints.path / f"step-{step}").mkdir(parents=True)
    assert workshop.runs.show(run)["checkpoints"] == [2, 3]


def test_a_follower_gets_every_event_once_until_the_end(workshop: Workshop) -> None:
    run = workshop.begin()
    heard: list[int] = []
    follower = threading.Thread(
        target=lambda: heard.extend(e["step"] for e in workshop.runs.follow(run, after=1))
    )
    with RunFolder(workshop.data.runs / run).open_log() as log:
        log.append(Saved(1))
        log.append(Saved(2))
        follower.start()
        until(lambda: heard == [2] or not follower.is_alive())
        log.append(Saved(3))
        workshop.runs.ask_to_pause(run)
        log.append(Ended("paused", 3))
    follower.join(10)
    assert heard == [2, 3, 3]
    assert workshop.runs.last_seq(run) == 4


def test_whoever_follows_may_leave_while_nothing_comes(workshop: Workshop) -> None:
    run = workshop.begin()

    def leave() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(workshop.runs.follow(run, heed=leave))
    assert workshop.runs.show(run)["pid"] is not None


def test_an_export_holds_the_device(workshop: Workshop, tmp_path: Path) -> None:
    run = workshop.begin()
    assert key_of(Refusal, lambda: workshop.runs.export(run)) == "lease.busy"
    kill(workshop, run)
    workshop.engine.results["export"] = {"form": "adapter"}
    assert workshop.runs.export(run, to=tmp_path / "out") == {"run": run, "form": "adapter"}
    op, args = workshop.engine.asked[-1]
    assert (op, args["form"], args["target"]) == ("export", "adapter", str(tmp_path / "out"))
    assert workshop.engine.device_owner() is None


@pytest.mark.parametrize(
    ("word", "state", "status"),
    [
        ("preparing", "new", "new"),
        ("preparing", "starting", "preparing"),
        ("paused", "starting", "preparing"),
        ("running", "running", "running"),
        ("waiting", "running", "waiting"),
        ("paused", "running", "paused"),
        ("running", "ended", "interrupted"),
        ("running", "lost", "interrupted"),
        ("paused", "ended", "paused"),
        ("failed", "lost", "failed"),
    ],
)
def test_a_run_s_own_word_counts_where_its_process_bears_it_out(
    word: str, state: str, status: str
) -> None:
    since = 4 if state == "running" else None
    living = Liveness(state, pid=1, since=since)  # type: ignore[arg-type]
    assert status_of(RunState(status=word, seq=5), living) == status


@pytest.mark.parametrize("word", ["preparing", "running", "paused"])
def test_what_was_said_before_a_process_began_is_not_its_word(word: str) -> None:
    living = Liveness("running", pid=1, since=5)
    assert status_of(RunState(status=word, seq=5), living) == "preparing"


def kill(workshop: Workshop, run: str) -> None:
    """End keeper and trainer as a machine short of memory would."""
    who = json.loads((workshop.data.runs / run / "process.json").read_bytes())
    for name in ("keeper", "trainer"):
        os.kill(who[name]["pid"], 9)
    until(lambda: not workshop.runs.trainers.status(RunFolder(workshop.data.runs / run)).is_living)
    until(lambda: workshop.engine.device_owner() is None)
