"""Runs on a tiny base, trained in the process of the test itself.

The engine is imported where it is used: its libraries read the environment as they load, and that
is set only once every such file has been read.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from studio.engine.trained import Trained
    from studio.store.run_folder import RunFolder


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base model, to be read only."""
    from tests.engine.tiny_runs import tiny_base

    return tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def as_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a trainer changes in its process is changed back; its samples are short."""
    import torch

    from studio.engine import samples

    handler, threads = signal.getsignal(signal.SIGTERM), torch.get_num_threads()
    monkeypatch.setattr(samples, "LENGTH", 4)
    yield
    signal.signal(signal.SIGTERM, handler)
    torch.set_num_threads(threads)


@pytest.fixture
def begin(
    base: Path, tmp_path: Path, as_in_a_process_of_its_own: None
) -> Callable[..., "RunFolder"]:
    """Makes a run folder; runs are named in their order."""
    from tests.engine.tiny_runs import new_run

    def make(base: Path = base, **configuration: Any) -> "RunFolder":
        runs = tmp_path / "runs"
        number = len(list(runs.iterdir())) if runs.is_dir() else 0
        return new_run(runs / f"run-{number}", base, **configuration)

    return make


@pytest.fixture
def cut_off(
    begin: Callable[..., "RunFolder"], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., "RunFolder"]:
    """Makes a run folder whose trainer has died in its third and last update."""
    from studio.engine.trained import Trained
    from studio.engine.trainer import main

    update = Trained.update

    def dying(trained: "Trained", rate: float, **named: float) -> None:
        if trained.step == 2:
            raise SystemExit
        update(trained, rate, **named)

    def make(**configuration: Any) -> "RunFolder":
        run = begin(**configuration)
        with monkeypatch.context() as patch:
            patch.setattr(Trained, "update", dying)
            with pytest.raises(SystemExit):
                main(str(run.path))
        return run

    return make
