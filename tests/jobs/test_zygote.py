import os
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from studio.core.errors import Fault
from studio.jobs.identity import KILL, Identity, alive, of, signal_tree
from studio.jobs.processes import Job
from studio.jobs.zygote import Zygote, launcher
from tests.jobs.conftest import Started, until


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Zygote]:
    """A zygote that the test may hurt."""
    with Zygote((), log=tmp_path / "zygote.log") as zygote:
        yield zygote


def sleeper(folder: Path) -> Job:
    return Job("tests.jobs.fake_trainers:deaf", ("x",), folder / "log")


def quick(folder: Path) -> Job:
    return Job("tests.jobs.fake_trainers:quick", ("x",), folder / "log")


def identity_of(pid: int) -> Identity:
    identity = of(pid)
    assert identity is not None
    return identity


def test_a_fork_has_the_libraries_already(start: Callable[..., Started]) -> None:
    started = start("revealing")
    started.wait()
    facts = (started.run.path / "facts.json").read_text(encoding="utf-8")
    assert '"preloaded": true' in facts


def test_a_job_lives_on_when_its_zygote_is_closed(own: Zygote, tmp_path: Path) -> None:
    identity = own.launch(sleeper(tmp_path))
    own.close()
    time.sleep(0.2)
    assert alive(identity)
    signal_tree(identity, KILL)


PARENT = """
import sys
from pathlib import Path
from studio.jobs.processes import Job
from studio.jobs.zygote import Zygote
folder = Path(sys.argv[1])
zygote = Zygote((), log=folder / "zygote.log")
job = Job("tests.jobs.fake_trainers:deaf", ("x",), folder / "log")
print(zygote.pid, zygote.launch(job).pid, flush=True)
sys.stdin.read()
"""


def test_a_zygote_ends_with_a_killed_parent_and_its_jobs_do_not(
    tmp_path: Path, repository: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        zygote, job = (of(int(pid)) for pid in parent.stdout.readline().split())
        assert zygote is not None
        assert job is not None
        parent.send_signal(signal.SIGKILL)
    until(lambda: not alive(zygote))
    assert alive(job)
    signal_tree(job, KILL)


def test_threads_share_a_zygote(own: Zygote, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(lambda _: own.launch(sleeper(tmp_path)), range(16)))
    assert len(set(jobs)) == 16
    assert all(alive(job) for job in jobs)
    for job in jobs:
        signal_tree(job, KILL)


def test_where_the_zygote_has_died_a_fresh_interpreter_starts_the_job(
    own: Zygote, tmp_path: Path
) -> None:
    os.kill(own.pid, signal.SIGKILL)
    until(lambda: not alive(identity_of(own.pid)))
    identity = own.launch(sleeper(tmp_path))
    assert alive(identity)
    signal_tree(identity, KILL)


def test_where_a_library_is_missing_a_fresh_interpreter_starts_the_job(tmp_path: Path) -> None:
    with Zygote(("no_such_library",), log=tmp_path / "zygote.log") as zygote:
        until(lambda: not alive(identity_of(zygote.pid)))
        identity = zygote.launch(sleeper(tmp_path))
    assert alive(identity)
    signal_tree(identity, KILL)


def test_a_zygote_that_dies_at_a_job_is_a_fault(own: Zygote, tmp_path: Path) -> None:
    """Nobody knows then whether the job was started, so it is not started again."""
    os.kill(own.pid, signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, (own.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(Fault, match=r"jobs\.not_started"):
        own.launch(quick(tmp_path))
    killer.join()


def test_a_job_that_cannot_be_forked_is_a_fault_and_the_next_one_works(
    own: Zygote, tmp_path: Path
) -> None:
    own.launch(quick(tmp_path))
    limits = resource.prlimit(own.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(own.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    with pytest.raises(Fault, match=r"jobs\.not_started"):
        own.launch(quick(tmp_path))
    resource.prlimit(own.pid, resource.RLIMIT_NOFILE, limits)
    own.launch(quick(tmp_path))


def test_a_zygote_that_does_not_end_is_killed(own: Zygote) -> None:
    os.kill(own.pid, signal.SIGSTOP)
    own.close()
    assert of(own.pid) is None


def test_closing_twice_does_nothing(own: Zygote) -> None:
    own.close()
    own.close()


@pytest.mark.slow
def test_a_fork_of_the_real_libraries_takes_a_moment(tmp_path: Path) -> None:
    zygote = launcher(tmp_path / "zygote.log")
    assert isinstance(zygote, Zygote)
    job = Job("tests.jobs.fake_trainers:deaf", ("x",), tmp_path / "log")
    with zygote:
        signal_tree(zygote.launch(job), KILL)  # waits for the imports
        seconds = []
        for _ in range(10):
            began = time.monotonic()
            identity = zygote.launch(job)
            seconds.append(time.monotonic() - began)
            signal_tree(identity, KILL)
    print(f"a fork with torch took {statistics.median(seconds):.3f} s")
    assert statistics.median(seconds) < 0.5
