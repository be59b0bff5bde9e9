"""The index of runs: which rows, model and method each used. How a run fares stands in its folder.

``erased`` counts rows that a run learned from and that have been erased for good since.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studio.core.errors import Refusal, UserMistake
from studio.store.database import Database
from studio.store.datasets import clean_name

_ENTRIES = """
    SELECT runs.id, name, dataset, version, model, method, created, trashed,
           COALESCE(erased.count, 0) AS erased
    FROM runs LEFT JOIN erased ON erased.run = runs.id
"""


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run. ``dataset`` and ``model`` are ids, ``method`` a method's, ``id`` the folder's name."""

    id: str
    name: str
    dataset: str
    version: str
    model: str
    method: str
    created: float = 0.0
    trashed: float | None = None
    erased: int = 0


class Runs:
    """All runs, in the order in which they were begun."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: RunEntry, row_ids: Iterable[str]) -> RunEntry:
        """Write a run down with the rows that it learns from.

        Raises Refusal ``rows.changed`` where one of them was erased since they were read.
        """
        ids = list(row_ids)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO runs (id, name, dataset, version, model, method, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.id,
                    clean_name(entry.name),
                    entry.dataset,
                    entry.version,
                    entry.model,
                    entry.method,
                    self._database.now(),
                ),
            )
            found = connection.execute(
                "INSERT INTO learned SELECT ?, number FROM rows"
                " WHERE id IN (SELECT value FROM json_each(?))",
                (entry.id, json.dumps(ids)),
            )
            if found.rowcount != len(ids):
                raise Refusal("rows.changed")
            return _find(connection, entry.id)

    def get(self, name_or_id: str) -> RunEntry:
        """A run by its id, also from the trash, or by its name.

        Raises UserMistake ``runs.unknown``, or ``runs.ambiguous`` naming the ids that fit.
        """
        with self._database.read() as connection:
            return _find(connection, name_or_id)

    def list(self, *, dataset: str | None = None, trashed: bool = False) -> tuple[RunEntry, ...]:
        """The living runs, or those in the trash; of one dataset or of all."""
        with self._database.read() as connection:
            found = connection.execute(
                f"{_ENTRIES} WHERE (trashed IS NOT NULL) = ? AND dataset = COALESCE(?, dataset)"
                " ORDER BY number",
                (trashed, dataset),
            )
            return tuple(RunEntry(*record) for record in found)

    def learned(self, run_id: str) -> tuple[str, ...]:
        """The ids of the rows that a run learned from, without those erased since."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT rows.id FROM learned JOIN rows ON rows.number = learned.row"
                " WHERE learned.run = ? ORDER BY rows.position",
                (run_id,),
            )
            return tuple(record["id"] for record in found)

    def taught_by(self, row_ids: Sequence[str]) -> tuple[RunEntry, ...]:
        """The runs that learned from any of these rows, also those in the trash."""
        with self._database.read() as connection:
            found = connection.execute(
                f"{_ENTRIES} WHERE runs.id IN (SELECT run FROM learned JOIN rows"
                " ON rows.number = learned.row WHERE rows.id IN (SELECT value FROM json_each(?)))"
                " ORDER BY number",
                (json.dumps(list(row_ids)),),
            )
            return tuple(RunEntry(*record) for record in found)

    def rename(self, name_or_id: str, name: str) -> RunEntry:
        """Give a run another name; several may bear the same."""
        return self._set(name_or_id, "name", clean_name(name))

    def trash(self, name_or_id: str) -> RunEntry:
        """Put a run into the trash; its folder stays."""
        return self._set(name_or_id, "trashed", self._database.now())

    def restore(self, run_id: str) -> RunEntry:
        """Take a run out of the trash."""
        return self._set(run_id, "trashed", None)

    def remove(self, run_id: str) -> None:
        """Forget a run that has not begun."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))

    def _set(self, name_or_id: str, column: str, value: object) -> RunEntry:
        with self._database.write() as connection:
            found = _find(connection, name_or_id)
            connection.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, found.id))
            return _find(connection, found.id)


def _find(connection: sqlite3.Connection, name_or_id: str) -> RunEntry:
    found = connection.execute(
        f"{_ENTRIES} WHERE runs.id = :wanted OR (name = :wanted AND trashed IS NULL)"
        " ORDER BY runs.id = :wanted DESC, number",
        {"wanted": name_or_id},
    ).fetchall()
    if not found:
        raise UserMistake("runs.unknown", name=name_or_id)
    if len(found) > 1 and found[0]["id"] != name_or_id:
        ids = ", ".join(record["id"] for record in found)
        raise UserMistake("runs.ambiguous", name=name_or_id, ids=ids)
    return RunEntry(*found[0])
