"""The one training loop: a generator of events over any objective and method.

It knows no process and no page: who runs it writes the events down, and answers whether somebody
asked for a pause. Every random stream is derived from the seed and the update's number, so that
a resume at any update is bitwise the run that never stopped.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

import torch

from studio.core.course import Course, rate
from studio.core.errors import Refusal, RunFailed
from studio.core.events import Ended, Evaluated, Event, Sampled, Saved, Stepped, Waiting
from studio.core.plan import Plan
from studio.core.recipe import Training
from studio.engine import machine
from studio.engine.batches import Batch, Lesson
from studio.engine.forward import FORWARDS, Forward
from studio.engine.interruption import Interrupted, heeding
from studio.engine.save_points import save
from studio.engine.sites import Installed
from studio.engine.streams import stream_seed
from studio.engine.trained import Trained
from studio.store.checkpoints import Checkpoints
from studio.store.run_folder import Request

DISK_PATIENCE = 2.0
"""Seconds between two tries to write on a full disk."""

_NAMED = 10
"""Rows that are named at most where a whole update's are meant."""

Asked = Callable[[], Request | None]
Sampler = Callable[[], list[tuple[str, str]]]
"""Questions and the model's answers to them as it stands."""


class NoRoom(Exception):
    """Asked to leave while the disk is full: the last save point is an older one."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(slots=True)
class Session:
    """All that one run's loop needs. ``publish`` writes the result of so many updates.

    ``done`` counts the updates that ``trained`` has seen, ``saved`` those in the last save point.
    """

    training: Training
    plan: Plan
    course: Course
    train: tuple[Lesson, ...]
    check: tuple[Lesson, ...]
    installed: Installed
    trained: Trained
    checkpoints: Checkpoints
    asked: Asked
    sample: Sampler
    publish: Callable[[int], None]
    done: int = 0
    saved: int = 0

    @property
    def forward(self) -> Forward:
        """The path that the plan has chosen."""
        return FORWARDS[self.plan.path]

    def heed(self) -> None:
        """Raise Interrupted if somebody asked for a pause or a stop."""
        request = self.asked()
        if request is not None:
            raise Interrupted(request)


def train(session: Session, *, after: int = 0, said: Set[str] = frozenset()) -> Iterator[Event]:
    """Run the updates after ``after``; every event as it happens, :class:`Ended` last.

    ``said`` are the kinds of events that are known already of update ``after``; the others that
    are due then, which a pause has put off, are made up for. Raises RunFailed for a loss or
    gradient that is no number; whatever it raises, the last good state is saved before.
    """
    session.done = session.saved = after
    try:
        with heeding(session.installed.model, session.heed):
            status = yield from _learn(session, said)
        yield from _leave(session, status)
    except NoRoom as full:
        yield Ended("paused", session.saved, full.refusal.as_json())


def _learn(session: Session, said: Set[str]) -> Generator[Event, None, str]:
    """Everything up to the last update; returns how it ended: finished, paused or stopped."""
    try:
        yield from _after_update(session, said)
        while session.done < session.plan.total:
            yield _update(session)
            yield from _after_update(session)
    except Interrupted as interruption:
        return interruption.status
    except NoRoom:
        raise
    except Exception:
        yield from _save_in_need(session)
        raise
    return "finished"


def _update(session: Session) -> Stepped:
    start, step = perf_counter(), session.done + 1
    update = session.course.update(step)
    batches = [_batch(session, rows) for rows in update.micro_batches]
    labelled = sum(len(batch.targets) for batch in batches)
    loss, norm = _gradient(session, step, batches, 1 / labelled)
    lr = rate(session.training, step, total=session.plan.total, lr=session.plan.lr)
    clip = session.training.clip
    session.trained.update(lr, shrink=min(1.0, clip / (norm + 1e-6)) if clip else 1.0)
    session.done = step
    return Stepped(
        step=step,
        epoch=update.epoch,
        loss=loss,
        lr=lr,
        grad_norm=norm,
        tokens=sum(batch.tokens for batch in batches),
        labelled=labelled,
        seconds=perf_counter() - start,
        memory_bytes=machine.peak_memory(session.plan.device),
    )


def _batch(session: Session, rows: tuple[int, ...]) -> Batch:
    return Batch.of([session.train[row] for row in rows], session.plan.device)


def _gradient(
    session: Session, step: int, batches: list[Batch], scale: float
) -> tuple[float, float]:
    """Leave the gradient of ``batches`` in the buffers; their loss, and the gradient's norm."""
    session.trained.clear()
    session.installed.train(True)
    loss = 0.0
    for number, batch in enumerate(batches):
        torch.manual_seed(stream_seed(session.training.seed, "dropout", step, number))
        loss += _backward(session, step, batch, scale)
    session.installed.train(False)
    norm = session.trained.norm()
    if not math.isfinite(norm):
        raise _not_finite(session, step, [row.row for batch in batches for row in batch.lessons])
    return loss, norm


def _backward(session: Session, step: int, batch: Batch, scale: float) -> float:
    """Forward and backward of one micro-batch; its share of the update's loss."""
    session.heed()
    loss, losses = session.forward(session.installed.model, batch, scale)
    _require_finite(session, step, batch, losses)
    session.heed()
    loss.backward()
    session.trained.gather()
    return float(losses.sum(dtype=torch.float64)) * scale


def _require_finite(session: Session, step: int, batch: Batch, losses: torch.Tensor) -> None:
    """Raise RunFailed naming the rows whose loss is no number."""
    if not torch.isfinite(losses).all():
        each = batch.row_losses(losses)
        rows = [row for row, loss in each.items() if not math.isfinite(loss)]
        raise _not_finite(session, step, rows)


def _not_finite(session: Session, step: int, rows: list[str]) -> RunFailed:
    named = ", ".join(rows[:_NAMED])
    return RunFailed("run.not_finite", step=step, rows=named, count=len(rows), lr=session.plan.lr)


def _after_update(session: Session, said: Set[str] = frozenset()) -> Iterator[Event]:
    """What is due after this update and not ``said``: check loss, samples, a save point."""
    step = session.done
    if (
        session.check
        and _is_due(session, session.plan.eval_every, last=True)
        and "eval" not in said
    ):
        yield Evaluated(step, _check_loss(session))
    is_capped = session.training.sample_share is not None
    if _is_due(session, session.training.sample_every, last=is_capped) and "sample" not in said:
        for prompt, text in session.sample():
            yield Sampled(step, prompt, text)
    if _is_due(session, session.training.save_every):
        yield from _save(session)


def _is_due(session: Session, every: int, *, last: bool = False) -> bool:
    """Whether this is an update at which something is done; ``last``: also after the last one."""
    step = session.done
    at_the_end = last and step == session.plan.total
    return step > 0 and every > 0 and (step % every == 0 or at_the_end)


def _check_loss(session: Session) -> float:
    """Loss over all labelled positions of the check rows, in nats a position."""
    size = session.training.batch
    total, labelled = 0.0, 0
    for start in range(0, len(session.check), size):
        session.heed()
        batch = Batch.of(session.check[start : start + size], session.plan.device)
        with torch.no_grad():
            _, losses = session.forward(session.installed.model, batch, 1.0)
        _require_finite(session, session.done, batch, losses)
        total += float(losses.sum(dtype=torch.float64))
        labelled += len(batch.targets)
    return total / labelled


def _save(session: Session) -> Iterator[Event]:
    """Make a save point unless this one is made already; on a full disk, wait for room."""
    if session.done > session.saved:
        yield from _patiently(
            session, lambda: save(session.checkpoints, session.trained, session.done)
        )
        session.saved = session.done
        yield Saved(session.done)


def _save_in_need(session: Session) -> Iterator[Event]:
    """Save what was learned before something failed, if it is whole; else older ones stand."""
    trained = session.trained
    if session.done > session.saved and trained.step == session.done and trained.finite():
        with suppress(Exception):  # the first failure is the one to tell
            save(session.checkpoints, trained, session.done)
            session.saved = session.done
            yield Saved(session.done)


def _patiently(session: Session, act: Callable[[], None]) -> Iterator[Event]:
    """Do ``act``; while the disk is full, say so once and try again until somebody asks to leave.

    Raises NoRoom then.
    """
    told = False
    while True:
        try:
            return act()
        except Refusal as refusal:
            if refusal.key != "disk.full":
                raise
            if not told:
                yield Waiting(session.done, refusal.as_json())
            told = True
            if session.asked() is not None:
                raise NoRoom(refusal) from None
        time.sleep(DISK_PATIENCE)


def _leave(session: Session, status: str) -> Iterator[Event]:
    """Save, publish the result unless this is a pause, and say how it ended."""
    yield from _save(session)
    if status == "paused" and session.asked() == "stop":  # changed their mind while we saved
        status = "stopped"
    if status != "paused" and session.done > 0:
        yield from _patiently(session, lambda: session.publish(session.done))
    yield Ended(status, session.done)
