"""kill -9 of the real trainer of a real model, under its keeper, at random moments."""

import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
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
A_RUN = 4
"""Kills after which a run may go on to its end."""
UPDATES = 6


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
        steps=UPDATES,
        batch=1,
        eval_every=0,
        max_length=64,
        knobs={"r": 4, "dropout": 0.1},
    )


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for at most so long; whether the condition has come true."""
    deadline = time.monotonic() + seconds
    while not (is_true := condition()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return is_true


def ended(trainers: Trainers, run: RunFolder, seconds: float) -> bool:
    return wait(lambda: not trainers.status(run).is_living, seconds)


def finish(trainers: Trainers, run: RunFolder) -> tuple[float, float]:
    """An attempt that nobody disturbs; the seconds of its preparation and of its training."""
    begin, before = time.monotonic(), run.state().seq
    trainers.start(run)
    assert wait(lambda: run.state().seq > before, 120)
    prepared = time.monotonic()
    assert ended(trainers, run, 120)
    assert run.state().status == "finished"
    return prepared - begin, time.monotonic() - prepared


def strike(trainers: Trainers, run: RunFolder, seconds: float, *, training: bool) -> int | None:
    """Kill an attempt after ``seconds``, of its ``training`` or from its start.

    Returns the update that it was in, 0 for its preparation, one more than there are for the
    writing of its result; None if it was faster.
    """
    before = run.state().seq
    trainers.start(run)
    if training:
        assert wait(lambda: run.state().seq > before, 120)
    if ended(trainers, run, seconds):
        return None
    pid = trainers.status(run).pid
    trainer = None if pid is None else of(pid)
    if trainer is not None:
        send(trainer, KILL)
    assert ended(trainers, run, 60)
    state, ending = run.state(), run.exit()
    if ending is None or ending["signal"] != KILL or state.status == "finished":
        return None
    return state.step + 1 if state.seq > before else 0


def strikes(
    trainers: Trainers, run: RunFolder, chance: random.Random, pace: tuple[float, float]
) -> list[int]:
    """Kill attempts of ``run`` until one was faster, :data:`A_RUN` times at most.

    Every second kill waits for the training, the others come at any moment of an attempt. Returns
    the updates they were in, 0 for the preparation.
    """
    preparation, training = pace
    struck: list[int] = []
    for number in range(A_RUN):
        left = training * (1 - run.state().step / UPDATES)
        waits = number % 2 == 0
        moment = chance.uniform(0, 0.9) * (left if waits else preparation + left)
        update = strike(trainers, run, moment, training=waits)
        if update is None:
            break
        struck.append(update)
    return struck


def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    data: Path,
    starter: Path,
    trainers: Trainers,
    record_property: Callable[[str, object], None],
) -> None:
    for name in ("undisturbed", "undisturbed-and-warm"):
        run = start(data, starter, name)
        pace = finish(trainers, run)
    expected = tuned_sha256(run.tuned)
    assert expected is not None
    chance, struck, number = random.Random(SEED), list[int](), 0
    while len(struck) < KILLS and number < KILLS:
        number += 1
        run = start(data, starter, f"struck-{number}")
        hit = strikes(trainers, run, chance, pace)
        if run.state().status != "finished":
            finish(trainers, run)
        assert tuned_sha256(run.tuned) == expected, f"seed {SEED}, run {number}: {hit}"
        shutil.rmtree(run.path)
        struck += hit
    found = f"{dict(sorted(Counter(struck).items()))}"
    record_property("kills by update, 0 the preparation", found)
    print(f"seed {SEED}: {len(struck)} kills by update, 0 the preparation: {found}")
    assert len(struck) >= KILLS
    assert sum(update > 0 for update in struck) >= len(struck) / 2
