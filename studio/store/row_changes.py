"""Changes of rows, each one operation in a write transaction; returns the operation's number."""

import json
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from studio.core.errors import Refusal, UserMistake
from studio.core.rows import Body, NewRow, Row, Split, Status
from studio.core.splits import group_of, split_of
from studio.store.edits import Edit, Stamp, editing
from studio.store.row_reading import living_row
from studio.store.row_values import Change, text_of, text_of_tags, words_of


@dataclass(frozen=True, slots=True)
class Sweep:
    """One change of many rows at once; ``where`` leaves out those that it would not change."""

    kind: str
    assignment: str
    where: str


TRASH = Sweep("trash", "trashed = :at", "trashed IS NULL")
RESTORE = Sweep("restore", "trashed = NULL", "trashed IS NOT NULL")
STATUS = {
    status: Sweep(
        "status", f"status = '{status.value}'", f"trashed IS NULL AND status <> '{status.value}'"
    )
    for status in Status
}


def append(
    connection: sqlite3.Connection,
    dataset: str,
    drafts: Iterable[NewRow],
    stamp: Stamp,
    kind: str = "add",
) -> int:
    """Add new rows at the end."""
    salt = connection.execute("SELECT salt FROM datasets WHERE id = ?", (dataset,)).fetchone()
    if salt is None:
        raise UserMistake("rows.dataset_unknown", dataset=dataset)
    examined = {
        record["similar"]
        for record in connection.execute(
            "SELECT similar FROM rows WHERE dataset = ? AND trashed IS NULL AND split = 'exam'",
            (dataset,),
        )
    }
    with editing(connection, dataset, kind, stamp) as edit:
        records = (_new_record(draft, salt["salt"], examined) for draft in drafts)
        edit.insert(record | {"author": stamp.author} for record in records)
        edit.unite()
    return edit.id


def duplicate(connection: sqlite3.Connection, row_id: str, stamp: Stamp) -> int:
    """Append a copy of a row, as a draft."""
    row = living_row(connection, row_id)
    copy = NewRow(row.body, notes=row.notes, tags=row.tags, source=row.source)
    return append(connection, row.dataset, [copy], stamp, "duplicate")


def save(
    connection: sqlite3.Connection, row_id: str, change: Change, revision: int, stamp: Stamp
) -> int:
    """Change a row that was read at ``revision``; to say what it says already is no change."""
    row = living_row(connection, row_id)
    if revision != row.revision:
        raise _conflict(row, change)
    wanted = replace(row, **change.given())
    with editing(connection, row.dataset, "edit", stamp) as edit:
        if wanted != row:
            group = row.group if wanted.body == row.body else group_of(wanted.body, row.id)
            _write(edit, replace(wanted, group=group))
            if change.split is not None:
                edit.follow(group, change.split)
            edit.unite()
    return edit.id


def sweep(connection: sqlite3.Connection, row_ids: Sequence[str], how: Sweep, stamp: Stamp) -> int:
    """Change many rows of one dataset alike."""
    dataset = _dataset_of(connection, row_ids)
    where = f"id IN (SELECT value FROM json_each(:ids)) AND {how.where}"
    with editing(connection, dataset, how.kind, stamp) as edit:
        edit.change(how.assignment, where, ids=json.dumps(row_ids), at=stamp.at)
        if how is RESTORE:
            edit.unite()
    return edit.id


def _dataset_of(connection: sqlite3.Connection, row_ids: Sequence[str]) -> str:
    found = dict(
        connection.execute(
            "SELECT id, dataset FROM rows WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(row_ids),),
        ).fetchall()
    )
    for row_id in row_ids:
        if row_id not in found:
            raise UserMistake("rows.unknown", row=row_id)
    datasets = set(found.values())
    if len(datasets) != 1:
        raise UserMistake("rows.not_one_dataset", datasets=len(datasets))
    return str(datasets.pop())


def _new_record(draft: NewRow, salt: str, examined: Collection[str]) -> dict[str, Any]:
    row_id = secrets.token_hex(8)
    group = group_of(draft.body, row_id)
    # What is made from an exam question is made to be learned from.
    place = Split.TRAIN if group in examined else split_of(salt, group)
    return {
        "id": row_id,
        "status": draft.status,
        "split": draft.split or place,
        "similar": group,
        "source": draft.source,
    } | _said(draft.body, draft.notes, draft.tags)


def _write(edit: Edit, row: Row) -> None:
    edit.change(
        "body = :body, status = :status, split = :split, notes = :notes, tags = :tags,"
        " similar = :similar, words = :words",
        "id = :id",
        id=row.id,
        status=row.status,
        split=row.split,
        similar=row.group,
        **_said(row.body, row.notes, row.tags),
    )


def _said(body: Body, notes: str, tags: tuple[str, ...]) -> dict[str, Any]:
    """The columns that hold what people wrote."""
    return {
        "body": text_of(body),
        "notes": notes,
        "tags": text_of_tags(tags),
        "words": words_of(body, notes, tags),
    }


def _conflict(row: Row, change: Change) -> Refusal:
    """Both texts, so that neither is lost."""
    yours = change.given()
    theirs = {name: getattr(row, name) for name in yours}
    return Refusal(
        "rows.changed_elsewhere",
        row=row.id,
        revision=row.revision,
        yours=_plain(yours),
        theirs=_plain(theirs),
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as they cross a process border."""
    return {
        name: value.as_json() if isinstance(value, Body) else value
        for name, value in values.items()
    }
