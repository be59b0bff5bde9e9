"""Undo and redo: the lines that one operation wrote to history, put back as a new operation.

History itself only grows. What can be undone or redone next is marked on the operations.
"""

import sqlite3

from studio.core.errors import UserMistake
from studio.store.edits import Stamp, editing

_LINES = "SELECT seq FROM history WHERE operation = :source"


def undo(connection: sqlite3.Connection, dataset: str, stamp: Stamp) -> int:
    """Take back the last operation; returns the new one. Raises UserMistake if there is none."""
    last = _one(connection, "MAX(id)", "dataset = ? AND stack = 'done'", dataset)
    if last is None:
        raise UserMistake("rows.nothing_to_undo")
    with editing(connection, dataset, "undo", stamp, reverts=last) as edit:
        edit.put_back(_LINES, at=stamp.at, source=last)
    _mark(connection, last, "undone")
    return edit.id


def redo(connection: sqlite3.Connection, dataset: str, stamp: Stamp) -> int:
    """Take back the last undo; returns the new operation. Raises UserMistake if there is none."""
    undone = _one(connection, "MIN(id)", "dataset = ? AND stack = 'undone'", dataset)
    if undone is None:
        raise UserMistake("rows.nothing_to_redo")
    undoing = _one(connection, "MAX(id)", "reverts = ? AND kind = 'undo'", undone)
    with editing(connection, dataset, "redo", stamp, reverts=undone) as edit:
        edit.put_back(_LINES, at=stamp.at, source=undoing)
    _mark(connection, undone, "done")
    return edit.id


def _one(connection: sqlite3.Connection, what: str, where: str, value: object) -> int | None:
    found = connection.execute(f"SELECT {what} FROM operations WHERE {where}", (value,)).fetchone()
    return None if found[0] is None else int(found[0])


def _mark(connection: sqlite3.Connection, operation: int, stack: str) -> None:
    connection.execute("UPDATE operations SET stack = ? WHERE id = ?", (stack, operation))
