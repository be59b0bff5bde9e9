import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from studio.core.errors import Fault
from studio.jobs.identity import alive, signal_tree
from studio.jobs.processes import Job, Launcher, Spawner, spawn
from tests.jobs.conftest import Started, until


def test_a_job_reads_itself_back() -> None:
    job = Job("a.b:c", ("words", "名"), Path("log"), (3, 4))
    assert Job.from_json(json.loads(json.dumps(job.as_json()))) == job


def test_a_spawned_job_is_our_child_with_its_output_in_the_log(tmp_path: Path) -> None:
    with spawn(Job("tests.jobs.fake_trainers:failing", ("x",), tmp_path / "log")) as process:
        assert process.wait() == 1
    assert "RuntimeError: a fake failure" in (tmp_path / "log").read_text(encoding="utf-8")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_launched_job_is_nobodys_child(launcher: Launcher, tmp_path: Path) -> None:
    identity = launcher.launch(Job("tests.jobs.fake_trainers:deaf", ("x",), tmp_path / "log"))
    log = tmp_path / "log"
    until(lambda: log.exists() and log.read_text(encoding="utf-8") == "deaf 聋\n")
    until(lambda: os.getpid() not in [it.pid for it in psutil.Process(identity.pid).parents()])
    assert os.getsid(identity.pid) == identity.pid
    signal_tree(identity, signal.SIGKILL)
    until(lambda: not alive(identity))


def test_a_trainer_is_born_with_what_it_needs_and_nothing_else(
    start: Callable[..., Started], launcher: Launcher
) -> None:
    with open("/dev/zero", "rb") as not_for_it:
        os.set_inheritable(not_for_it.fileno(), True)
        started = start("revealing", launcher)
        assert started.wait().exit is not None
    facts = json.loads((started.run.path / "facts.json").read_bytes())
    folder, root = started.run.path, started.trainers.lease.path
    log = str(folder / "log.txt")
    assert facts["descriptors"] == sorted(
        ["/dev/null", log, log, str(root), str(folder / "stacks.txt")]
    )
    assert facts["session"] == facts["keeper"] == started.keeper.pid
    assert facts["group"] == facts["pid"] == started.trainer.pid
    assert facts["openmp"] == "passive"
    assert facts["handlers"] == [str(signal.SIG_DFL)] * 2
    assert (facts["blocked"], facts["umask"]) == ([], 0o077)


def test_a_job_that_cannot_be_started_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(Fault, match=r"jobs\.not_started"):
        Spawner().launch(Job("x:y", (), tmp_path / "log"))
