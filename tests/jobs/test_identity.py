import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from studio.jobs.identity import (
    KILL,
    TERMINATE,
    Ending,
    Identity,
    _send_by_number,
    alive,
    has_ended,
    of,
    reap,
    send,
    signal_tree,
    tree,
)
from tests.jobs.conftest import until

SLEEP = "import time; time.sleep(600)"
FAMILY = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "{SLEEP}"])
print(child.pid, flush=True)
time.sleep(600)
'''])
print(child.pid, flush=True)
time.sleep(600)
"""


def identity_of(pid: int) -> Identity:
    identity = of(pid)
    assert identity is not None
    return identity


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as process:
        yield process
        process.kill()


@pytest.fixture
def family() -> Iterator[list[Identity]]:
    """A process, its child and its grandchild."""
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pids = [process.pid, *sorted(int(process.stdout.readline()) for _ in range(2))]
        members = [identity_of(pid) for pid in pids]
        yield members
        for member in members:
            signal_tree(member, KILL)


def test_a_signal_reaches_its_process(child: "subprocess.Popen[bytes]") -> None:
    identity = identity_of(child.pid)
    assert signal_tree(identity, TERMINATE) == [identity]
    assert child.wait() == -signal.SIGTERM
    assert signal_tree(identity, KILL) == []


def test_a_signal_reaches_all_descendants(family: list[Identity]) -> None:
    assert tree(family[0]) == family
    assert signal_tree(family[0], KILL) == family
    until(lambda: not any(alive(member) for member in family))


def test_other_systems_signal_no_stranger_either(child: "subprocess.Popen[bytes]") -> None:
    identity = identity_of(child.pid)
    assert not _send_by_number(replace(identity, started=1), KILL)
    assert _send_by_number(identity, TERMINATE)
    assert child.wait() == -signal.SIGTERM
    assert not _send_by_number(identity, KILL)


def test_a_process_ends_in_time_or_not(child: "subprocess.Popen[bytes]") -> None:
    identity = identity_of(child.pid)
    assert not has_ended(identity, within=0.05)
    child.kill()
    assert has_ended(identity, within=10)


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "before the machine was restarted"}])
def test_a_stranger_is_never_signalled(
    child: "subprocess.Popen[bytes]", change: dict[str, object]
) -> None:
    gone = replace(identity_of(child.pid), **change)  # type: ignore[arg-type]
    for number in (TERMINATE, KILL, signal.SIGUSR1):
        assert signal_tree(gone, number) == []
        assert not send(gone, number)
    time.sleep(0.2)
    assert child.poll() is None


def test_a_strangers_children_are_never_signalled(family: list[Identity]) -> None:
    assert signal_tree(replace(family[0], started=1), KILL) == []
    time.sleep(0.2)
    assert all(alive(member) for member in family)


def test_one_that_is_not_there_is_not_signalled() -> None:
    nobody = Identity(999_999_999, 1, "")
    assert signal_tree(nobody, KILL) == []
    assert not send(nobody, KILL)


def test_a_child_that_runs_is_not_reaped(child: "subprocess.Popen[bytes]") -> None:
    assert reap(child.pid) is None


def ending_of(pid: int) -> Ending:
    until(lambda: not alive(identity_of(pid)))
    ending = reap(pid)
    assert ending is not None
    assert of(pid) is None
    return ending


def forked(act: str) -> int:
    """A child of ours that python runs ``act`` in, as leader of its own group."""
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        os.execv(sys.executable, [sys.executable, "-c", act])
    return pid


def test_an_ending_has_a_code_or_a_signal() -> None:
    by_itself = ending_of(forked("raise SystemExit(7)"))
    assert (by_itself.code, by_itself.signal) == (7, None)
    killed = ending_of(forked("import os; os.kill(os.getpid(), 9)"))
    assert (killed.code, killed.signal) == (None, 9)


def test_an_ending_has_the_peak_of_memory() -> None:
    ending = ending_of(forked("x = b'x' * 200_000_000; del x"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # what a fork begins with
    assert 200e6 < ending.peak_memory_bytes < before + 250e6


def test_what_an_ended_child_leaves_behind_is_killed() -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    pid = forked(
        "import os, subprocess, sys;"
        f"child = subprocess.Popen([sys.executable, '-c', '{SLEEP}']);"
        f"os.write({writing}, str(child.pid).encode())"
    )
    orphan = identity_of(int(os.read(reading, 20)))
    ending_of(pid)
    until(lambda: not alive(orphan))
    os.close(reading)
    os.close(writing)
