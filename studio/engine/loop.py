"""The one training loop: a generator of events over any objective and method.

It knows no process and no page: who runs it writes the events down, and answers whether somebody
asked for a pause. Every random stream is derived from the seed and the update's number, so that
a resume at any update is bitwise the run that never stopped.
"""

import math
import time
from collections.abc import Callable, Iterator
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
from studio.engine.forward import FORWARDS, Forward, mean_loss
from studio.engine.save_points import save
from studio.engine.sites import Installed, stream_seed
from studio.engine.trained import Trained
from studio.store.checkpoints import Checkpoints
from studio.store.run_folder import Request

DISK_PATIENCE = 2.0
"""Seconds between two tries to save on a full disk."""

Asked = Callable[[], Request | None]
Sampler = Callable[[], list[tuple[str, str]]]
"""Questions and the model's answers to them as it stands."""


class Interrupted(Exception):
    """Somebody asked for a pause or a stop; the unfinished update is dropped."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.request = request


@dataclass(slots=True)
class Session:
    """All that one run's loop needs. ``publish`` writes the result of ``step`` updates."""

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
    saved: int = 0

    @property
    def forward(self) -> Forward:
        """The path that the plan has chosen."""
        return FORWARDS[self.plan.path]


def train(session: Session, *, after: int = 0) -> Iterator[Event]:
    """Run the updates after ``after``; every event as it happens, :class:`Ended` last.

    Raises RunFailed for a loss or gradient that is no number; the last good state is saved.
    """
    session.saved = after
    step = after
    try:
        for step in range(after + 1, session.plan.total + 1):
            yield _update(session, step)
            yield from _after_update(session, step)
        step = session.plan.total
        yield from _leave(session, step, "finished")
    except Interrupted as interruption:
        done = session.trained.step
        status = "paused" if interruption.request == "pause" else "stopped"
        yield from _leave(session, done, status)
    except RunFailed:
        if session.trained.finite():
            yield from _save(session, session.trained.step)
        raise


def _update(session: Session, step: int) -> Stepped:
    start = perf_counter()
    update = session.course.update(step)
    batches = [_batch(session, rows) for rows in update.micro_batches]
    labelled = sum(len(batch.targets) for batch in batches)
    session.trained.clear()
    session.installed.train(True)
    loss = sum(
        _learn(session, batch, step, number, 1 / labelled) for number, batch in enumerate(batches)
    )
    session.installed.train(False)
    norm = session.trained.norm()
    if not math.isfinite(norm):
        raise _not_finite(session, step, [row.row for batch in batches for row in batch.lessons])
    lr = rate(session.training, step, total=session.plan.total, lr=session.plan.lr)
    clip = session.training.clip
    session.trained.update(lr, shrink=min(1.0, clip / (norm + 1e-6)) if clip else 1.0)
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


def _learn(session: Session, batch: Batch, step: int, number: int, scale: float) -> float:
    """Forward and backward of one micro-batch; its share of the update's loss."""
    _heed(session)
    torch.manual_seed(stream_seed(session.training.seed, "dropout", step, number))
    loss, losses = session.forward(session.installed.model, batch, scale)
    if not torch.isfinite(losses).all():
        rows = [row for row, value in batch.row_losses(losses).items() if not math.isfinite(value)]
        raise _not_finite(session, step, rows)
    _heed(session)
    loss.backward()
    session.trained.gather()
    return float(losses.sum(dtype=torch.float64)) * scale


def _heed(session: Session) -> None:
    request = session.asked()
    if request is not None:
        raise Interrupted(request)


def _not_finite(session: Session, step: int, rows: list[str]) -> RunFailed:
    return RunFailed("run.not_finite", step=step, rows=", ".join(rows[:10]), lr=session.plan.lr)


def _after_update(session: Session, step: int) -> Iterator[Event]:
    """What is due after this update: check loss, samples, a save point."""
    training = session.training
    last = step == session.plan.total
    if session.check and (_due(session.plan.eval_every, step) or last):
        yield Evaluated(step, _check_loss(session))
    if _due(training.sample_every, step):
        for prompt, text in session.sample():
            yield Sampled(step, prompt, text)
    if _due(training.save_every, step) and not last:
        yield from _save(session, step)


def _due(every: int, step: int) -> bool:
    return every > 0 and step % every == 0


def _check_loss(session: Session) -> float:
    size = session.training.batch
    parts = [session.check[i : i + size] for i in range(0, len(session.check), size)]
    batches = []
    for part in parts:
        _heed(session)
        batches.append(Batch.of(part, session.plan.device))
    return mean_loss(session.installed.model, batches, session.forward)


def _save(session: Session, step: int) -> Iterator[Event]:
    """Make a save point unless this one is made already; on a full disk, wait for room."""
    if step == session.saved or step == 0:
        return
    yield from _patiently(session, step, lambda: save(session.checkpoints, session.trained, step))
    session.saved = step
    yield Saved(step)


def _patiently(session: Session, step: int, act: Callable[[], None]) -> Iterator[Event]:
    """Do ``act``; while the disk is full, say so once and try again until somebody interrupts."""
    told = False
    while True:
        try:
            act()
            return
        except Refusal as refusal:
            if refusal.key != "disk.full":
                raise
            if not told:
                yield Waiting(step, refusal.as_json())
            told = True
        if session.asked() is not None:
            raise _NoRoom
        time.sleep(DISK_PATIENCE)


class _NoRoom(Exception):
    """Interrupted while waiting for room on the disk: the last save point is an older one."""


def _leave(session: Session, step: int, status: str) -> Iterator[Event]:
    """Save, publish the result unless this is a pause, and say how it ended."""
    try:
        yield from _save(session, step)
        if status != "paused" and step > 0:
            yield from _patiently(session, step, lambda: session.publish(step))
    except _NoRoom:
        status, step = "paused", session.saved
    yield Ended(status, step)
