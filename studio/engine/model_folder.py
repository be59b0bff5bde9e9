"""A base model in a folder: what it is, and whether it can be used, before anything is loaded."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from studio.engine.configuration import (
    context_of,
    model_class,
    read_config,
    read_json,
)
from studio.engine.identity import Identity, identity
from studio.engine.model_files import (
    TEMPLATES,
    is_terms,
    vocabulary_file,
    weight_files,
)
from studio.engine.progress import Report, unheard
from studio.engine.sheet_reader import read_sheet

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*$", re.DOTALL | re.MULTILINE)
_LICENCE = re.compile(r"^license(?:_name)?:[ \t]*[\"']?(\w[\w.+\- ]*?)[\"']?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a person wants to know of a model.

    ``parameters`` counts tied ones once and quantised ones by their shape. ``context`` is the
    longest input in tokens, 0 where the model names none; ``bytes`` what loading reads from disk.
    """

    folder: Path
    architecture: str
    parameters: int
    layers: int
    context: int
    chat_template: bool
    licence: str | None
    bytes: int
    identity: Identity

    def as_json(self) -> dict[str, Any]:
        """The facts as JSON, the folder as text."""
        return asdict(self) | {"folder": str(self.folder)}


def inspect(
    folder: Path, *, hash_cache: Path | None = None, report: Report = unheard
) -> ModelFacts:
    """The facts of the model in ``folder``; ``hash_cache`` as in :func:`identity`.

    Raises UserMistake naming the file that is missing, damaged or not accepted.
    """
    config = check(folder)
    known = identity(folder, cache=hash_cache, report=report)
    return ModelFacts(
        folder=folder.resolve(),
        architecture=model_class(config).__name__,
        parameters=read_sheet(folder).total,
        layers=getattr(config, "num_hidden_layers", 0),
        context=context_of(config),
        chat_template=_has_template(folder),
        licence=_licence(folder),
        bytes=sum(size for size, _ in known["files"].values()),
        identity=known,
    )


def check(folder: Path) -> PreTrainedConfig:
    """Raise UserMistake unless ``folder`` holds a whole model that transformers has built in."""
    config = read_config(folder)
    weight_files(folder)
    vocabulary_file(folder)
    return config


def _has_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in TEMPLATES):
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and bool(read_json(settings).get("chat_template"))


def _licence(folder: Path) -> str | None:
    """What the model card declares, else the name of a licence file."""
    card = folder / "README.md"
    if card.is_file():
        front = _FRONT_MATTER.search(card.read_text(encoding="utf-8", errors="replace"))
        declared = _LICENCE.findall(front[1]) if front else []
        if declared:
            return str(declared[-1])
    names = sorted(path.name for path in folder.iterdir() if is_terms(path.name))
    return next((name for name in names if not name.lower().startswith("readme")), None)
