"""Rows, datasets and databases that the store's tests share."""

import itertools
import sqlite3
from pathlib import Path

from studio.core.rows import Body, NewRow, Row, Status
from studio.store.database import Database
from studio.store.datasets import Datasets
from studio.store.row_values import Change, Query
from studio.store.rows import Rows

EVERYTHING = 1_000_000
_keys = itertools.count()


class UnsyncedDatabase(Database):
    """As fast as memory; for tests that cut no power and fill no disk."""

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.execute("PRAGMA synchronous=OFF")
        return connection


class Shelf:
    """One dataset in a database of its own, with short words for what tests do all the time."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rows = Rows(database)
        datasets = Datasets(database)
        known = [dataset.id for dataset in datasets.list()]
        self.dataset = known[0] if known else datasets.create("Questions").id

    def add(self, *drafts: NewRow) -> list[Row]:
        done = self.rows.add(self.dataset, drafts, key=new_key())
        return [self.rows.get(row_id) for row_id in done.ids]

    def save(self, row: Row, change: Change) -> Row:
        return self.rows.save(row.id, change, revision=row.revision, key=new_key()).row

    def living(self) -> list[Row]:
        return list(self.rows.living(self.dataset))

    def trashed(self) -> list[Row]:
        return list(self.rows.page(self.dataset, Query(limit=EVERYTHING, trashed=True)).rows)


def new_key() -> str:
    return f"key {next(_keys)}"


def ask(number: int, answer: str = "") -> Body:
    """A question that no other number shares, with its answer."""
    return Body.pair(f"What is number {number}?", answer or f"It is number {number}.")


def ready(number: int, answer: str = "") -> NewRow:
    return NewRow(ask(number, answer), Status.READY)


def shelf_in(folder: Path) -> Shelf:
    return Shelf(UnsyncedDatabase(folder / "studio.db"))
