"""Base models: adding, knowing and finding them. Files are read in the engine alone."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core.errors import UserMistake
from studio.core.sheets import Sheet
from studio.jobs.engine_client import Answer
from studio.store.atomic import ensure_folder
from studio.store.data_folder import DataFolder
from studio.store.models import ModelEntry, Models
from studio.store.sheets import Sheets
from studio.workbench.engine_room import EngineRoom

STARTER = "starter"
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_SAMPLE = 1 << 20
_SHOWN = (
    "folder",
    "architecture",
    "parameters",
    "layers",
    "context",
    "chat_template",
    "licence",
    "bytes",
)

Json = dict[str, Any]
Told = Callable[[Json], None]
"""Hears ``{"step", "done", "total", "unit"}`` while something long goes on."""


def unheard(_: Json) -> None:
    """For those who do not listen."""


@dataclass(frozen=True, slots=True)
class ModelService:
    """The base models of a data folder."""

    data: DataFolder
    index: Models
    engine: EngineRoom

    def add(self, source: str, *, told: Told = unheard) -> Json:
        """Make ``starter``, a folder, a GGUF file or a hub id known; returns :meth:`show` of it.

        What is known already is looked at again, not fetched again. Raises UserMistake or Refusal
        naming the file that is missing, damaged or not accepted.
        """
        path = Path(source).expanduser()
        if source == STARTER:
            return self._fetch(STARTER, "add_starter", told)
        if path.suffix.lower() == ".gguf":
            if not path.is_file():
                raise UserMistake("models.no_file", file=source)
            return self._fetch(_gguf_id(path), "add_gguf", told, file=str(path.resolve()))
        if folder := _folder(source):
            return self._look(None, folder, told)
        if _HUB_ID.fullmatch(source):
            return self._fetch(source.replace("/", "--"), "add_hub", told, hub_id=source)
        raise UserMistake("models.unknown_source", source=source)

    def list(self) -> list[Json]:
        """All known models, as :meth:`show`."""
        return [_shown(entry) for entry in self.index.list()]

    def show(self, wanted: str) -> Json:
        """What is known of a model."""
        return _shown(self.index.get(wanted))

    def need(self, wanted: str, *, told: Told = unheard) -> ModelEntry:
        """The model that ``wanted`` names: an id; or a folder as it is now, or a hub id.

        Raises UserMistake ``models.unknown`` naming the known ones.
        """
        is_source = wanted == STARTER or _HUB_ID.fullmatch(wanted) or _folder(wanted)
        if is_source and not self._is_id(wanted):
            return self.index.get(self.add(wanted, told=told)["id"])
        return self.index.get(wanted)

    def sheet(self, wanted: str) -> Sheet:
        """The layer shapes of a model; for a folder its ``config.json`` is enough."""
        given = None if self._is_id(wanted) else _folder(wanted)
        folder = given or Path(self.need(wanted).folder)
        kept = Sheets(self.data.sheets).get(folder / "config.json")
        if kept is not None:
            return kept
        cache = str(self.data.sheets)
        return Sheet.from_json(self.engine.call("sheet", folder=str(folder), cache=cache))

    def _is_id(self, wanted: str) -> bool:
        return any(entry.id == wanted for entry in self.index.list())

    def _fetch(self, id: str, op: str, told: Told, **args: str) -> Json:
        """Bring a model into the data folder, then look at it."""
        target = self.data.models / id
        _follow(self.engine.stream(op, target=str(target), **args), told)
        return self._look(id, target, told)

    def _look(self, id: str | None, folder: Path, told: Told) -> Json:
        """Write down what the model in ``folder`` is; one of elsewhere is named by its content."""
        known = next((e for e in self.index.list() if e.folder == str(folder)), None)
        id = id or (known.id if known else None)
        hashes = self.data.hashes_of(folder)
        ensure_folder(hashes.parent)
        kept = {"hashes": str(hashes), "sheets": str(self.data.sheets)}
        asked = self.engine.stream("inspect_folder", folder=str(folder), **kept)
        facts: Json = _follow(asked, told)
        identity = facts.pop("identity")
        id = id or f"{_slug(folder.name)}-{identity['hash'][:8]}"
        entry = self.index.add(ModelEntry(id, id, str(folder), identity, facts))
        return _shown(entry)


def _follow(answer: Answer, told: Told) -> Any:
    for event in answer:
        told(event["progress"])
    return answer.result


def _folder(wanted: str) -> Path | None:
    path = Path(wanted).expanduser()
    return path.resolve() if path.is_dir() else None


def _shown(entry: ModelEntry) -> Json:
    return {"id": entry.id} | {name: entry.facts.get(name) for name in _SHOWN}


def _gguf_id(path: Path) -> str:
    """A name that two different files do not share: by size, beginning and end."""
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size}".encode())
    with open(path, "rb") as file:
        digest.update(file.read(_SAMPLE))
        file.seek(max(0, size - _SAMPLE))
        digest.update(file.read(_SAMPLE))
    return f"{_slug(path.stem)}-{digest.hexdigest()[:8]}"


def _slug(name: str) -> str:
    """``name`` as part of a folder's name on every system."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.") or "model"
