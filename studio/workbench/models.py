"""Base models: adding, knowing, finding and forgetting them. Files are read in the engine alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core.errors import Refusal
from studio.core.sheets import Sheet
from studio.jobs.engine_client import Answer
from studio.store.atomic import discard, ensure_folder
from studio.store.data_folder import DataFolder
from studio.store.models import ModelEntry, Models
from studio.store.runs import Runs
from studio.store.sheets import Sheets
from studio.workbench.desk import DeskService
from studio.workbench.engine_room import Asked, EngineRoom
from studio.workbench.picks import titles
from studio.workbench.sources import STARTER, Source, folder_of, is_hub_id, read_source, slug

PLAIN, OWN = "plain", "own"
"""The chat template: the studio's plain one, where a model brings none of its own."""

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
    """The base models of a data folder. The desk says which hub to ask, and whether to."""

    data: DataFolder
    index: Models
    engine: EngineRoom
    desk: DeskService
    runs: Runs

    def add(self, source: str, *, told: Told = unheard) -> Json:
        """Make ``starter``, a folder, a GGUF file or a hub id known; returns :meth:`show` of it.

        What is known already is looked at again, not fetched again. Raises UserMistake or Refusal
        naming the file that is missing, damaged or not accepted.
        """
        wanted = read_source(source)
        if wanted.id is None:
            assert wanted.path is not None
            return self._keep(None, wanted.path, told, self.engine)
        target = self.data.models / wanted.id
        if target.is_dir():
            return self._keep(wanted.id, target, told, self.engine)
        op, args = self._fetching(wanted)
        with self.engine.apart() as engine:
            follow(engine.stream(op, target=str(target), **args), told)
            return self._keep(wanted.id, target, told, engine)

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
        is_source = wanted == STARTER or is_hub_id(wanted) or folder_of(wanted)
        if is_source and not self._is_id(wanted):
            return self.index.get(self.add(wanted, told=told)["id"])
        return self.index.get(wanted)

    def sheet(self, wanted: str) -> Sheet:
        """The layer shapes of a model; for a folder its ``config.json`` is enough.

        Raises Refusal ``models.gone`` for a known model whose folder is not there any more.
        """
        given = None if self._is_id(wanted) else folder_of(wanted)
        folder = given or Path(self.need(wanted).folder)
        if not folder.is_dir():
            raise Refusal("models.gone", folder=str(folder))
        kept = Sheets(self.data.sheets).get(folder / "config.json")
        if kept is not None:
            return kept
        cache = str(self.data.sheets)
        return Sheet.from_json(self.engine.call("sheet", folder=str(folder), cache=cache))

    def forget(self, wanted: str) -> Json:
        """Take a model off the list; its files go too where they lie in the data folder.

        Returns ``{"id", "deleted", "runs"}`` with the names of the runs that need it. Raises
        Refusal ``lease.busy`` while something computes, for it might be with this model.
        """
        entry = self.index.get(wanted)
        with self.engine.device("forget"):
            self.index.remove(entry.id)
            if self.is_ours(entry):
                discard(Path(entry.folder))
        return {"id": entry.id, "deleted": self.is_ours(entry), "runs": [*self.needed_by(entry.id)]}

    def drop(self, source: str) -> None:
        """Throw away what has arrived of a model whose download was not finished."""
        for folder in self.arriving(read_source(source)):
            discard(folder)

    def find(self, source: Source) -> ModelEntry | None:
        """The known model that ``source`` names, if its folder is there."""
        folder = str(source.path) if source.id is None else str(self.data.models / source.id)
        found = (entry for entry in self.index.list() if entry.folder == folder)
        return next((entry for entry in found if Path(entry.folder).is_dir()), None)

    def is_ours(self, entry: ModelEntry) -> bool:
        """Whether its files lie in the data folder, so that nobody else has put them there."""
        return Path(entry.folder).parent == self.data.models

    def needed_by(self, id: str) -> tuple[str, ...]:
        """The names of the runs that go on from this model and answer with it."""
        return tuple(run.name for run in self.runs.list() if run.model == id)

    def arriving(self, source: Source) -> Iterable[Path]:
        """The folder in which a broken download of ``source`` waits to go on."""
        return self.data.models.glob(f".{source.id}.arriving-*") if source.kind == "hub" else ()

    def require_line(self) -> str:
        """The address of the hub to ask, "" for the usual one.

        Raises Refusal ``models.offline`` where the person wants nothing to be fetched.
        """
        chosen = self.desk.get()
        if chosen["offline"]:
            raise Refusal("models.offline")
        return str(chosen["mirror"])

    def _is_id(self, wanted: str) -> bool:
        return any(entry.id == wanted for entry in self.index.list())

    def _fetching(self, source: Source) -> tuple[str, Json]:
        """The operation that brings ``source`` into the data folder, and what it is told."""
        if source.kind == "hub":
            return "add_hub", {"hub_id": source.text, "endpoint": self.require_line()}
        if source.kind == "gguf":
            return "add_gguf", {"file": str(source.path)}
        return "add_starter", {}

    def _keep(self, id: str | None, folder: Path, told: Told, engine: Asked) -> Json:
        """Write down what the model in ``folder`` is; one of elsewhere is named by its content."""
        facts = self.inspect(folder, told=told, engine=engine)
        known = next((e for e in self.index.list() if e.folder == str(folder)), None)
        id = id or (known.id if known else None)
        identity = facts.pop("identity")
        id = id or f"{slug(folder.name)}-{identity['hash'][:8]}"
        entry = self.index.add(ModelEntry(id, id, str(folder), identity, facts))
        return _shown(entry)

    def inspect(self, folder: Path, *, told: Told = unheard, engine: Asked | None = None) -> Json:
        """The facts of the model in ``folder``, with its identity; each file is read once."""
        hashes = self.data.hashes_of(folder)
        ensure_folder(hashes.parent)
        kept = {"hashes": str(hashes), "sheets": str(self.data.sheets)}
        asked = (engine or self.engine).stream("inspect_folder", folder=str(folder), **kept)
        return dict(follow(asked, told))


def follow(answer: Answer, told: Told) -> Any:
    """The result of ``answer``, whose progress is told; who stops listening stops the work."""
    with answer:
        for event in answer:
            told(event["progress"])
        return answer.result


def title_of(entry: ModelEntry) -> str:
    """A known model's name as people know it."""
    source = entry.id.replace("--", "/", 1) if entry.identity.get("kind") == "hub" else entry.id
    return titles().get(source) or (source if "/" in source else Path(entry.folder).name)


def _shown(entry: ModelEntry) -> Json:
    known = {name: entry.facts.get(name) for name in _SHOWN}
    template = OWN if known["chat_template"] else PLAIN
    return {"id": entry.id, "title": title_of(entry), **known, "template": template}
