"""The trainer process: one run from its folder, to its end or to the next pause.

Called by the keeper with the run folder's path. It says everything in the run's events; its exit
code is 0 for finished, paused and stopped, else that of the error (DESIGN: 1 mistake or refusal,
3 our fault, 4 the run failed).
"""

import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from studio.core.errors import Fault, Refusal, RunFailed, StudioError, UserMistake
from studio.core.events import Ended, Event, Refused, Resumed, RunState, Started, Waiting
from studio.engine import machine
from studio.engine.interruption import Interrupted
from studio.engine.loop import DISK_PATIENCE, Asked, train
from studio.engine.preparation import prepare
from studio.engine.save_points import restore
from studio.store.atomic import sweep
from studio.store.run_folder import EventLog, Request, RunFolder


class Ear:
    """What somebody wants of the run, by its folder or by SIGTERM; asking it is a sign of life."""

    def __init__(self, run: RunFolder) -> None:
        self._run, self._is_terminated = run, False
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, *_: object) -> None:
        """Pause; a second SIGTERM ends the process at once, which loses nothing that is saved."""
        self._is_terminated = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def __call__(self) -> Request | None:
        with suppress(OSError):  # a full disk has no room for a new file
            self._run.beat()
        return self._run.asked() or ("pause" if self._is_terminated else None)


def main(path: str) -> int:
    """Train the run in the folder ``path``; returns the exit code."""
    run = RunFolder(Path(path))
    asked = Ear(run)
    try:
        with run.open_log() as log:
            return _train(run, log, asked)
    except Exception as error:  # not even the events can be written
        traceback.print_exception(error)
        return _in_words(error).exit_code


def _train(run: RunFolder, log: EventLog, asked: Asked) -> int:
    before = run.state().seq
    try:
        sweep(run.path)
        run.checkpoints.tidy()
        for event in _events(run, asked):
            _write(log, event, asked)
    except Exception as error:
        said = _in_words(error)
        if said is not error:
            traceback.print_exception(error)
        _write(log, _last_word(run, said, before), asked)
        return said.exit_code
    return 0


def _last_word(run: RunFolder, error: StudioError, before: int) -> Event:
    """That the run failed; a resume that is refused before it said anything changes nothing."""
    state = run.state()
    if state.seq == before > 0 and isinstance(error, Refusal | UserMistake):
        return Refused(state.step, error.as_json())
    return Ended("failed", state.step, error.as_json())


def _in_words(error: Exception) -> StudioError:
    """What ``error`` means for the run; most of what it can be is our fault."""
    if isinstance(error, StudioError):
        return error
    if machine.is_out_of_memory(error):
        return RunFailed("run.no_memory", peak_bytes=machine.peak_memory(machine.device()))
    problem = traceback.format_exception_only(error)[-1].strip()
    return Fault("run.broke", problem=problem[:300])


def _write(log: EventLog, event: Event, asked: Asked) -> None:
    """Append ``event``; on a full disk say so and wait for room, until somebody asks to leave."""
    urgent, is_said = isinstance(event, Waiting | Ended | Refused), isinstance(event, Waiting)
    while True:
        try:
            log.append(event, durable=True, urgent=urgent)
            return
        except Refusal as refusal:
            if refusal.key != "disk.full" or asked() is not None:
                raise
            full = refusal
        if isinstance(event, Waiting):
            return
        if not is_said:
            is_said = True
            _write(log, Waiting(event.as_json().get("step", 0), full.as_json()), asked)
        time.sleep(DISK_PATIENCE)


def _events(run: RunFolder, asked: Asked) -> Iterator[Event]:
    """Everything that the run says, from its preparation to its end."""
    said = run.state()
    try:
        session, lessons = prepare(run, asked)
    except Interrupted as interruption:
        yield Ended(interruption.status, said.step)
        return
    checkpoint = run.checkpoints.latest()
    after = 0
    if checkpoint is not None:
        restore(checkpoint, session.trained)
        after = checkpoint.step
    if not said.start:
        yield Started(
            run=run.id,
            total=session.plan.total,
            rows=len(lessons.train),
            check_rows=len(lessons.check),
            left_out=lessons.left_out,
            cut_rows=lessons.cut,
            trainable=session.trained.master.numel(),
        )
    if said.start or after:
        yield Resumed(after, lost=max(0, said.step - after))
    yield from train(session, after=after, said=_said_of(after, said))


def _said_of(step: int, state: RunState) -> set[str]:
    """Which kinds of events the run has told already of its model after ``step`` updates."""
    checked = {"eval" for at, _ in state.checks if at == step}
    return checked | {"sample" for sample in state.samples if sample["step"] == step}
