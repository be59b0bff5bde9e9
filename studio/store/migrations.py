"""Brings a database file to the newest schema, step by step, with a verified copy before each."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from studio.core.errors import Refusal
from studio.store.schema import Steps

_TABLE = "rows"
"""A table that has been there since the first step."""


def migrate(connection: sqlite3.Connection, path: Path, steps: Steps) -> None:
    """Take the steps that are missing.

    Raises Refusal, the file untouched: ``store.newer``, and ``store.damaged`` for a database of
    another program.
    """
    connection.execute("BEGIN")  # one state, though another process may take a step
    found, tables = _version(connection), _tables(connection)
    connection.execute("COMMIT")
    if found > len(steps):
        raise Refusal("store.newer", path=str(path), found=found, known=len(steps))
    if (_TABLE not in tables) if found else tables:
        raise Refusal("store.damaged", path=str(path), problem="the tables are another program's")
    connection.execute("PRAGMA journal_mode=DELETE")
    while _version(connection) < len(steps):
        _step(connection, path, steps)


def _step(connection: sqlite3.Connection, path: Path, steps: Steps) -> None:
    """One step in one transaction, unless another process took it in the meantime."""
    connection.execute("BEGIN IMMEDIATE")
    done = _version(connection)
    if done < len(steps):
        if done:
            back_up(path, backups_of(path) / f"{path.stem}.v{done}{path.suffix}")
        for statement in steps[done]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={done + 1}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {str(line[0]) for line in connection.execute("SELECT name FROM sqlite_schema")}


def backups_of(path: Path) -> Path:
    """The folder that holds the copies of the database ``path``."""
    return path.parent / "backups"


def back_up(path: Path, target: Path) -> None:
    """Copy the database ``path``, also while it is in use, and check the copy.

    A copy of that name is replaced. Raises Refusal ``store.damaged`` if the copy is not sound.
    """
    target.parent.mkdir(mode=0o700, exist_ok=True)
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(_open(path, "ro")) as source, closing(_open(target, "rw")) as copy:
        source.backup(copy)
        verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if verdict != "ok":
        target.unlink()
        raise Refusal("store.damaged", path=str(path), problem=str(verdict))


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True)
