"""A small process that starts one trainer, watches it, and writes down how it ended.

It needs nobody: server, zygote and browser can all die. It holds the device lease together with the
trainer, keeps the log short, lets a trainer that is silent for too long say where it stands, and
turns its own SIGTERM into a request to pause. Knows nothing of training.
"""

import faulthandler
import math
import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from studio.core.errors import StudioError
from studio.jobs.endings import Beginning
from studio.jobs.identity import KILL, Ending, Identity, current, of, reap, send
from studio.jobs.processes import Job, begin, fork, spawn
from studio.store.atomic import write_json
from studio.store.locks import Held
from studio.store.owners import LINUX
from studio.store.run_folder import RunFolder

LOG_LIMIT = 8 * 1024 * 1024
"""Bytes of ``log.txt`` before its end moves to ``log.1.txt``; looked at every tick."""

_TICK = 0.1
_TRIES = 10


def keep(folder: str, entry: str, patience: str, lease: int) -> int:
    """Call ``entry`` with the run ``folder`` in a trainer process, and see it to its end.

    After ``patience`` seconds without a sign of life the stacks are written down, once a silence.
    """
    run = RunFolder(Path(folder))
    held = Held.inherited(lease, run.id)
    ear = _listen()
    since, beginning = run.state().seq, Beginning.now(run.log_path)
    trainer = _start(run, entry, lease)
    try:
        _sign(run, trainer, since)
        ending = _watch(run, trainer, ear, Silence(run.heartbeat_path, float(patience)))
    except BaseException:
        send(_identity(trainer), KILL)
        while reap(trainer) is None:
            time.sleep(_TICK)
        raise
    _write_ending(run, ending, ending.signal == KILL and beginning.memory_ran_out())
    held.release()
    return 0


def train(folder: str, entry: str, _lease: int) -> int:
    """The trainer process: it holds the lease by merely having it open."""
    run = RunFolder(Path(folder))
    faulthandler.enable()
    if sys.platform != "win32":
        stacks = open(run.stacks_path, "wb")  # noqa: SIM115 - open as long as we live
        faulthandler.register(signal.SIGUSR1, stacks, all_threads=True)
    return Job(entry, (folder,), run.log_path).run()


class Silence:
    """Measures how long nobody has touched ``heartbeat``; only its changes count, no clock."""

    def __init__(self, heartbeat: Path, patience: float) -> None:
        self._heartbeat, self._patience = heartbeat, patience
        self._last, self._since = self._look(), time.monotonic()

    def is_too_long(self) -> bool:
        """Whether the silence has lasted for longer than the patience; said once a silence."""
        if (beat := self._look()) != self._last:
            self._last, self._since = beat, time.monotonic()
        too_long = time.monotonic() - self._since > self._patience
        if too_long:
            self._since = math.inf
        return too_long

    def _look(self) -> int | None:
        try:
            return self._heartbeat.stat().st_mtime_ns
        except OSError:
            return None


def shorten(log: Path, limit: int = LOG_LIMIT) -> None:
    """Move the end of a log that has grown beyond ``limit`` bytes to ``….1.txt``; empty the log.

    Whoever has it open for appending goes on at its start. Lines of that very moment may be lost.
    """
    with open(log, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size > limit:
            file.seek(size - limit)
            try:
                with open(log.with_suffix(".1.txt"), "wb") as older:
                    older.write(file.read(limit))
                    older.write(file.read(limit))  # what came meanwhile
            finally:
                file.truncate(0)


def _listen() -> int:
    """A descriptor that gives the number of each SIGTERM and SIGCHLD, from now on."""
    ear, mouth = os.pipe()
    if sys.platform != "win32":  # where neither comes
        os.set_blocking(mouth, False)
        signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
    return ear


def _hear(ear: int) -> bytes:
    """The signals that came within a tick; returns at the first."""
    if sys.platform == "win32":  # where a pipe cannot be waited for, nor a signal sent
        time.sleep(_TICK)
        return b""
    ready, _, _ = select.select([ear], [], [], _TICK)
    return os.read(ear, 4096) if ready else b""


def _start(run: RunFolder, entry: str, lease: int) -> int:
    """The process number of a new trainer, in a process group of its own."""
    job = Job("studio.jobs.keeper:train", (str(run.path), entry), run.log_path, (lease,))
    if LINUX:
        return fork(lambda: begin(job, lambda: os.setpgid(0, 0)))
    return spawn(job).pid


def _identity(trainer: int) -> Identity:
    identity = of(trainer)
    assert identity is not None  # unreaped, it keeps its number
    return identity


def _sign(run: RunFolder, trainer: int, since: int) -> None:
    who = {"keeper": current().as_json(), "trainer": _identity(trainer).as_json()}
    write_json(run.process_path, who | {"since": since})


def _watch(run: RunFolder, trainer: int, ear: int, silence: Silence) -> Ending:
    while (ending := reap(trainer)) is None:
        if signal.SIGTERM in _hear(ear):
            with suppress(OSError, StudioError):
                run.ask("pause")
        with suppress(OSError):
            shorten(run.log_path)
        if silence.is_too_long() and sys.platform != "win32":
            send(_identity(trainer), signal.SIGUSR1)
    return ending


def _write_ending(run: RunFolder, ending: Ending, memory_ran_out: bool) -> None:
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    written = asdict(ending) | {"memory_ran_out": memory_ran_out, "ended": moment}
    for _ in range(_TRIES):
        with suppress(OSError, StudioError):  # a full disk may have room again
            return write_json(run.exit_path, written)
        time.sleep(1)
