"""Whatever strikes a run at whatever moment, the resumed run ends with the same bytes."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from studio.jobs.identity import alive
from studio.jobs.processes import Job
from studio.jobs.zygote import LIBRARIES, Zygote
from studio.store.run_folder import RunFolder
from studio.store.tensors import tuned_sha256
from tests.engine.tiny_runs import new_run
from tests.engine.unmeasured import unmeasured

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    pytest.mark.timeout(900),
]

CPUS = 2
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "lora-1": {"method": "lora", "schedule": "cosine"},
    "lora-3": {"method": "lora", "schedule": "constant", "accumulate": 3},
    "full-1": {"method": "full", "schedule": "constant"},
    "full-3": {"method": "full", "schedule": "cosine", "accumulate": 3},
    "last_layers": {"method": "last_layers", "knobs": {"layers": 1}},
    "bitfit": {"method": "bitfit"},
    "prompt_tuning": {"method": "prompt_tuning"},
    "qlora": {"method": "qlora"},
}
EVERY = {"last_layers": 6, "bitfit": 6, "prompt_tuning": 6, "qlora": 12}
"""At which of the points the rest is struck: what they save differs, not when."""


TALKATIVE: dict[str, Any] = {"eval_every": 1, "sample_every": 1, "save_every": 2}


@dataclass(frozen=True)
class Outcome:
    """What there is to see of a run that has come to its end."""

    sha256: str | None
    curves: dict[str, list[float]]
    samples: list[dict[str, Any]]
    save_points: list[int]
    files: tuple[str, ...]

    @classmethod
    def of(cls, run: RunFolder) -> "Outcome":
        state = run.state()
        assert (state.status, state.reason) == ("finished", None)
        untimed = state.curves_json() | {"seconds": []}
        hidden = ("log.txt", "request", "heartbeat")
        files = sorted(str(file.relative_to(run.path)) for file in run.path.rglob("*"))
        return cls(
            tuned_sha256(run.tuned),
            untimed,
            state.samples,
            run.checkpoints.steps(),
            tuple(file for file in files if file not in hidden),
        )


@dataclass(frozen=True)
class Arena:
    """Where tiny runs are trained and struck, several at once."""

    zygote: Zygote
    base: Path
    place: Path

    def new(self, name: str, **configuration: Any) -> RunFolder:
        return new_run(self.place / "runs" / name, self.base, **configuration)

    def train(
        self, run: RunFolder, deed: str = "kill", number: int = -1, cpu: int = 0
    ) -> dict[str, Any] | None:
        """One attempt; ``{"code", "points"}``, or None if it did not come to its end."""
        run.clear_request()
        told = self.place / f"{run.id}.json"
        told.unlink(missing_ok=True)
        words = (str(run.path), str(told), deed, str(number), str(cpu))
        process = self.zygote.launch(Job("tests.engine.struck:train", words, run.log_path))
        while alive(process):
            time.sleep(0.003)
        return json.loads(told.read_bytes()) if told.exists() else None


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    libraries = (*LIBRARIES, "tests.engine.struck")
    with unmeasured():
        zygote = Zygote(libraries, log=tmp_path_factory.mktemp("zygote") / "log.txt")
    with zygote:
        yield zygote


@pytest.fixture
def arena(zygote: Zygote, base: Path, tmp_path: Path) -> Arena:
    return Arena(zygote, base, tmp_path)


def undisturbed(arena: Arena, **configuration: Any) -> tuple[Outcome, list[str]]:
    """How such a run ends, and the points at which it could be struck."""
    run = arena.new("undisturbed", **configuration)
    told = arena.train(run)
    assert told is not None, run.log_path.read_text(encoding="utf-8")
    assert told["code"] == 0
    return Outcome.of(run), told["points"]


def everywhere(
    points: Sequence[str],
    trial: Callable[[int, int], None],
    *,
    every: int = 1,
    without: tuple[str, ...] = (),
) -> None:
    """Do ``trial(number, cpu)`` for the points, as many at once as there are CPUs."""

    def named(number: int, cpu: int) -> None:
        try:
            trial(number, cpu)
        except AssertionError as error:
            raise AssertionError(f"struck at point {number}, {points[number]!r}") from error

    numbers = [number for number, name in enumerate(points) if name not in without][::every]
    with ThreadPoolExecutor(CPUS) as pool:
        for _ in pool.map(named, numbers, cycle(range(CPUS))):
            pass
    print(f"{len(numbers)} times")


def resume(arena: Arena, run: RunFolder, cpu: int) -> Outcome:
    told = arena.train(run, cpu=cpu)
    assert told is not None
    assert told["code"] == 0
    return Outcome.of(run)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_killed_anywhere_it_ends_with_the_same_bytes(arena: Arena, name: str) -> None:
    configuration = CONFIGURATIONS[name]
    expected, points = undisturbed(arena, **configuration)

    def trial(number: int, cpu: int) -> None:
        run = arena.new(f"killed-{number}", **configuration)
        assert arena.train(run, "kill", number, cpu) is None
        assert resume(arena, run, cpu) == expected

    everywhere(points, trial, every=EVERY.get(name, 1), without=("layer", "layer backward"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "status", "every"),
    [("pause", "paused", 2), ("terminate", "paused", 5), ("stop", "stopped", 5)],
)
def test_asked_to_leave_anywhere_it_does_and_ends_with_the_same_bytes(
    arena: Arena, deed: str, status: str, every: int
) -> None:
    expected, points = undisturbed(arena, **TALKATIVE)

    def trial(number: int, cpu: int) -> None:
        run = arena.new(f"asked-{number}", **TALKATIVE)
        told = arena.train(run, deed, number, cpu)
        assert told is not None
        assert told["code"] == 0
        state = run.state()
        assert state.status in (status, "finished")
        if state.status == "stopped":
            assert run.tuned.is_dir() == (state.step > 0)
        assert resume(arena, run, cpu) == expected

    everywhere(points, trial, every=every)


@pytest.mark.slow
def test_a_second_sigterm_ends_it_at_once_and_loses_nothing(arena: Arena) -> None:
    expected, points = undisturbed(arena, **TALKATIVE)

    def trial(number: int, cpu: int) -> None:
        run = arena.new(f"hurried-{number}", **TALKATIVE)
        assert arena.train(run, "terminate terminate", number, cpu) is None
        assert resume(arena, run, cpu) == expected

    everywhere(points[1:], trial, every=9)


@pytest.mark.slow
def test_on_a_disk_that_is_full_for_a_while_it_waits_and_goes_on(arena: Arena) -> None:
    expected, points = undisturbed(arena)

    def trial(number: int, cpu: int) -> None:
        run = arena.new(f"cramped-{number}")
        told = arena.train(run, "full-for-a-while", number, cpu)
        assert told is not None
        if told["code"] != 0:
            assert not run.state().start, "only before the start it is refused"
            assert (run.state().reason or {"key": "disk.full"})["key"] == "disk.full"
            resume(arena, run, cpu)
        run.checkpoints.tidy()  # where the disk fails at a removal, it is done next time
        assert Outcome.of(run) == expected

    everywhere(points, trial, every=2)


@pytest.mark.slow
def test_asked_to_pause_on_a_full_disk_it_leaves_with_what_was_saved(arena: Arena) -> None:
    expected, points = undisturbed(arena)

    def trial(number: int, cpu: int) -> None:
        run = arena.new(f"trapped-{number}")
        start = time.monotonic()
        told = arena.train(run, "pause full", number, cpu)
        assert told is not None
        assert time.monotonic() - start < 10
        assert told["code"] in (0, 1)
        assert resume(arena, run, cpu) == expected

    everywhere(points, trial, every=3)
