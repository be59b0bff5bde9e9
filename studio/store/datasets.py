"""Datasets: names for people, ids for everything else. Knows nothing of the rows in them."""

import secrets
import sqlite3
import unicodedata
from dataclasses import astuple, dataclass

from studio.core.errors import UserMistake
from studio.store.database import Database

NAME_LENGTH = 100
"""Characters of the longest name."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named collection of rows. ``salt`` places its rows in splits; times in seconds."""

    id: str
    name: str
    salt: str
    created: float
    trashed: float | None = None


def clean_name(name: str) -> str:
    """``name`` as it is kept: no blank ends, composed characters.

    Raises UserMistake ``names.*`` if nothing is left, it is too long, or holds control characters.
    """
    clean = unicodedata.normalize("NFC", name.strip())
    if not clean:
        raise UserMistake("names.empty")
    if len(clean) > NAME_LENGTH:
        raise UserMistake("names.too_long", length=len(clean), limit=NAME_LENGTH)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in clean):
        raise UserMistake("names.control_character")
    return clean


class Datasets:
    """All datasets; names are unique among those that are not in the trash."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str) -> Dataset:
        """A new, empty dataset; raises UserMistake for a name that is taken or none."""
        with self._database.write() as connection:
            return _create(connection, name, self._database.now())

    def get(self, name_or_id: str) -> Dataset:
        """A dataset by its id, also from the trash, or by its name.

        Raises UserMistake ``datasets.unknown`` that names the known ones.
        """
        with self._database.read() as connection:
            return _find(connection, name_or_id)

    def list(self, *, trashed: bool = False) -> tuple[Dataset, ...]:
        """The living datasets by name, or those in the trash."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT * FROM datasets WHERE (trashed IS NOT NULL) = ? ORDER BY name, created",
                (trashed,),
            )
            return tuple(Dataset(*record) for record in found)

    def rename(self, name_or_id: str, name: str) -> Dataset:
        """Give a dataset another name."""
        clean = clean_name(name)
        with self._database.write() as connection:
            dataset = _find(connection, name_or_id)
            if clean != dataset.name:
                _check_free(connection, clean)
                _set(connection, dataset, "name", clean)
            return _find(connection, dataset.id)

    def trash(self, name_or_id: str) -> Dataset:
        """Put a dataset with all its rows into the trash; its name is free again."""
        with self._database.write() as connection:
            dataset = _find(connection, name_or_id)
            if dataset.trashed is None:
                _set(connection, dataset, "trashed", self._database.now())
            return _find(connection, dataset.id)

    def restore(self, dataset_id: str) -> Dataset:
        """Take a dataset out of the trash; raises UserMistake if its name has been taken."""
        with self._database.write() as connection:
            dataset = _find(connection, dataset_id)
            if dataset.trashed is not None:
                _check_free(connection, dataset.name)
                _set(connection, dataset, "trashed", None)
            return _find(connection, dataset.id)


def find_or_create(connection: sqlite3.Connection, name_or_id: str, now: float) -> Dataset:
    """The dataset of that id or name, made if there is none."""
    return _sought(connection, name_or_id) or _create(connection, name_or_id, now)


def _create(connection: sqlite3.Connection, name: str, now: float) -> Dataset:
    clean = clean_name(name)
    _check_free(connection, clean)
    made = Dataset(secrets.token_hex(8), clean, secrets.token_hex(16), now)
    connection.execute("INSERT INTO datasets VALUES (?, ?, ?, ?, ?)", astuple(made))
    return made


def _sought(connection: sqlite3.Connection, name_or_id: str) -> Dataset | None:
    name = unicodedata.normalize("NFC", name_or_id.strip())
    found = connection.execute(
        "SELECT * FROM datasets WHERE id = :id OR (name = :name AND trashed IS NULL)"
        " ORDER BY id = :id DESC LIMIT 1",
        {"id": name_or_id, "name": name},
    ).fetchone()
    return None if found is None else Dataset(*found)


def _find(connection: sqlite3.Connection, name_or_id: str) -> Dataset:
    found = _sought(connection, name_or_id)
    if found is None:
        known = connection.execute("SELECT name FROM datasets WHERE trashed IS NULL ORDER BY name")
        names = ", ".join(record["name"] for record in known)
        raise UserMistake("datasets.unknown", name=name_or_id, known=names or "–")
    return found


def _check_free(connection: sqlite3.Connection, name: str) -> None:
    taken = "SELECT 1 FROM datasets WHERE name = ? AND trashed IS NULL"
    if connection.execute(taken, (name,)).fetchone() is not None:
        raise UserMistake("datasets.name_taken", name=name)


def _set(connection: sqlite3.Connection, dataset: Dataset, column: str, value: object) -> None:
    connection.execute(f"UPDATE datasets SET {column} = ? WHERE id = ?", (value, dataset.id))
