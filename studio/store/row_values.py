"""What goes into the row store and what comes out of it, and how a row lies in a table.

Knows columns, not transactions.
"""

import json
import sqlite3
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from studio.core.rows import Body, Row, Split, Status

COLUMNS = (
    "rows.id, rows.dataset, rows.position, rows.body, rows.status, rows.split, rows.notes,"
    " rows.tags, rows.source, rows.author, rows.revision, rows.similar"
)


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit changes of a row; None leaves a field as it is."""

    body: Body | None = None
    status: Status | None = None
    split: Split | None = None
    notes: str | None = None
    tags: tuple[str, ...] | None = None

    def given(self) -> dict[str, Any]:
        """The fields that this change sets."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


class Sort(StrEnum):
    """The order of a page of rows."""

    POSITION = "position"
    NEWEST = "newest"
    EDITED = "edited"


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows to show. ``search`` is plain text, found in whatever case or width it stands."""

    search: str = ""
    status: Status | None = None
    split: Split | None = None
    sort: Sort = Sort.POSITION
    offset: int = 0
    limit: int = 50
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the rows that a query finds; ``total`` counts all of them."""

    rows: tuple[Row, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: its ``number`` among the living rows, from 1, and whether it is one.

    The number of a row in the trash is the one that it would have again.
    """

    number: int
    trashed: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many living rows a dataset has, in all and of each status and split."""

    total: int
    status: Mapping[Status, int]
    split: Mapping[Split, int]
    ready: Mapping[Split, int]
    trashed: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A page with everything around it, as of one moment.

    ``numbers`` are the places of the page's rows; ``mark`` is the dataset's last operation, 0
    without any: where it has not changed, nothing has.
    """

    page: Page
    numbers: tuple[int, ...]
    counts: Counts
    can_undo: bool
    can_redo: bool
    mark: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A row that went to another split with a near-duplicate, and the split where it ``was``."""

    row: Row
    was: Split


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation did: its kind, the ``ids`` of the rows that it was asked for, in their
    order, and the near-duplicates that moved with them."""

    kind: str
    ids: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()

    @property
    def freed(self) -> tuple[Row, ...]:
        """Questions taken out of the exam, because a row that learns asks the same."""
        return tuple(moved.row for moved in self.moved if moved.was is Split.EXAM)


@dataclass(frozen=True, slots=True)
class Saved:
    """A row as it was saved, and what else that did."""

    row: Row
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Past:
    """One line of a row's history: what was done, by whom, when, and the row as it then was.

    ``trashed`` is whether the row then lay in the trash; ``followed`` that it only moved along
    with a near-duplicate.
    """

    kind: str
    author: str
    at: float
    row: Row
    trashed: bool
    followed: bool


def read_row(record: sqlite3.Row) -> Row:
    """The row in a record of :data:`COLUMNS`."""
    return Row(
        id=record["id"],
        dataset=record["dataset"],
        position=record["position"],
        body=Body.from_json(json.loads(record["body"])),
        status=Status(record["status"]),
        split=Split(record["split"]),
        notes=record["notes"],
        tags=tuple(json.loads(record["tags"])),
        source=record["source"],
        author=record["author"],
        revision=record["revision"],
        group=record["similar"],
    )


def text_of(body: Body) -> str:
    """The body as it is stored."""
    return body.canonical().decode("utf-8")


def text_of_tags(tags: tuple[str, ...]) -> str:
    """The tags as they are stored."""
    return json.dumps(list(tags), ensure_ascii=False)


def texts_of(body: Body) -> tuple[str, ...]:
    """Everything a person wrote in ``body``."""
    turns = (*body.messages, *(body.rejected or ()))
    return (*(turn.content for turn in turns), *(() if body.text is None else (body.text,)))


def words_of(body: Body, notes: str, tags: tuple[str, ...]) -> str:
    """What a search looks through, :func:`folded`."""
    return folded("\n".join((*texts_of(body), notes, *tags)))


def folded(text: str) -> str:
    """``text`` without case and width, so that a search finds it in any dress."""
    return unicodedata.normalize("NFKC", text).casefold()
