"""What is known of how a process ended, beside its exit code: its last line, and the kernel's word.

That memory ran out is said only where the kernel says that it ended a process for it.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_VMSTAT = Path("/proc/vmstat")
_TAIL = 8192
_LONGEST = 300


def memory_kills(vmstat: Path = _VMSTAT) -> int | None:
    """How many processes the kernel has ended for want of memory; None where it does not say.

    It counts for the whole machine, also those of a container that came to its own limit.
    """
    try:
        lines = vmstat.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None


@dataclass(frozen=True, slots=True)
class Beginning:
    """How things stood when a process was started that writes to the end of ``log``."""

    log: Path
    size: int
    kills: int | None
    count_kills: Callable[[], int | None]

    @classmethod
    def now(cls, log: Path, count_kills: Callable[[], int | None] = memory_kills) -> Self:
        """As things stand; ``count_kills`` asks the kernel."""
        return cls(log, log.stat().st_size if log.exists() else 0, count_kills(), count_kills)

    def memory_ran_out(self) -> bool:
        """Whether the kernel says that it has ended a process for want of memory since."""
        kills = self.count_kills()
        return kills is not None and self.kills is not None and kills > self.kills


def problem(code: int | None, number: int | None, log: Path, start: int = 0) -> str:
    """What ended a process, as short as can be: its signal, or the last line of its log."""
    if number is not None:
        return signal.Signals(number).name
    return last_line(log, start) or ("–" if code is None else f"exit code {code}")


def last_line(log: Path, start: int = 0) -> str:
    """The last line with anything in it after the first ``start`` bytes of ``log``, cut if long."""
    try:
        with open(log, "rb") as file:
            file.seek(max(start, file.seek(0, os.SEEK_END) - _TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return next(filter(None, map(str.strip, reversed(text.splitlines()))), "")[:_LONGEST]
