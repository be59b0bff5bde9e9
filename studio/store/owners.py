"""Which process owns a lock or a temporary file, told apart from any that gets its number later.

A process number alone names nobody: numbers are used again, and all of them after a restart of the
machine. Knows how to recognise a process; signals none.
"""

import os
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import psutil  # type: ignore[import-untyped]

LINUX = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Identity:
    """A process for all time: its number, its start, and the boot of the machine it ran in.

    ``started`` counts clock ticks since boot on Linux, milliseconds since 1970 elsewhere, where
    ``boot`` is empty. No setting of the clock changes them.
    """

    pid: int
    started: int
    boot: str

    def as_json(self) -> dict[str, Any]:
        """The identity as JSON; :meth:`from_json` is the inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Self | None:
        """The identity in ``data``, or None where it is none."""
        try:
            assert isinstance(data, dict)
            return cls(int(data["pid"]), int(data["started"]), str(data["boot"]))
        except (AssertionError, KeyError, TypeError, ValueError):
            return None


def current() -> Identity:
    """The identity of this process."""
    identity = of(os.getpid())
    assert identity is not None
    return identity


def of(pid: int) -> Identity | None:
    """The process that has this number now, or None; one that waits to be reaped counts."""
    started = _started(pid)
    return None if started is None else Identity(pid, started, _boot())


def alive(identity: Identity) -> bool:
    """Whether this very process still runs; ended but not yet reaped is not alive."""
    return of(identity.pid) == identity and not _is_zombie(identity.pid)


@cache
def _boot() -> str:
    if not LINUX:
        return ""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _started(pid: int) -> int | None:
    if LINUX:
        fields = _stat(pid)
        return int(fields[19]) if fields else None
    try:
        return int(psutil.Process(pid).create_time() * 1000)
    except psutil.Error:
        return None


def _is_zombie(pid: int) -> bool:
    if LINUX:
        return _stat(pid)[:1] in ([], ["Z"], ["X"])
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before them may hold anything."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
