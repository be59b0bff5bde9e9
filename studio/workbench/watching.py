"""What the runs of a data folder have told, each event read once however often one asks.

Everything stands in the run folders: a server that starts anew finds the same there.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.following import Followed
from studio.store.run_folder import EventReader, RunFolder

KEPT = 12
"""Runs whose events are kept in memory, those that were looked at last."""

Stamp = tuple[int, int, int]
"""What shows that a file has changed: its number, its size, the time of its change."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The little of a run that a list shows. Losses in nats a labelled token."""

    status: str
    seq: int
    step: int
    total: int
    last_loss: float | None
    best_check: float | None


@dataclass(slots=True)
class _Log:
    """One run's events, read as far as ``stamp`` says."""

    reader: EventReader
    followed: Followed = field(default_factory=Followed)
    stamp: Stamp = (0, 0, 0)
    turn: threading.Lock = field(default_factory=threading.Lock)


class Watching:
    """Follows all runs under ``runs``. Threads may share it."""

    def __init__(self, runs: Path, kept: int = KEPT) -> None:
        self._runs, self._kept = runs, kept
        self._logs: OrderedDict[str, _Log] = OrderedDict()
        self._summaries: dict[str, tuple[Stamp, Summary]] = {}
        self._door = threading.Lock()

    @contextmanager
    def at(self, run: str) -> Iterator[Followed]:
        """All that ``run`` has told until now; it stands still inside the block."""
        folder = RunFolder(self._runs / run)
        log = self._log(folder)
        with log.turn:
            self._read(log, folder)
            yield log.followed

    def summary(self, run: str) -> Summary:
        """What a list shows of ``run``."""
        stamp = _stamp(RunFolder(self._runs / run))
        kept, summary = self._summaries.get(run, (None, None))
        if summary is None or stamp != kept:
            with self.at(run) as followed:
                summary = _summary(followed)
            self._summaries[run] = (stamp, summary)
        return summary

    def _log(self, folder: RunFolder) -> _Log:
        with self._door:
            log = self._logs.get(folder.id)
            if log is None:
                log = self._logs[folder.id] = _Log(folder.reader())
            self._logs.move_to_end(folder.id)
            while len(self._logs) > self._kept:
                self._logs.popitem(last=False)
        return log

    def _read(self, log: _Log, folder: RunFolder) -> None:
        """Fold in what is new; a log that was written anew, as erasing does, is read anew."""
        stamp = _stamp(folder)
        if log.stamp[0] not in (0, stamp[0]):
            log.reader, log.followed = folder.reader(), Followed()
        for event in log.reader.read():
            log.followed.take(event)
        log.stamp = stamp


def _summary(followed: Followed) -> Summary:
    state = followed.state
    losses = state.curves["loss"]
    return Summary(
        status=state.status,
        seq=state.seq,
        step=state.step,
        total=state.total,
        last_loss=losses[-1] if losses else None,
        best_check=min((loss for _, loss in state.checks), default=None),
    )


def _stamp(folder: RunFolder) -> Stamp:
    try:
        found = os.stat(folder.events_path)
    except FileNotFoundError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns
