"""What reading a file gives: drafts to store, rows left out, and how the file was understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.core.rows import Body, Split, Status


@dataclass(frozen=True, slots=True)
class Draft:
    """A row before it is stored. ``split`` None leaves the choice to the dataset's salt."""

    body: Body
    status: Status = Status.READY
    split: Split | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""


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

    ``mapping`` says which column each field was read from, ``ignored`` which columns were not.
    """

    format: str
    container: str
    encoding: str
    mapping: Mapping[str, str]
    ignored: tuple[str, ...]
    rows: tuple[Draft, ...]
    skipped: tuple[Skip, ...]
