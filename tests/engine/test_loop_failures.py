import errno
import math
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.core.errors import Fault, Refusal, RunFailed
from studio.core.events import Ended, Saved, Waiting
from studio.engine import interruption, loop
from studio.engine.batches import Batch
from studio.engine.forward import FORWARDS, rows_forward
from studio.engine.loop import train
from studio.engine.save_points import restore
from studio.engine.trained import Trained
from studio.store.checkpoints import Checkpoints
from studio.store.run_folder import Request
from tests.engine import tiny_models
from tests.engine.tiny_sessions import (
    LESSONS,
    Session,
    answers,
    failing,
    lesson,
    names,
    same,
    session,
    values,
)
from tests.store.test_atomic import FailingDisk

TOTAL = 3


@pytest.fixture(autouse=True)
def only_between_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop asks at known moments only, however slow the machine is."""
    monkeypatch.setattr(interruption, "RHYTHM", 3600.0)


POISON = "¶"
"""A character that is in one row only."""


def poisoned(place: Path, method: str = "lora", **configuration: Any) -> Session:
    """A session in which the poison makes a loss that is no number."""
    ours = session(place, method=method, **configuration)
    poison = tiny_models.tokenizer().encode(POISON, add_special_tokens=False)[-1]
    with torch.no_grad():
        ours.installed.model.get_input_embeddings().weight[poison] = math.nan
    return ours


def rows_with_poison(number: int) -> tuple[Any, ...]:
    return tuple(
        lesson(old.row, f"What is {POISON}? It is {POISON}.") if index == number else old
        for index, old in enumerate(LESSONS)
    )


@pytest.mark.parametrize("path", ["segments", "rows"])
@pytest.mark.parametrize("number", [0, 3, 5, 7])
def test_a_loss_that_is_no_number_ends_it_within_the_update_and_names_the_row(
    tmp_path: Path, number: int, path: str
) -> None:
    lessons = rows_with_poison(number)[:8]
    ours = poisoned(tmp_path, train=lessons, check=(), path=path, save_every=0, steps=4)
    step = next(
        step
        for step in range(1, 5)
        if number in chain.from_iterable(ours.course.update(step).micro_batches)
    )
    events, error = failing(ours)
    assert isinstance(error, RunFailed)
    assert error.key == "run.not_finite"
    assert error.facts == {"step": step, "rows": f"row-{number}", "count": 1, "lr": 0.01}
    assert names(events) == ["step"] * (step - 1) + ["checkpoint"] * (step > 1)
    assert ours.checkpoints.steps() == ([step - 1] if step > 1 else [])
    assert ours.trained.finite()


def test_a_check_loss_that_is_no_number_ends_it_too(tmp_path: Path) -> None:
    ours = poisoned(tmp_path, check=rows_with_poison(8)[8:], save_every=0)
    events, error = failing(ours)
    assert isinstance(error, RunFailed)
    assert (error.facts["step"], error.facts["rows"]) == (2, "row-8")
    assert names(events) == ["step", "step", "checkpoint"]


def test_a_state_that_is_no_number_is_not_saved(tmp_path: Path) -> None:
    ours = session(tmp_path, save_every=0)
    source = train(ours)
    next(source)
    ours.trained.master[0] = math.nan
    with pytest.raises(RunFailed):
        list(source)
    assert ours.checkpoints.steps() == []


def test_a_gradient_that_is_no_number_ends_it_although_the_loss_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def infinite(model: Any, batch: Batch, scale: float) -> tuple[Tensor, Tensor]:
        loss, losses = rows_forward(model, batch, scale)
        calls.append(1)
        return (loss * torch.inf if len(calls) > 1 else loss), losses

    monkeypatch.setitem(FORWARDS, "infinite", infinite)
    ours = session(tmp_path, path="infinite", save_every=0, eval_every=0)
    events, error = failing(ours)
    assert isinstance(error, RunFailed)
    rows = [ours.train[row].row for row in chain.from_iterable(ours.course.update(2).micro_batches)]
    assert error.facts["rows"] == ", ".join(rows)
    assert names(events) == ["step", "checkpoint"]
    assert ours.trained.finite()


def test_a_rate_far_too_high_ends_it_before_the_numbers_are_lost(tmp_path: Path) -> None:
    knobs = {"r": 8, "alpha": 1_000_000.0}
    ours = session(tmp_path, model="gpt2", knobs=knobs, lr=10.0, clip=0.0, steps=30, eval_every=0)
    events, error = failing(ours)
    assert isinstance(error, RunFailed)
    assert error.facts["lr"] == 10.0
    assert error.facts["step"] == ours.done + 1
    assert ours.checkpoints.steps()[-1] == ours.done
    assert ours.trained.finite()
    assert isinstance(events[-1], Saved)


def test_whatever_fails_the_last_whole_update_is_saved(tmp_path: Path) -> None:
    ours = session(tmp_path, save_every=0, sample_every=2)

    def sample() -> list[tuple[str, str]]:
        raise Fault("engine.broke", problem="a fake")

    ours.sample = sample
    events, error = failing(ours)
    assert isinstance(error, Fault)
    assert events[-1] == Saved(2)


def test_an_update_that_breaks_in_its_middle_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refresh(trained: Trained) -> None:
        if trained.step == 2:
            raise RuntimeError("a fake")

    ours = session(tmp_path, save_every=0)
    monkeypatch.setattr(Trained, "refresh", refresh)
    events, error = failing(ours)
    assert isinstance(error, RuntimeError)
    assert (names(events), ours.checkpoints.steps()) == (["step"], [])


def test_a_failure_is_told_also_where_it_cannot_be_saved(tmp_path: Path) -> None:
    ours = poisoned(tmp_path, train=rows_with_poison(7)[:8], save_every=0, shuffle=False, steps=4)
    ours.checkpoints = Checkpoints(tmp_path, disk=FailingDisk("rename"))
    events, error = failing(ours)
    assert isinstance(error, RunFailed)
    assert set(names(events)) == {"step", "eval"}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "DISK_PATIENCE", 0.0)


class FullDisk(FailingDisk):
    """A disk that is full for so many calls, after ``good`` ones."""

    def __init__(self, kind: str, *, good: int, failures: int) -> None:
        super().__init__(kind, errno.ENOSPC, good)
        self.failures = failures

    def _maybe_fail(self, kind: str) -> None:
        if kind == self.kind and self.good <= 0:
            self.failures -= 1
            if self.failures < 0:
                return
        super()._maybe_fail(kind)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["write", "sync", "make_folder"])
def test_on_a_full_disk_it_says_so_waits_and_goes_on(tmp_path: Path, kind: str) -> None:
    untroubled = session(tmp_path / "a")
    list(train(untroubled))
    ours = session(tmp_path / "b")
    ours.checkpoints = Checkpoints(tmp_path / "b", disk=FullDisk(kind, good=1, failures=3))
    events = list(train(ours))
    (waiting,) = (event for event in events if isinstance(event, Waiting))
    assert waiting.reason["key"] == "disk.full"
    assert isinstance(events[events.index(waiting) + 1], Saved)
    assert events[-1] == Ended("finished", TOTAL)
    assert same(values(ours), values(untroubled))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("request_", ["pause", "stop"])
def test_asked_to_leave_while_it_waits_it_pauses_at_the_last_save_point(
    tmp_path: Path, request_: Request
) -> None:
    ours = session(tmp_path, save_every=2, eval_every=0)
    list(event for _, event in zip(range(4), train(ours), strict=False))
    saved = ours.checkpoints.latest()
    again = session(tmp_path)
    again.checkpoints = Checkpoints(tmp_path / "checkpoints", disk=FailingDisk("write"))
    assert saved is not None
    restore(saved, again.trained)
    again.asked = answers(*[None] * 4, request_)
    events = list(train(again, after=2, said={"eval"}))
    assert names(events) == ["step", "eval", "waiting", "end"]
    end = events[-1]
    assert isinstance(end, Ended)
    assert (end.status, end.step) == ("paused", 2)
    assert end.reason is not None
    assert end.reason["key"] == "disk.full"
    assert again.checkpoints.latest() == saved


@pytest.mark.usefixtures("impatient")
def test_the_result_waits_for_room_too(tmp_path: Path) -> None:
    ours = session(tmp_path)
    tries: list[int] = []

    def publish(step: int) -> None:
        tries.append(step)
        if len(tries) < 3:
            raise Refusal("disk.full", path="tuned", needed=2, free=1)

    ours.publish = publish
    events = list(train(ours))
    assert names(events)[-3:] == ["checkpoint", "waiting", "end"]
    assert tries == [TOTAL] * 3


def test_what_no_room_would_mend_is_raised(tmp_path: Path) -> None:
    ours = session(tmp_path)

    def publish(_: int) -> None:
        raise Refusal("lease.busy", owner="someone", pid=1)

    ours.publish = publish
    _, error = failing(ours)
    assert isinstance(error, Refusal)
    assert error.key == "lease.busy"
