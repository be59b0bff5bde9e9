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

import psutil

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
    return _on_linux(pid)[0] if LINUX else _elsewhere(pid)[0]


def alive(identity: Identity) -> bool:
    """Whether this very process still runs; ended but not yet reaped is not alive."""
    found, runs = _on_linux(identity.pid) if LINUX else _elsewhere(identity.pid)
    return runs and found == identity


def _on_linux(pid: int) -> tuple[Identity | None, bool]:
    """Who has this number, and whether it runs."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None, False
    # From the state on: the name before it, in brackets, may hold anything.
    state, *fields = text.rpartition(")")[2].split()
    return Identity(pid, int(fields[18]), _boot()), state not in ("Z", "X")


def _elsewhere(pid: int) -> tuple[Identity | None, bool]:
    try:
        process = psutil.Process(pid)
        identity = Identity(pid, int(process.create_time() * 1000), "")
        return identity, process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None, False


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
