"""What reading a file gives: rows to store, rows left out, and how the file was understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.core.rows import NewRow


@dataclass(frozen=True, slots=True)
class Skip:
    """A row that was left out. ``reason`` is a key of the catalogue, ``facts`` fill its sentence.

    ``row`` is the number a person would count: the line of a JSONL or text file, the place in a
    JSON list, the row of a spreadsheet with its header as row 1.
    """

    row: int
    column: str
    reason: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """A whole file: every one of its rows is either in ``rows`` or in ``skipped``.

    ``columns`` are all in the file's order; ``mapping`` says which of them each field was read
    from, ``ignored`` which were not.
    ``unknown`` counts, of status and split, the words in ``rows`` that mean nothing here, the most
    frequent ones: a row with such a status is a draft, one with such a split has none of its own.
    """

    format: str
    container: str
    encoding: str
    columns: tuple[str, ...]
    mapping: Mapping[str, str]
    ignored: tuple[str, ...]
    rows: tuple[NewRow, ...]
    skipped: tuple[Skip, ...]
    unknown: Mapping[str, Mapping[str, int]]
