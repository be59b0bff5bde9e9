"""The index of base models: where each lies and what is known of it. The files are the truth."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.core.errors import UserMistake
from studio.store.database import Database


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A base model. ``identity`` tells it from any other (hub commit and file hashes, or a
    content hash); ``facts`` are what a page shows of it."""

    id: str
    name: str
    folder: str
    identity: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    added: float = 0.0


class Models:
    """The known base models, in the order in which they were added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: ModelEntry) -> ModelEntry:
        """Write a model down, or write down anew what is known of it."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO models (id, name, folder, identity, facts, added)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
                " folder = excluded.folder, identity = excluded.identity, facts = excluded.facts",
                (
                    entry.id,
                    entry.name,
                    entry.folder,
                    json.dumps(dict(entry.identity), ensure_ascii=False),
                    json.dumps(dict(entry.facts), ensure_ascii=False),
                    self._database.now(),
                ),
            )
            return _find(connection, entry.id)

    def get(self, wanted: str) -> ModelEntry:
        """A model by its id, folder or name; raises UserMistake ``models.unknown``."""
        with self._database.read() as connection:
            return _find(connection, wanted)

    def list(self) -> tuple[ModelEntry, ...]:
        """All models."""
        with self._database.read() as connection:
            return tuple(map(_entry, connection.execute("SELECT * FROM models ORDER BY number")))

    def remove(self, wanted: str) -> None:
        """Forget a model; its files stay."""
        with self._database.write() as connection:
            found = _find(connection, wanted)
            connection.execute("DELETE FROM models WHERE id = ?", (found.id,))


def _find(connection: sqlite3.Connection, wanted: str) -> ModelEntry:
    found = connection.execute(
        "SELECT * FROM models WHERE :wanted IN (id, folder, name)"
        " ORDER BY id = :wanted DESC, folder = :wanted DESC, number DESC LIMIT 1",
        {"wanted": wanted},
    ).fetchone()
    if found is None:
        known = connection.execute("SELECT id FROM models ORDER BY number")
        names = ", ".join(record["id"] for record in known)
        raise UserMistake("models.unknown", name=wanted, known=names or "–")
    return _entry(found)


def _entry(record: sqlite3.Row) -> ModelEntry:
    return ModelEntry(
        id=record["id"],
        name=record["name"],
        folder=record["folder"],
        identity=json.loads(record["identity"]),
        facts=json.loads(record["facts"]),
        added=record["added"],
    )
