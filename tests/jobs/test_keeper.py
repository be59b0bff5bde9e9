import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.jobs.identity import KILL, TERMINATE, alive, of, send
from studio.jobs.keeper import LOG_LIMIT, Silence, shorten
from studio.jobs.processes import Job
from studio.jobs.zygote import Zygote
from studio.store.locks import Lock, owner
from studio.store.run_folder import RunFolder
from tests.jobs.conftest import Started, is_open, until

Start = Callable[..., Started]


@pytest.mark.parametrize(
    ("name", "code", "number"),
    [("quick", 0, None), ("failing", 1, None), ("killed", None, signal.SIGKILL)],
)
def test_the_ending_is_written_down(
    start: Start, name: str, code: int | None, number: int | None
) -> None:
    ending = start(name).wait().exit
    assert ending is not None
    assert (ending["code"], ending["signal"]) == (code, number)
    assert set(ending) == {"code", "signal", "peak_memory_bytes", "memory_ran_out", "ended"}
    assert ending["memory_ran_out"] is False


def test_the_peak_of_memory_is_the_trainers(start: Start) -> None:
    ending = start("hungry").wait().exit
    assert ending is not None
    assert 100e6 < ending["peak_memory_bytes"] < 150e6


def test_what_a_trainer_prints_is_in_the_log(start: Start) -> None:
    started = start("failing")
    started.wait()
    text = started.run.log_path.read_text(encoding="utf-8")
    assert text.endswith("RuntimeError: a fake failure\n")


def test_a_flood_of_output_stays_bounded_and_stops_nobody(start: Start) -> None:
    started = start("chatty")
    log, older = started.run.log_path, started.run.path / "log.1.txt"
    largest = 0
    while started.liveness.is_living:
        largest = max(largest, log.stat().st_size)
        time.sleep(0.005)
    assert started.liveness.exit is not None
    assert started.liveness.exit["code"] == 0
    assert older.stat().st_size <= 2 * LOG_LIMIT
    assert log.stat().st_size <= LOG_LIMIT
    print(f"of 200 MB at once the log held {largest / 1e6:.0f} MB at most")
    assert largest < 120e6
    assert log.read_bytes().endswith(b"the last line\n")


def test_a_silent_trainer_shows_where_it_stands_and_lives_on(start: Start) -> None:
    started = start("hanging", patience=0.3)
    stacks = started.run.stacks_path
    until(lambda: stacks.exists() and b"a_place_to_hang" in stacks.read_bytes())
    once = stacks.stat().st_size
    time.sleep(1)
    assert stacks.stat().st_size == once
    started.run.beat()
    until(lambda: stacks.stat().st_size > once)
    assert started.trainers.stop(started.run).exit is not None


def test_a_trainer_that_gives_signs_of_life_is_left_alone(start: Start) -> None:
    started = start("obedient", patience=1)
    time.sleep(2)
    assert started.run.stacks_path.read_bytes() == b""
    started.run.ask("pause")
    started.wait()


def test_a_keeper_that_is_asked_to_end_asks_its_trainer_to_pause(start: Start) -> None:
    started = start("obedient")
    assert send(started.keeper, TERMINATE)
    ending = started.wait().exit
    assert ending is not None
    assert ending["code"] == 0
    assert started.run.asked() == "pause"


def test_a_child_that_a_trainer_leaves_behind_is_killed(start: Start) -> None:
    started = start("leaving_a_child")
    started.wait()
    child = of(int((started.run.path / "child").read_text(encoding="utf-8")))
    until(lambda: child is None or not alive(child))
    until(started.is_lease_free)


def test_a_trainer_outlives_its_killed_keeper_with_the_lease(start: Start) -> None:
    started = start("obedient")
    send(started.keeper, KILL)
    until(lambda: not alive(started.keeper))
    assert started.liveness.state == "running"
    assert not started.is_lease_free()
    started.run.ask("pause")
    assert started.wait().state == "lost"
    until(started.is_lease_free)


def test_a_keeper_that_cannot_say_who_trains_ends_the_trainer(
    new_run: Callable[[str], RunFolder], zygote: Zygote, tmp_path: Path
) -> None:
    run, lock = new_run("a"), Lock(tmp_path / "device.lock")
    run.process_path.mkdir()  # no file can take its place
    with lock.acquire("a") as lease:
        words = (str(run.path), "tests.jobs.fake_trainers:stubborn", "600")
        job = Job("studio.jobs.keeper:keep", words, run.log_path, (lease.fileno(),))
        keeper = zygote.launch(job)
    until(lambda: not alive(keeper))
    until(lambda: owner(lock.path) is None)
    assert not is_open(run.log_path)
    assert "IsADirectoryError" in run.log_path.read_text(encoding="utf-8")
    assert run.exit() is None


def test_an_ending_is_written_down_once_there_is_room(start: Start) -> None:
    started = start("obedient")
    started.run.exit_path.mkdir()  # no file can take its place
    started.run.ask("pause")
    until(lambda: not alive(started.trainer))
    time.sleep(0.3)
    assert started.liveness.state == "running"
    started.run.exit_path.rmdir()
    assert started.wait().state == "ended"


def test_only_a_long_log_is_shortened(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"0123456789")
    shorten(log, limit=10)
    assert (log.read_bytes(), os.listdir(tmp_path)) == (b"0123456789", ["log.txt"])
    with open(log, "ab", buffering=0) as writer:
        writer.write(b"abc")
        shorten(log, limit=10)
        writer.write(b"next")
    assert (log.read_bytes(), (tmp_path / "log.1.txt").read_bytes()) == (b"next", b"3456789abc")


def test_a_log_whose_end_cannot_be_kept_is_emptied_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "log.1.txt").mkdir()
    (tmp_path / "log.txt").write_bytes(b"0123456789")
    with pytest.raises(IsADirectoryError):
        shorten(tmp_path / "log.txt", limit=3)
    assert (tmp_path / "log.txt").read_bytes() == b""


def test_a_clock_that_is_set_back_is_no_silence_and_no_sign_of_life(tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat"
    heartbeat.touch()
    silence = Silence(heartbeat, patience=0.1)
    os.utime(heartbeat, (5, 5))  # forty years back: a change, and so a sign of life
    assert not silence.is_too_long()
    time.sleep(0.15)
    assert [silence.is_too_long(), silence.is_too_long()] == [True, False]
    os.utime(heartbeat, (4, 4))
    assert not silence.is_too_long()


def test_nothing_to_touch_is_silence_too(tmp_path: Path) -> None:
    silence = Silence(tmp_path / "never", patience=0)
    time.sleep(0.01)
    assert silence.is_too_long()
