"""What a container is: where one record ends and the next begins. Knows nothing of fields."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from studio.core.errors import UserMistake
from studio.data.reading import Skip


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number as a person counts, and the characters of the file up to its end.

    ``columns`` holds what it says, or ``skip`` why it cannot be read.
    """

    row: int
    end: int
    columns: dict[str, Any] = field(default_factory=dict)
    skip: Skip | None = None


class Container(Protocol):
    """A way to put records into a file. ``nested`` ones hold lists and objects in a column."""

    id: str
    suffixes: tuple[str, ...]
    encoding: str
    nested: bool
    default_format: str

    def sniff(self, text: str) -> bool:
        """Whether ``text`` is certainly in this container."""
        ...

    def records(self, text: str) -> Iterator[Record]:
        """The records of ``text``; raises UserMistake where it is broken beyond one record."""
        ...

    def refuses(self, record: dict[str, Any]) -> str | None:
        """The key of the reason why ``record`` would not survive in this container, or None."""
        ...

    def write(self, records: Sequence[dict[str, Any]], file: TextIO) -> None:
        """Write ``records`` so that reading them gives the same."""
        ...


def skipped(row: int, end: int, mistake: UserMistake) -> Record:
    """A record that cannot be read because of ``mistake``."""
    column = str(mistake.facts.get("column", ""))
    return Record(row, end, skip=Skip(row, column, mistake.key, mistake.facts))


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class Lines:
    """The lines of a text with their ends, and how far they have been read.

    Only CR, LF and CRLF end a line. ``str.splitlines`` would also cut at U+2028 and others, which
    may stand in any sentence.
    """

    def __init__(self, text: str) -> None:
        self._found = _LINE.finditer(text)
        self.end = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        found = next(self._found)
        self.end = found.end()
        return found.group()
