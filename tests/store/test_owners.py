import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from studio.store.owners import Identity, _elsewhere, alive, current, of


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def test_a_process_is_itself(child: "subprocess.Popen[bytes]") -> None:
    identity = of(child.pid)
    assert identity is not None
    assert (identity.pid, alive(identity)) == (child.pid, True)
    assert current() == of(os.getpid()) != identity


def test_started_is_when_the_process_started(child: "subprocess.Popen[bytes]") -> None:
    identity = of(child.pid)
    assert identity is not None
    ticks = os.sysconf("SC_CLK_TCK")
    started = psutil.boot_time() + identity.started / ticks
    assert started == pytest.approx(psutil.Process(child.pid).create_time(), abs=1.5)


def test_a_stranger_with_the_same_number_is_another(child: "subprocess.Popen[bytes]") -> None:
    identity = of(child.pid)
    assert identity is not None
    assert not alive(replace(identity, started=identity.started - 1))


def test_nobody_lives_through_a_restart_of_the_machine() -> None:
    assert not alive(replace(current(), boot="another boot"))


def test_one_that_ended_and_is_not_yet_reaped_is_not_alive(
    child: "subprocess.Popen[bytes]",
) -> None:
    identity = of(child.pid)
    assert identity is not None
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert of(child.pid) == identity
    assert not alive(identity)
    child.wait()
    assert of(child.pid) is None
    assert not alive(identity)


def test_a_name_with_brackets_and_spaces_hides_nothing(tmp_path: object) -> None:
    program = "open('/proc/self/comm', 'w').write(') Z 1 (x'); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        identity = of(process.pid)
        assert identity is not None
        assert alive(identity)
        process.kill()


def test_what_other_systems_are_asked_answers_here_too(child: "subprocess.Popen[bytes]") -> None:
    identity, runs = _elsewhere(child.pid)
    assert (identity and identity.pid, runs) == (child.pid, True)
    assert _elsewhere(child.pid) == (identity, True)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert _elsewhere(child.pid) == (identity, False)
    child.wait()
    assert _elsewhere(child.pid) == (None, False)


def test_an_identity_reads_itself_back() -> None:
    assert Identity.from_json(current().as_json()) == current()


@pytest.mark.parametrize("data", [None, [], {}, {"pid": "x", "started": 1, "boot": ""}, "text"])
def test_what_is_no_identity_is_none(data: object) -> None:
    assert Identity.from_json(data) is None
