"""Who a process is, and the one place that signals any: only that very process, never a stranger.

A number that was used again, a restart of the machine, a process that ended meanwhile: in all of
these nothing is signalled. Knows nothing of what the processes do.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

from studio.store.owners import LINUX, Identity, alive, current, of

__all__ = [
    "KILL",
    "TERMINATE",
    "Ending",
    "Identity",
    "alive",
    "current",
    "has_ended",
    "of",
    "reap",
    "send",
    "signal_tree",
    "tree",
]

TERMINATE = signal.SIGTERM
KILL = signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended: by itself with ``code``, or by the signal of that number."""

    code: int | None
    signal: int | None
    peak_memory_bytes: int


def send(identity: Identity, number: int) -> bool:
    """Signal this one process; whether it was there."""
    if not LINUX:
        return _send_by_number(identity, number)
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        return False
    try:
        # The handle stays with whoever had the number when it was opened: ask only now who it is.
        if not alive(identity):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def _send_by_number(identity: Identity, number: int) -> bool:
    try:
        process = psutil.Process(identity.pid)
        if not alive(identity):
            return False
        process.send_signal(number)
    except psutil.Error:
        return False
    return True


def signal_tree(identity: Identity, number: int) -> list[Identity]:
    """Signal the process and all that descend from it; returns those that were signalled."""
    return [member for member in tree(identity) if send(member, number)]


def tree(identity: Identity) -> list[Identity]:
    """The process and its living descendants, parents first; empty if it is not alive."""
    parents = _parents()
    found = [identity] if alive(identity) else []
    for parent in found:
        children = [child for child, number in parents.items() if number == parent.pid]
        if alive(parent):  # else its number may have become another's while we looked
            found.extend(children)
    return found


def _parents() -> dict[Identity, int]:
    """The parent's number of every process."""
    found = {}
    for pid in psutil.pids():
        before = of(pid)
        try:
            parent = psutil.Process(pid).ppid()
        except psutil.Error:
            continue
        if before is not None and before == of(pid):
            found[before] = parent
    return found


def has_ended(identity: Identity, within: float) -> bool:
    """Wait for a process that need not be ours to end, ``within`` seconds; whether it has."""
    deadline = time.monotonic() + within
    while alive(identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def reap(pid: int) -> Ending | None:
    """How our child ended, or None while it runs. What is left of its process group is killed."""
    if sys.platform == "win32":
        return _reap_on_windows(pid)
    if LINUX:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        with suppress(ProcessLookupError):  # the unreaped child keeps the group's number its own
            os.killpg(pid, signal.SIGKILL)
    ended, status, usage = os.wait4(pid, os.WNOHANG)
    if not ended:
        return None
    unit = 1024 if LINUX else 1
    code = os.waitstatus_to_exitcode(status)
    return Ending(
        code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        peak_memory_bytes=usage.ru_maxrss * unit,
    )


def _reap_on_windows(pid: int) -> Ending | None:
    try:
        process = psutil.Process(pid)
        peak = process.memory_info().peak_wset
        return Ending(process.wait(timeout=0), None, peak)
    except psutil.TimeoutExpired:
        return None
    except psutil.NoSuchProcess:
        return Ending(None, None, 0)
