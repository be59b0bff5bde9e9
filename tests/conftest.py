"""What every test shares: quiet, offline workers, and the real rows beside the clone."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from studio.jobs.processes import Launcher
    from tests.tiny_studio import TinyStudio, Trained

REPOSITORY = Path(__file__).resolve().parents[1]

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    # Spinning OpenMP threads make small tensor updates hundreds of times slower on busy cores.
    "OMP_WAIT_POLICY": "passive",
    "TOKENIZERS_PARALLELISM": "false",
}


def pytest_configure() -> None:
    """Set before the first test module is imported, since the libraries read it as they load."""
    os.environ.update(ENVIRONMENT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if shutil.which("nvidia-smi"):
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA device"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this clone."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the clone; tests that need it are skipped without it."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no shared folder beside the clone")
    return folder


@pytest.fixture(scope="session")
def starter(pytestconfig: pytest.Config) -> Path:
    """The starter as a model folder, read only; converted once and kept between sessions."""
    from studio.core.errors import StudioError
    from studio.engine.starter import convert_starter, find_starter

    try:
        packed = find_starter()
    except StudioError as absent:
        pytest.skip(str(absent))
    sources = [REPOSITORY / "studio" / "engine" / name for name in ("gguf.py", "starter.py")]
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources))
    key.update("|".join(map(version, ("gguf", "torch", "transformers"))).encode())
    kept = pytestconfig.cache.mkdir("starter")
    folder = kept / f"{packed.version}-{key.hexdigest()[:16]}"
    if not folder.is_dir():
        for older in kept.glob("[!.]*"):
            shutil.rmtree(older)
        convert_starter(folder)
    return folder


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Launcher]":
    """What forks engines and trainers, from a process that has imported torch already."""
    from studio.jobs.zygote import Zygote
    from tests.tiny_studio import LIBRARIES

    with Zygote(LIBRARIES, log=tmp_path_factory.mktemp("workers") / "log.txt") as zygote:
        yield zygote


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base model in a folder; not to be changed."""
    from tests.engine import tiny_models

    return tiny_models.save("llama", tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture
def studio(tmp_path: Path, llama: Path, workers: "Launcher") -> "Iterator[TinyStudio]":
    """An empty studio."""
    from tests.tiny_studio import TinyStudio

    studio = TinyStudio(tmp_path / "data", llama, workers)
    yield studio
    studio.clear()


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, llama: Path, workers: "Launcher"
) -> "Trained":
    """A studio with a finished run, made once for all tests."""
    from tests.tiny_studio import TinyStudio, Trained

    return Trained.once(TinyStudio(tmp_path_factory.mktemp("trained") / "data", llama, workers))
