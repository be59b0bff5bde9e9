"""Runs that train nothing, and the two ways to start them."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from studio.core.recipe import Base, Lessons, Recipe
from studio.jobs.identity import Identity
from studio.jobs.processes import Launcher, Spawner
from studio.jobs.trainers import Liveness, Trainers
from studio.jobs.zygote import Zygote
from studio.store.locks import owner
from studio.store.run_folder import RunFolder

RECIPE = Recipe("a run", Base("b", "models/b", "h"), Lessons("d", "rows", "v"), "lora")


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until the condition holds; fail if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """One zygote for all tests, with a library that nothing else here imports."""
    log = tmp_path_factory.mktemp("zygote") / "log.txt"
    with Zygote(("colorsys", "studio.jobs.keeper", "tests.jobs.fake_trainers"), log=log) as zygote:
        yield zygote


@pytest.fixture(params=["spawner", "zygote"])
def launcher(request: pytest.FixtureRequest) -> Launcher:
    """Each way to start a job."""
    if request.param == "spawner":
        return Spawner()
    zygote: Zygote = request.getfixturevalue("zygote")
    return zygote


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[[str], RunFolder]:
    """Makes the folder of a run of that name."""
    return lambda name: RunFolder.create(tmp_path / "runs" / name, RECIPE, ())


@dataclass
class Started:
    """A run that was started, with the two processes that were written down."""

    trainers: Trainers
    run: RunFolder

    @property
    def liveness(self) -> Liveness:
        return self.trainers.status(self.run)

    @property
    def keeper(self) -> Identity:
        return self._identity("keeper")

    @property
    def trainer(self) -> Identity:
        return self._identity("trainer")

    def _identity(self, name: str) -> Identity:
        found = Identity.from_json(json.loads(self.run.process_path.read_bytes())[name])
        assert found is not None
        return found

    def wait(self) -> Liveness:
        """Wait for the end."""
        until(lambda: not self.liveness.is_living)
        return self.liveness

    def session(self) -> list[int]:
        """The numbers of all living processes of the keeper's session."""
        return [pid for pid in psutil.pids() if session_of(pid) == self.keeper.pid]

    def is_lease_free(self) -> bool:
        return owner(self.trainers.lease.path) is None


def session_of(pid: int) -> int:
    """The session of a process, 0 if it is not alive."""
    try:
        dead = psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        return 0 if dead else os.getsid(pid)
    except (psutil.Error, ProcessLookupError):
        return 0


def is_open(path: Path) -> bool:
    """Whether any process has this file open, as all of a run's have its log."""
    return any(str(path) in opened_by(process) for process in psutil.process_iter())


def opened_by(process: psutil.Process) -> list[str]:
    try:
        return [file.path for file in process.open_files()]
    except psutil.Error:
        return []


@pytest.fixture
def start(
    tmp_path: Path, zygote: Zygote, new_run: Callable[[str], RunFolder]
) -> Iterator[Callable[..., Started]]:
    """Starts a run with the fake trainer of that name; whatever lives at the end is killed."""
    all_started: list[Started] = []

    def begin(name: str, launcher: Launcher = zygote, patience: float = 600) -> Started:
        entry = f"tests.jobs.fake_trainers:{name}"
        trainers = Trainers(tmp_path, launcher, entry=entry, patience=patience)
        run = new_run(f"{len(all_started)}-{name}")
        trainers.start(run)
        started = Started(trainers, run)
        all_started.append(started)
        return started

    yield begin
    for started in all_started:
        for pid in started.session():
            os.kill(pid, signal.SIGKILL)
