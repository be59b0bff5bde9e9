"""JSON: a list of objects, an object that holds such a list, or a single object.

The list is read element by element, so a large file is never a second time in memory. A file
that breaks half-way is refused whole: nobody can tell what its rest would have said.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from studio.core.errors import UserMistake
from studio.data.containers.container import Record, skipped
from studio.data.containers.json_values import Decoder, broken, dump, skip_space

_LIST_OF_OBJECTS = re.compile(r"\s*\[\s*[{\]]")
_WRAPPERS = ("data", "rows", "examples", "items", "train")


class _JsonList:
    id = "json"
    suffixes: tuple[str, ...] = (".json",)
    encoding = "utf-8"
    nested = True
    default_format = "studio"

    def sniff(self, text: str) -> bool:
        """Whether it begins with a list of objects, or is one object from end to end."""
        start = skip_space(text, 0)
        if text[start : start + 1] != "{":
            return _LIST_OF_OBJECTS.match(text) is not None
        try:
            _, end = Decoder().value(text, start)
        except UserMistake:
            return False
        return skip_space(text, end) == len(text)

    def records(self, text: str) -> Iterator[Record]:
        decoder = Decoder()
        for row, (value, end) in enumerate(_values(decoder, text), 1):
            try:
                yield Record(row, end, decoder.record(value))
            except UserMistake as mistake:
                yield skipped(row, end, mistake)

    def refuses(self, record: dict[str, Any]) -> str | None:
        return None

    def write(self, records: Sequence[dict[str, Any]], file: TextIO) -> None:
        file.write("[\n" + ",\n".join(map(dump, records)) + "\n]\n")


def _values(decoder: Decoder, text: str) -> Iterator[tuple[object, int]]:
    start = skip_space(text, 0)
    if text[start : start + 1] == "[":
        yield from _elements(decoder, text, start + 1)
        return
    value, end = decoder.value(text, start)
    end = skip_space(text, end)
    if end < len(text):
        raise broken(text, end)
    yield from ((element, end) for element in _wrapped(value))


def _elements(decoder: Decoder, text: str, at: int) -> Iterator[tuple[object, int]]:
    at = skip_space(text, at)
    closed = text[at : at + 1] == "]"
    while not closed:
        value, at = decoder.value(text, at)
        yield value, at
        at = skip_space(text, at)
        closed = text[at : at + 1] == "]"
        if not closed and text[at : at + 1] != ",":
            raise broken(text, at)
        if not closed:
            at = skip_space(text, at + 1)
    rest = skip_space(text, at + 1)
    if rest < len(text):
        raise broken(text, rest)


def _wrapped(value: object) -> list[object]:
    """The rows inside ``{"data": [...]}`` and the like; any other value is itself the only row."""
    if isinstance(value, dict):
        for name in _WRAPPERS:
            if isinstance(value.get(name), list):
                return list(value[name])
    return [value]


JSON_LIST = _JsonList()
