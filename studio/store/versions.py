"""Versions of a dataset: what its ready rows say, as one hash, and the way back to an earlier one.

A version is kept as a place in history. Going back is one operation, and can be undone.
"""

import sqlite3
from dataclasses import astuple, dataclass, replace

from studio.core.errors import UserMistake
from studio.core.rows import Row, version_of
from studio.store.database import Database
from studio.store.edits import Edit, Stamp, editing, once, outcome_of
from studio.store.row_reading import last_operation, ready_rows
from studio.store.row_values import Outcome

_FIRST_LINE_SINCE = """
    FROM history AS since WHERE since.row = rows.number AND since.operation > {operation}
    ORDER BY since.operation LIMIT 1
"""


def ready_at(operation: str) -> str:
    """SQL for whether a row was ready, and in no trash, right after ``operation`` (SQL too)."""
    # The first line since then shows the row as it was; a row without one is as it was.
    line = _FIRST_LINE_SINCE.format(operation=operation)
    then = f"SELECT COALESCE(since.status = 'ready' AND since.trashed IS NULL, 0) {line}"
    return f"COALESCE(({then}), rows.status = 'ready' AND rows.trashed IS NULL)"


@dataclass(frozen=True, slots=True)
class Version:
    """A version that was written down. ``rows`` counts its rows; ``erased`` those of them that
    have been erased for good since, which no way leads back to."""

    dataset: str
    version: str
    operation: int
    rows: int
    erased: int
    at: float


@dataclass(frozen=True, slots=True)
class Pinned:
    """A version with the very rows that it is the hash of, in their order."""

    version: Version
    rows: tuple[Row, ...]


class Versions:
    """The versions of all datasets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[int, str]] = {}

    def current(self, dataset: str) -> str:
        """The version that the dataset is at (64 hex digits)."""
        with self._database.read() as connection:
            operation = last_operation(connection, dataset)
            seen, version = self._known.get(dataset, (-1, ""))
            known = version if seen == operation else _pinned(connection, dataset, operation)
            if known is not None:
                return known
            return self._found(connection, dataset).version

    def pin(self, dataset: str) -> Pinned:
        """Write the current version down, so that it can be restored."""
        with self._database.read() as connection:
            version, rows = self._found(connection, dataset), ready_rows(connection, dataset)
        return Pinned(self._keep(version), rows)

    def write_down(self, dataset: str) -> Version:
        """As :meth:`pin`, for those who need no rows."""
        with self._database.read() as connection:
            version = self._found(connection, dataset)
        return self._keep(version)

    def list(self, dataset: str) -> tuple[Version, ...]:
        """The versions that were written down, latest first."""
        with self._database.read() as connection:
            return _versions(connection, dataset)

    def restore(
        self, dataset: str, version: str, *, key: str | None = None, author: str = ""
    ) -> Outcome:
        """Make the ready rows those of ``version`` again (its hash or the beginning of it).

        Rows that became ready later become drafts and keep their text; drafts stay as they are.
        Raises UserMistake ``versions.unknown``, also if the beginning fits several.
        """
        stamp = Stamp(author, self._database.now())
        with self._database.write() as connection:
            wanted = _find(connection, dataset, version)
            operation = once(connection, key, dataset, lambda c: _restore(c, wanted, stamp))
            return outcome_of(connection, operation)

    def _found(self, connection: sqlite3.Connection, dataset: str) -> Version:
        operation = last_operation(connection, dataset)
        version = _hash(connection, dataset)
        self._known[dataset] = (operation, version)
        return Version(dataset, version, operation, _ready(connection, dataset), 0, 0.0)

    def _keep(self, version: Version) -> Version:
        kept = replace(version, at=self._database.now())
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (dataset, version) DO UPDATE SET operation = excluded.operation,"
                " erased = 0, at = excluded.at",
                astuple(kept),
            )
        return kept


def _restore(connection: sqlite3.Connection, version: Version, stamp: Stamp) -> int:
    with editing(connection, version.dataset, "restore_version", stamp) as edit:
        _bring_back(edit, version.operation, stamp.at)
    return edit.id


def _bring_back(edit: Edit, version: int, at: float) -> None:
    was_ready = ready_at(":version")
    line = f"(SELECT since.seq {_FIRST_LINE_SINCE.format(operation=':version')})"
    edit.put_back(
        f"SELECT {line} FROM rows WHERE dataset = :dataset AND {was_ready}", at=at, version=version
    )
    edit.change(
        "status = 'draft'",
        f"dataset = :dataset AND trashed IS NULL AND status = 'ready' AND NOT {was_ready}",
        version=version,
    )
    edit.unite(lead="status <> 'ready', position")


def _hash(connection: sqlite3.Connection, dataset: str) -> str:
    """The version of the ready rows; bodies are stored in their canonical form."""
    ready = connection.execute(
        "SELECT split, CAST(body AS BLOB) FROM rows"
        " WHERE dataset = ? AND trashed IS NULL AND status = 'ready' ORDER BY position",
        (dataset,),
    )
    return version_of((split, body) for split, body in ready)


def _ready(connection: sqlite3.Connection, dataset: str) -> int:
    count = "SELECT COUNT(*) FROM rows WHERE dataset = ? AND trashed IS NULL AND status = 'ready'"
    return int(connection.execute(count, (dataset,)).fetchone()[0])


def _pinned(connection: sqlite3.Connection, dataset: str, operation: int) -> str | None:
    """The version that was written down right after ``operation``."""
    found = connection.execute(
        "SELECT version FROM versions WHERE dataset = ? AND operation = ?", (dataset, operation)
    ).fetchone()
    return None if found is None else str(found["version"])


def _versions(connection: sqlite3.Connection, dataset: str) -> tuple[Version, ...]:
    found = connection.execute(
        "SELECT dataset, version, operation, rows, erased, at FROM versions WHERE dataset = ?"
        " ORDER BY operation DESC",
        (dataset,),
    )
    return tuple(Version(*record) for record in found)


def _find(connection: sqlite3.Connection, dataset: str, version: str) -> Version:
    fitting = [v for v in _versions(connection, dataset) if v.version.startswith(version)]
    if len(fitting) != 1 or not version:
        raise UserMistake("versions.unknown", version=version)
    return fitting[0]
