"""One operation on rows: everything it changes is remembered first, so that it can be undone.

Works inside a write transaction that someone else opened; knows SQL, no person and no page.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from studio.core.rows import Body, Split
from studio.store.row_values import COLUMNS, Moved, Outcome, read_row, words_of

_PAST = "revision, status, split, similar, trashed, tags, notes, body"
_REMEMBER = f"""
    INSERT INTO history (operation, row, followed, {_PAST})
    SELECT :operation, number, :followed, {_PAST} FROM rows WHERE {{where}}
    ON CONFLICT (row, operation) DO NOTHING
"""
_INSERT = """
    INSERT INTO rows (id, dataset, position, status, split, revision, operation, similar,
                      source, author, tags, notes, words, body)
    VALUES (:id, :dataset, :position, :status, :split, 1, :operation, :similar,
            :source, :author, :tags, :notes, :words, :body)
"""
_PUT_BACK = """
    UPDATE rows SET (status, split, similar, trashed, tags, notes, body, words)
        = (past.status, past.split, past.similar, past.trashed, past.tags, past.notes, past.body,
           words_of(past.body, past.notes, past.tags)),
        revision = rows.revision + 1, operation = :operation
    FROM history AS past
    WHERE past.row = rows.number AND past.revision IS NOT NULL AND past.seq IN ({lines})
"""
_MIXED = """
    SELECT similar FROM rows
    WHERE dataset = :dataset AND trashed IS NULL AND similar IN (
        SELECT rows.similar FROM history JOIN rows ON rows.number = history.row
        WHERE history.operation = :operation)
    GROUP BY similar HAVING MIN(split) <> MAX(split)
"""


Operate = Callable[[sqlite3.Connection], int]
"""Does one operation and returns its number."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """By whom and when (seconds since 1970) something is done."""

    author: str
    at: float


class Edit:
    """An operation in the making; made by :func:`editing`."""

    def __init__(self, connection: sqlite3.Connection, dataset: str, operation: int) -> None:
        self.id = operation
        self._connection = connection
        self._scope = {"dataset": dataset, "operation": operation}

    def insert(self, records: Iterable[dict[str, Any]]) -> None:
        """Append new rows; a record names the columns that the row itself decides."""
        last = self._run("SELECT MAX(position) FROM rows WHERE dataset = :dataset").fetchone()[0]
        first = 0 if last is None else last + 1
        self._connection.executemany(
            _INSERT,
            (
                self._scope | record | {"position": position}
                for position, record in enumerate(records, first)
            ),
        )
        self._run(
            "INSERT INTO history (operation, row, followed)"
            " SELECT :operation, number, 0 FROM rows"
            " WHERE dataset = :dataset AND position >= :first ORDER BY position",
            first=first,
        )

    def change(self, assignments: str, where: str, *, followed: bool = False, **facts: Any) -> None:
        """Set ``assignments`` on the rows that ``where`` picks (both are SQL with names)."""
        self._run(_REMEMBER.format(where=where), followed=followed, **facts)
        self._run(
            f"UPDATE rows SET {assignments}, revision = revision + 1, operation = :operation"
            f" WHERE {where}",
            **facts,
        )

    def put_back(self, lines: str, *, at: float, **facts: Any) -> None:
        """Make rows what the lines of history say that they were (``lines`` is SQL for their
        seq); rows that were not there yet go to the trash."""
        self._connection.create_function("words_of", 3, _stored_words, deterministic=True)
        touched = f"SELECT row FROM history WHERE seq IN ({lines})"
        self._run(_REMEMBER.format(where=f"number IN ({touched})"), followed=False, **facts)
        self._run(_PUT_BACK.format(lines=lines), **facts)
        self._run(
            "UPDATE rows SET trashed = :at, revision = revision + 1, operation = :operation"
            f" WHERE trashed IS NULL AND number IN ({touched} AND revision IS NULL)",
            at=at,
            **facts,
        )

    def unite(self, lead: str = "split = 'exam', operation = :operation, position") -> None:
        """Bring near-duplicates that this operation parted to one split.

        The living row that is first by ``lead`` decides. By default a row that learns takes its
        question out of the exam, and a changed row joins the ones that were there.
        """
        for (similar,) in self._run(_MIXED).fetchall():
            leading = self._run(
                "SELECT split FROM rows WHERE dataset = :dataset AND similar = :similar"
                f" AND trashed IS NULL ORDER BY {lead} LIMIT 1",
                similar=similar,
            ).fetchone()
            self.follow(similar, Split(leading["split"]))

    def follow(self, similar: str, split: Split) -> None:
        """Move every living row of a group of near-duplicates to ``split``."""
        self.change(
            "split = :split",
            "dataset = :dataset AND similar = :similar AND trashed IS NULL AND split <> :split",
            followed=True,
            similar=similar,
            split=split,
        )

    def _run(self, sql: str, **facts: Any) -> sqlite3.Cursor:
        return self._connection.execute(sql, self._scope | facts)


@contextmanager
def editing(
    connection: sqlite3.Connection,
    dataset: str,
    kind: str,
    stamp: Stamp,
    *,
    reverts: int | None = None,
) -> Iterator[Edit]:
    """An operation on the rows of ``dataset``; one that changes nothing leaves no trace.

    A new operation can be undone, and what was undone before it can no longer be redone; one
    that ``reverts`` another stands outside of undo and redo.
    """
    stack = "done" if reverts is None else None
    made = connection.execute(
        "INSERT INTO operations (dataset, kind, author, at, stack, reverts)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (dataset, kind, stamp.author, stamp.at, stack, reverts),
    )
    assert made.lastrowid is not None
    edit = Edit(connection, dataset, made.lastrowid)
    yield edit
    changed = "SELECT 1 FROM history WHERE operation = ? LIMIT 1"
    if connection.execute(changed, (edit.id,)).fetchone() is None:
        connection.execute("DELETE FROM operations WHERE id = ?", (edit.id,))
    elif reverts is None:
        connection.execute(
            "UPDATE operations SET stack = NULL WHERE dataset = ? AND stack = 'undone'", (dataset,)
        )


def once(connection: sqlite3.Connection, key: str | None, target: str, operate: Operate) -> int:
    """The operation on ``target`` that ``key`` stands for, done now if it has not been before."""
    done = connection.execute(
        "SELECT operation FROM saves WHERE key = ? AND target = ?", (key, target)
    ).fetchone()
    if done is not None:
        return int(done["operation"])
    operation = operate(connection)
    if key is not None:
        connection.execute("INSERT INTO saves VALUES (?, ?, ?)", (key, target, operation))
    return operation


def outcome_of(connection: sqlite3.Connection, operation: int) -> Outcome:
    """What ``operation`` did; an undo or redo bears the kind of what it put back."""
    made = connection.execute(
        "SELECT COALESCE(reverted.kind, operations.kind) AS kind FROM operations"
        " LEFT JOIN operations AS reverted ON reverted.id = operations.reverts"
        " WHERE operations.id = ?",
        (operation,),
    ).fetchone()
    if made is None:
        return Outcome("nothing")
    moved = connection.execute(
        f"SELECT {COLUMNS}, history.split AS was FROM history"
        " JOIN rows ON rows.number = history.row"
        " WHERE history.operation = ? AND history.followed ORDER BY rows.position",
        (operation,),
    )
    asked = connection.execute(
        "SELECT rows.id FROM history JOIN rows ON rows.number = history.row"
        " WHERE history.operation = ? AND NOT history.followed ORDER BY rows.position",
        (operation,),
    )
    return Outcome(
        made["kind"],
        tuple(record["id"] for record in asked),
        tuple(Moved(read_row(record), Split(record["was"])) for record in moved),
    )


def _stored_words(body: str, notes: str, tags: str) -> str:
    return words_of(Body.from_json(json.loads(body)), notes, tuple(json.loads(tags)))
