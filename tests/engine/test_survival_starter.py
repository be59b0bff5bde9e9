"""kill -9 of the real trainer of a real model, under its keeper, at random moments."""

import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.engine.identity import identity
from studio.jobs.identity import KILL, of, send
from studio.jobs.trainers import Trainers
from studio.jobs.zygote import LIBRARIES, Zygote
from studio.store.data_folder import DataFolder
from studio.store.run_folder import RunFolder
from studio.store.tensors import tuned_sha256
from tests.engine.tiny_runs import new_run
from tests.engine.unmeasured import unmeasured

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

KILLS, SEED = 20, 20


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Path:
    """A data folder in which the starter's hashes are known, as after ``model add``."""
    data = tmp_path_factory.mktemp("data")
    hashes = DataFolder(data).hashes_of(starter)
    hashes.parent.mkdir(parents=True)
    identity(starter, cache=hashes)
    return data


@pytest.fixture(scope="module")
def trainers(data: Path) -> Iterator[Trainers]:
    with unmeasured():
        zygote = Zygote((*LIBRARIES, "studio.engine.trainer"), log=data / "zygote.txt")
    with zygote:
        yield Trainers(data, zygote)


def start(data: Path, starter: Path, name: str) -> RunFolder:
    return new_run(
        data / "runs" / name,
        starter,
        model_id="starter",
        steps=4,
        batch=1,
        eval_every=0,
        max_length=64,
        knobs={"r": 4, "dropout": 0.1},
    )


def wait(trainers: Trainers, run: RunFolder, seconds: float) -> bool:
    """Wait for the end of the run's process for at most so long; whether it has come."""
    deadline = time.monotonic() + seconds
    while trainers.status(run).is_living and time.monotonic() < deadline:
        time.sleep(0.005)
    return not trainers.status(run).is_living


def attempt(trainers: Trainers, run: RunFolder, moment: float) -> bool:
    """One attempt, its trainer killed after ``moment`` seconds; whether it was."""
    trainers.start(run)
    if wait(trainers, run, moment):
        return False
    pid = trainers.status(run).pid
    trainer = None if pid is None else of(pid)
    killed = trainer is not None and send(trainer, KILL)
    assert wait(trainers, run, 60)
    return killed


def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    data: Path, starter: Path, trainers: Trainers
) -> None:
    for name in ("undisturbed", "undisturbed-and-warm"):
        run = start(data, starter, name)
        begin = time.monotonic()
        assert not attempt(trainers, run, 120)
        length = time.monotonic() - begin
    expected = tuned_sha256(run.tuned)
    assert expected is not None
    chance, kills, number = random.Random(SEED), 0, 0
    while kills < KILLS and number < KILLS:
        number += 1
        struck = start(data, starter, f"struck-{number}")
        kills += attempt(trainers, struck, chance.uniform(0.05, 0.95) * length)
        kills += attempt(trainers, struck, chance.uniform(0.05, 0.95) * length)
        assert not attempt(trainers, struck, 120)
        assert tuned_sha256(struck.tuned) == expected, f"seed {SEED}, run {number}"
        shutil.rmtree(struck.path)
    print(f"seed {SEED}: {kills} kills of {number} runs that take {length:.1f} s undisturbed")
    assert kills >= KILLS // 2
