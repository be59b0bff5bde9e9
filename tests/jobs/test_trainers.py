import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio.core.errors import Fault, Refusal
from studio.core.words import words
from studio.jobs.identity import KILL, Identity, alive, of, send, signal_tree
from studio.jobs.processes import Job, Launcher
from studio.jobs.trainers import Liveness, Trainers, loss
from studio.jobs.zygote import Zygote
from studio.store.atomic import write_json
from studio.store.locks import owner
from studio.store.run_folder import RunFolder
from tests.jobs.conftest import Started, is_open, until

Start = Callable[..., Started]
Json = dict[str, Any]
NewRun = Callable[[str], RunFolder]


class NoLauncher:
    """Starts nothing."""

    def launch(self, job: Job) -> Identity:
        raise AssertionError("nothing should be started")


class DeadLauncher:
    """Says that it has started a process, which is dead."""

    def launch(self, job: Job) -> Identity:
        return Identity(999_999_999, 1, "")


def test_a_run_goes_from_new_to_running_to_ended(
    launcher: Launcher, new_run: NewRun, tmp_path: Path
) -> None:
    trainers = Trainers(tmp_path, launcher, entry="tests.jobs.fake_trainers:obedient")
    run = new_run("a")
    assert trainers.status(run) == Liveness("new")
    running = trainers.start(run)
    assert (running.state, running.is_living) == ("running", True)
    assert running.pid is not None
    assert psutil.pid_exists(running.pid)
    trainers.request(run, "pause")
    until(lambda: not trainers.status(run).is_living)
    ended = trainers.status(run)
    assert (ended.state, ended.pid, ended.exit and ended.exit["code"]) == ("ended", None, 0)
    until(lambda: owner(trainers.lease.path) is None)


def test_a_run_can_be_started_again(start: Start) -> None:
    started = start("obedient")
    started.trainers.stop(started.run)
    again = started.trainers.start(started.run)
    assert again.state == "running"
    assert (started.run.asked(), started.run.exit()) == (None, None)
    assert started.trainers.stop(started.run).state == "ended"


def test_a_second_trainer_is_refused_with_the_first_ones_name(
    start: Start, new_run: NewRun
) -> None:
    first = start("obedient")
    for run in (new_run("second"), first.run):
        with pytest.raises(Refusal) as caught:
            first.trainers.start(run)
        assert caught.value.key == "lease.busy"
        assert caught.value.facts == {"owner": first.run.id, "pid": first.keeper.pid}
    assert first.liveness.state == "running"


def test_chat_and_training_take_turns(new_run: NewRun, tmp_path: Path) -> None:
    trainers = Trainers(tmp_path, NoLauncher())
    run = new_run("a")
    with trainers.lease.acquire("chat"):
        with pytest.raises(Refusal, match=r"lease\.busy\(owner='chat'"):
            trainers.start(run)
        assert trainers.status(run).state == "new"


def test_of_many_starts_at_once_one_wins(new_run: NewRun, zygote: Zygote, tmp_path: Path) -> None:
    trainers = Trainers(tmp_path, zygote, entry="tests.jobs.fake_trainers:obedient")
    runs = [new_run(str(number)) for number in range(8)]

    def try_to_start(run: RunFolder) -> str:
        try:
            return trainers.start(run).state
        except Refusal as refusal:
            return refusal.key

    with ThreadPoolExecutor(8) as threads:
        words = list(threads.map(try_to_start, runs))
    assert sorted(words) == ["lease.busy"] * 7 + ["running"]
    [living] = trainers.adopt()
    assert living.id == str(words.index("running"))
    trainers.stop(living)


def test_a_run_that_is_just_being_started_says_so(new_run: NewRun, tmp_path: Path) -> None:
    trainers, run = Trainers(tmp_path, NoLauncher()), new_run("a")
    with trainers.lease.acquire(run.id):
        assert trainers.status(run) == Liveness("starting")


def test_a_keeper_that_ends_before_it_has_begun_is_a_fault(new_run: NewRun, tmp_path: Path) -> None:
    trainers, run = Trainers(tmp_path, DeadLauncher()), new_run("a")
    with pytest.raises(Fault, match=r"run\.not_started"):
        trainers.start(run)
    assert owner(trainers.lease.path) is None
    assert trainers.status(run).state == "new"


@pytest.mark.parametrize(
    ("name", "code", "number"),
    [("obedient", 3, None), ("deaf", None, signal.SIGTERM), ("stubborn", None, signal.SIGKILL)],
)
def test_a_stop_ends_every_trainer(
    start: Start, name: str, code: int | None, number: int | None
) -> None:
    started = start(name)
    if name == "stubborn":
        until(lambda: len(started.session()) == 4)
    ended = started.trainers.stop(started.run, deadline_seconds=0.5)
    assert ended.exit is not None
    assert (ended.exit["code"], ended.exit["signal"]) == (code, number)
    until(lambda: started.session() == [])
    assert started.is_lease_free()


def test_a_stop_ends_a_trainer_that_has_been_halted(start: Start) -> None:
    started = start("deaf")
    send(started.trainer, signal.SIGSTOP)
    assert started.trainers.stop(started.run, deadline_seconds=0.1).state == "ended"


def test_a_stop_ends_a_keeper_that_has_been_halted(start: Start) -> None:
    started = start("obedient")
    send(started.keeper, signal.SIGSTOP)
    assert started.trainers.stop(started.run, deadline_seconds=0.1).state == "lost"
    until(lambda: started.session() == [])
    assert started.is_lease_free()


def test_a_run_that_does_not_run_cannot_be_asked(start: Start) -> None:
    started = start("quick")
    started.wait()
    for act in (
        lambda: started.trainers.request(started.run, "pause"),
        lambda: started.trainers.stop(started.run),
    ):
        with pytest.raises(Refusal, match=r"run\.not_running"):
            act()
    assert started.run.asked() is None


def test_the_status_is_true_when_the_trainer_is_killed(start: Start) -> None:
    started = start("obedient")
    send(started.trainer, KILL)
    ended = started.wait()
    assert ended.exit is not None
    assert (ended.state, ended.exit["signal"]) == ("ended", signal.SIGKILL)
    until(started.is_lease_free)


def test_the_status_is_true_when_keeper_and_trainer_are_killed(start: Start) -> None:
    started = start("obedient")
    send(started.keeper, KILL)
    send(started.trainer, KILL)
    assert started.wait() == Liveness("lost")
    until(started.is_lease_free)
    assert started.trainers.adopt() == []
    assert started.trainers.start(started.run).state == "running"


def test_a_new_server_finds_living_trainers(start: Start, tmp_path: Path) -> None:
    started = start("obedient")
    (tmp_path / "runs" / "no run").mkdir()
    server = Trainers(tmp_path, NoLauncher())
    assert server.adopt() == [started.run]
    assert server.status(started.run).pid == started.trainer.pid
    assert server.stop(started.run).state == "ended"
    assert server.adopt() == []


def test_without_any_run_there_is_nothing_to_find(tmp_path: Path) -> None:
    assert Trainers(tmp_path, NoLauncher()).adopt() == []


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "before the restart"}])
def test_a_stranger_with_a_trainers_number_is_left_alone(
    new_run: NewRun, tmp_path: Path, change: dict[str, object]
) -> None:
    """As after a restart of the machine: the numbers written down are those of others now."""
    stranger = os.fork()
    if not stranger:
        time.sleep(60)
        os._exit(0)
    identity = of(stranger)
    assert identity is not None
    gone = replace(identity, **change)  # type: ignore[arg-type]
    trainers, run = Trainers(tmp_path, NoLauncher()), new_run("a")
    write_json(run.process_path, {"keeper": gone.as_json(), "trainer": gone.as_json()})
    assert trainers.status(run) == Liveness("lost")
    with pytest.raises(Refusal, match=r"run\.not_running"):
        trainers.stop(run)
    assert alive(identity)
    signal_tree(identity, KILL)
    os.waitpid(stranger, 0)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"keeper": 1, "trainer": 2}', "nonsense"])
def test_a_damaged_note_of_the_processes_is_no_process(
    new_run: NewRun, tmp_path: Path, text: str
) -> None:
    trainers, run = Trainers(tmp_path, NoLauncher()), new_run("a")
    run.process_path.write_text(text, encoding="utf-8")
    assert trainers.status(run) == Liveness("new")


CYCLES = ("quick", "obedient", "killed", "leaving_a_child")


def cycle(name: str, run: RunFolder, root: Path, zygote: Zygote) -> None:
    """Start a trainer, stop it if it does not end, and wait until its lease is free."""
    trainers = Trainers(root, zygote, entry=f"tests.jobs.fake_trainers:{name}")
    trainers.start(run)
    if name == "obedient":
        trainers.stop(run)
    until(lambda: not trainers.status(run).is_living)
    until(lambda: owner(trainers.lease.path) is None)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_starts_and_stops_leave_nothing(
    new_run: NewRun, zygote: Zygote, tmp_path: Path
) -> None:
    run = new_run("a")
    for name in CYCLES:
        cycle(name, run, tmp_path, zygote)
    files = sorted(tmp_path.rglob("*"))
    descriptors = psutil.Process().num_fds(), psutil.Process(zygote.pid).num_fds()
    began = time.monotonic()
    for number in range(1000):
        cycle(CYCLES[number % len(CYCLES)], run, tmp_path, zygote)
    print(f"1,000 starts and stops took {time.monotonic() - began:.0f} s")
    until(lambda: not is_open(run.log_path))
    assert Trainers(tmp_path, zygote).adopt() == []
    assert sorted(tmp_path.rglob("*")) == files
    assert descriptors == (psutil.Process().num_fds(), psutil.Process(zygote.pid).num_fds())


@pytest.mark.parametrize(
    ("ending", "key", "problem"),
    [
        ({"code": None, "signal": 9, "memory_ran_out": True}, "run.out_of_memory", None),
        ({"code": None, "signal": 9, "memory_ran_out": False}, "run.killed", None),
        ({"code": None, "signal": 9}, "run.killed", None),
        ({"code": None, "signal": 11}, "run.died", "SIGSEGV"),
        ({"code": 1, "signal": None}, "run.died", "ImportError: a fake"),
        ({"code": None, "signal": 15}, "run.lost", None),
        (None, "run.lost", None),
    ],
)
def test_a_run_that_said_no_end_is_told_of_by_what_is_known(
    new_run: Callable[[str], RunFolder], ending: Json | None, key: str, problem: str | None
) -> None:
    run = new_run("a")
    run.log_path.write_text("Traceback\nImportError: a fake\n", encoding="utf-8")
    found = loss(run, Liveness("ended", since=2, exit=ending), seq=3)
    assert (found.key, found.facts.get("problem")) == (key, problem)
    assert run.id in words("en").explain(found)


def test_a_trainer_that_fails_before_its_first_word_could_not_start(start: Start) -> None:
    started = start("failing")
    living = started.wait()
    found = loss(started.run, living, seq=0)
    assert (found.key, found.facts["problem"]) == (
        "run.cannot_start",
        "RuntimeError: a fake failure",
    )
