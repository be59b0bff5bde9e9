"""Workshops that leave no process behind."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.jobs.zygote import Zygote
from tests.workbench.workshop import NewWorkshop, Workshop


@pytest.fixture(scope="session")
def keepers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """What forks keepers of fake trainers."""
    log = tmp_path_factory.mktemp("keepers") / "log.txt"
    with Zygote(("studio.jobs.keeper", "tests.jobs.fake_trainers"), log=log) as zygote:
        yield zygote


@pytest.fixture
def new_workshop(tmp_path: Path, keepers: Zygote) -> Iterator[NewWorkshop]:
    """Makes a workshop whose runs have the fake trainer of that name."""
    made: list[Workshop] = []

    def make(entry: str = "obedient") -> Workshop:
        made.append(Workshop(tmp_path / "data", keepers, entry))
        return made[-1]

    yield make
    for workshop in made:
        for run in workshop.runs.trainers.adopt():
            with suppress(StudioError):
                workshop.runs.trainers.stop(run, 0.1)


@pytest.fixture
def workshop(new_workshop: NewWorkshop) -> Workshop:
    """A workshop with trainers that do as they are asked."""
    return new_workshop()
