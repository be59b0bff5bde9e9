"""The containers that records come in: one file each, joined here; chosen by content, then name."""

from pathlib import PurePath

from studio.core.errors import UserMistake
from studio.data.containers.container import Container, Record
from studio.data.containers.json_list import JSON_LIST
from studio.data.containers.jsonl import JSONL
from studio.data.containers.paragraphs import PARAGRAPHS
from studio.data.containers.table import CSV, EXCEL, TSV

__all__ = ["CONTAINERS", "Container", "Record", "choose", "named"]

CONTAINERS: dict[str, Container] = {
    container.id: container for container in (JSON_LIST, JSONL, CSV, TSV, EXCEL, PARAGRAPHS)
}


def named(name: str) -> Container | None:
    """The container that a file of this ``name`` should be, or None."""
    suffix = PurePath(name).suffix.casefold()
    return next((c for c in CONTAINERS.values() if suffix in c.suffixes), None)


def choose(name: str, text: str) -> Container:
    """The container of ``text``: what it looks like outweighs what the file is called.

    Raises UserMistake with the beginning of the text where nothing fits.
    """
    called = named(name)
    # JSON first: nothing else looks like it, while its first line may well look like a header.
    likely: list[Container] = [JSON_LIST, JSONL]
    if called is not None:
        likely.append(called)
    for container in (*likely, *CONTAINERS.values()):
        if container.sniff(text):
            return container
    if called is None:
        seen = " ".join(text[:200].split())[:60]
        raise UserMistake("data.unknown_file", name=name or "–", seen=seen)
    return called
