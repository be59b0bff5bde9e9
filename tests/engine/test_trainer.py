import errno
import os
import shutil
import signal
from typing import Any

import pytest
import torch

from studio.engine import preparation, trainer
from studio.engine.forward import FORWARDS
from studio.engine.trained import Trained
from studio.engine.trainer import main
from studio.store.atomic import DISK, Disk
from studio.store.tensors import tuned_sha256
from tests.engine.tiny_runs import Begin, reason, said, train


def test_a_run_finishes_and_leaves_its_result(begin: Begin) -> None:
    run = begin()
    sha256 = train(run)
    assert sha256 is not None
    (start,) = said(run, "start")
    counts = (start["total"], start["rows"], start["check_rows"], start["left_out"])
    assert counts == (3, 8, 2, [])
    assert run.state().status == "finished"
    assert [event["step"] for event in said(run, "step")] == [1, 2, 3]
    assert [event["seq"] for event in run.events()] == list(range(1, run.state().seq + 1))


def test_equal_runs_end_with_equal_bytes_and_another_seed_does_not(begin: Begin) -> None:
    assert train(begin()) == train(begin()) != train(begin(seed=1))


@pytest.mark.parametrize("other", [{"sample_every": 1}, {"eval_every": 0}, {"save_every": 0}])
def test_what_is_looked_at_or_saved_does_not_change_the_bytes(
    begin: Begin, other: dict[str, Any]
) -> None:
    run = begin(**other)
    assert train(begin()) == train(run)
    assert len(said(run, "sample")) == (6 if "sample_every" in other else 0)


@pytest.mark.parametrize(
    "configuration",
    [
        {"method": "full", "sample_every": 1, "eval_every": 1},
        {"knobs": {"r": 2, "dropout": 0.5}, "sample_every": 1},
        {"precision": "bfloat16"},
        {"method": "full", "precision": "bfloat16"},
        {"method": "last_layers", "sample_every": 1},
        {"method": "bitfit", "sample_every": 1},
        {"method": "prompt_tuning", "sample_every": 1},
    ],
    ids=str,
)
def test_a_resume_ends_with_the_same_bytes(
    begin: Begin, cut_off: Begin, configuration: dict[str, Any]
) -> None:
    run = cut_off(**configuration)
    assert train(run) == train(begin(**configuration))
    (resumed,) = said(run, "resume")
    assert (resumed["step"], resumed["lost"], resumed["attempt"]) == (2, 0, 2)
    assert run.state().curves["step"] == [1, 2, 3]
    assert [event["step"] for event in said(run, "eval")][-2:] == [2, 3]
    assert len(said(run, "sample")) == (6 if "sample_every" in configuration else 0)


def test_a_torn_last_event_is_forgotten(begin: Begin, cut_off: Begin) -> None:
    run = cut_off()
    with open(run.path / "events.jsonl", "ab") as file:
        file.write(b'{"event": "step", "step": 3, "epo')
    assert train(run) == train(begin())
    assert run.state().curves["step"] == [1, 2, 3]


def test_a_log_that_has_lost_its_start_says_both_start_and_resume(
    begin: Begin, cut_off: Begin
) -> None:
    run = cut_off()
    log = run.path / "events.jsonl"
    log.write_bytes(b"\0" * 40 + b"\n" + log.read_bytes().partition(b"\n")[2])
    assert train(run) == train(begin())
    assert [event["event"] for event in said(run, "start", "resume")] == ["start", "resume"]
    assert run.state().curves["step"] == [1, 2, 3]


@pytest.mark.parametrize("file", ["trained.safetensors", "moments.safetensors", "manifest.json"])
def test_a_damaged_save_point_is_passed_over_and_the_loss_is_told(
    begin: Begin, cut_off: Begin, file: str
) -> None:
    run = cut_off()
    damaged = run.checkpoints.path / "step-2" / file
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    assert train(run) == train(begin())
    (resumed,) = said(run, "resume")
    assert (resumed["step"], resumed["lost"]) == (1, 1)


def test_without_any_good_save_point_it_begins_again(begin: Begin, cut_off: Begin) -> None:
    run = cut_off()
    shutil.rmtree(run.checkpoints.path)
    assert train(run) == train(begin())
    (resumed,) = said(run, "resume")
    assert (resumed["step"], resumed["lost"]) == (0, 2)


def test_a_clock_that_was_set_back_changes_nothing(begin: Begin, cut_off: Begin) -> None:
    run = cut_off()
    for number, path in enumerate(sorted(run.path.rglob("*"), reverse=True)):
        os.utime(path, (4_000_000_000 + number,) * 2)
    log = run.path / "events.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"at":"20', b'"at":"21'))
    assert train(run) == train(begin())
    (resumed,) = said(run, "resume")
    assert resumed["step"] == 2


@pytest.mark.parametrize(("word", "status"), [("pause", "paused"), ("stop", "stopped")])
def test_a_request_before_the_first_update_is_heard(begin: Begin, word: Any, status: str) -> None:
    run = begin()
    run.ask(word)
    assert main(str(run.path)) == 0
    assert (run.state().status, run.state().step) == (status, 0)
    assert not run.tuned.exists()
    assert train(run) == train(begin())


def test_a_stop_asked_for_before_a_resume_leaves_what_was_learned(cut_off: Begin) -> None:
    run = cut_off()
    run.ask("stop")
    assert main(str(run.path)) == 0
    assert (run.state().status, run.state().step) == ("stopped", 2)
    assert tuned_sha256(run.tuned) is not None


def test_no_sign_of_life_can_stop_it(begin: Begin) -> None:
    run = begin()
    run.heartbeat_path.symlink_to(run.path / "missing" / "heartbeat")
    assert train(run) == train(begin())


def test_memory_that_does_not_suffice_is_told_with_the_peak(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(*_: object) -> Any:
        return torch.empty(1 << 50), None

    run = begin()
    monkeypatch.setitem(FORWARDS, "segments", hungry)
    monkeypatch.setattr(preparation.plans, "agreed_path", lambda *_: "segments")
    train(run, code=4)
    assert reason(run)["key"] == "run.no_memory"
    assert reason(run)["facts"]["peak_bytes"] > 1_000_000


def test_our_own_mistake_is_told_as_one(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*_: object) -> Any:
        raise KeyError("a fake")

    run = begin()
    monkeypatch.setitem(FORWARDS, "segments", wrong)
    monkeypatch.setattr(preparation.plans, "agreed_path", lambda *_: "segments")
    train(run, code=3)
    assert reason(run)["key"] == "run.broke"
    assert reason(run)["facts"] == {"problem": "KeyError: 'a fake'"}
    assert "Traceback" in capsys.readouterr().err


def test_events_that_cannot_be_written_are_our_fault_too(
    begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begin()
    (run.path / "events.jsonl").mkdir()
    assert main(str(run.path)) == 3
    assert "IsADirectoryError" in capsys.readouterr().err


def test_a_sigterm_is_a_request_to_pause_and_a_second_one_is_not_caught(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, handlers = Trained.update, list[object]()

    def terminated(trained: Trained, rate: float, **named: float) -> None:
        update(trained, rate, **named)
        os.kill(os.getpid(), signal.SIGTERM)
        handlers.append(signal.getsignal(signal.SIGTERM))

    run = begin()
    with monkeypatch.context() as patch:
        patch.setattr(Trained, "update", terminated)
        assert main(str(run.path)) == 0
    assert (run.state().status, run.state().step) == ("paused", 1)
    assert handlers == [signal.SIG_DFL]
    assert train(run) == train(begin())


class NoRoomFor:
    """A disk on which no line of this kind of event can be written, for so many tries."""

    def __init__(self, kind: str, tries: int) -> None:
        self.kind, self.tries, self.append = f'"event":"{kind}"'.encode(), tries, DISK.append

    def __call__(self, _: Disk, descriptor: int, data: bytes) -> int:
        if self.kind in data and self.tries:
            self.tries -= 1
            raise OSError(errno.ENOSPC, "a fake")
        return self.append(descriptor, data)


def full_for(monkeypatch: pytest.MonkeyPatch, kind: str, tries: int) -> None:
    no_room = NoRoomFor(kind, tries)
    monkeypatch.setattr(Disk, "append", lambda *given: no_room(*given))
    monkeypatch.setattr(trainer, "DISK_PATIENCE", 0.0)


@pytest.mark.parametrize("kind", ["start", "step", "checkpoint", "end"])
def test_an_event_waits_for_room_and_says_so_once(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    expected, run = train(begin()), begin()
    full_for(monkeypatch, kind, tries=3)
    assert train(run) == expected
    (waiting,) = said(run, "waiting")
    assert waiting["reason"]["key"] == "disk.full"
    assert run.state().curves["step"] == [1, 2, 3]


def test_asked_to_leave_when_no_event_can_be_written_it_leaves(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begin()
    with monkeypatch.context() as patch:
        full_for(patch, "end", tries=1_000_000)
        run.ask("pause")
        assert main(str(run.path)) == 1
    assert "disk.full" in capsys.readouterr().err
    assert train(run) == train(begin())
