"""Erase for good: rows leave the database, its copies, run folders, samples and exports.

Files come first and the database last, so that an erasure that was cut off can be done again from
the start. Outside of the database a row is known by its id and by its whole texts, not by a name in
them. What a model learned cannot be taken out of it: runs are marked instead. Blocks that a file
system or a drive keeps elsewhere (snapshots, spare flash) are out of reach.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from studio.core.errors import Refusal, UserMistake
from studio.core.rows import Body
from studio.store import traces
from studio.store.data_folder import DataFolder
from studio.store.database import Database
from studio.store.edits import Stamp
from studio.store.row_values import texts_of
from studio.store.traces import Gone
from studio.store.versions import ready_at

_GONE = "rows.id IN (SELECT value FROM json_each(:ids))"
_TEXTS = f"""
    SELECT {_GONE} AS gone, notes, body FROM rows
    UNION ALL
    SELECT {_GONE} AS gone, history.notes, history.body
    FROM history JOIN rows ON rows.number = history.row WHERE history.revision IS NOT NULL
"""
_COUNT_IN_VERSIONS = f"""
    UPDATE versions SET erased = erased + (
        SELECT COUNT(*) FROM rows
        WHERE {_GONE} AND rows.dataset = versions.dataset AND {ready_at("versions.operation")})
"""
_MARK_DATASETS = f"""
    INSERT INTO operations (dataset, kind, author, at)
    SELECT DISTINCT dataset, 'erase', :author, :at FROM rows WHERE {_GONE}
"""
_MARK_RUN = """
    INSERT INTO erased (run, count, at) VALUES (?, ?, ?)
    ON CONFLICT (run) DO UPDATE SET count = count + excluded.count, at = excluded.at
"""
_DROP_EMPTY_OPERATIONS = """
    DELETE FROM operations
    WHERE kind <> 'erase' AND id NOT IN (SELECT operation FROM history)
"""


@dataclass(frozen=True, slots=True)
class EraseReport:
    """What an erasure did: how many rows, which runs had learned from them, and which files (by
    their paths in the data folder) it deleted or rewrote."""

    rows: int
    runs: tuple[str, ...]
    files: tuple[str, ...]


def erase(
    database: Database,
    row_ids: Sequence[str],
    folder: DataFolder,
    *,
    running: Collection[str] = (),
    author: str = "",
) -> EraseReport:
    """Erase rows, in the trash or not, with their history; nothing brings them back.

    ``running`` are the runs whose trainers live; they hold their rows in memory. Raises
    UserMistake ``rows.unknown``, and Refusal ``erase.run_active`` if one of them has such a row.
    """
    with database.read() as connection:
        gone = _what_goes(connection, row_ids)
        learned = _learned(connection, gone)
        known = frozenset(learned)
        earlier = dict(connection.execute("SELECT run, count FROM erased").fetchall())
    for run in running:
        if run in learned or traces.has_traces(folder.runs / run, gone):
            raise Refusal("erase.run_active", run=run)
    files = []
    for place in folder.runs.iterdir():
        held, changed = traces.clean_run(place, gone)
        learned[place.name] = max(held, learned[place.name])
        files += changed
    taught = {run: count for run, count in sorted(learned.items()) if count}
    for run, count in taught.items():
        traces.mark_run(folder.runs / run, earlier.get(run, 0) + count)
    files += [*traces.clean_exports(folder, gone), *traces.clean_backups(folder, gone)]
    with database.write() as connection:
        _refuse_new(_learned(connection, gone), known)
        _forget(connection, gone, taught, Stamp(author, database.now()))
    database.vacuum()
    names = sorted({path.relative_to(folder.root).as_posix() for path in files})
    return EraseReport(len(gone.ids), tuple(taught), tuple(names))


def _what_goes(connection: sqlite3.Connection, row_ids: Sequence[str]) -> Gone:
    """The rows and what only they say, now or in the past."""
    ids = json.dumps(list(row_ids))
    known = connection.execute(f"SELECT id FROM rows WHERE {_GONE}", {"ids": ids})
    missing = set(row_ids) - {record["id"] for record in known}
    if missing:
        raise UserMistake("rows.unknown", row=min(missing))
    said: dict[bool, set[str]] = {True: set(), False: set()}
    for is_gone, notes, body in connection.execute(_TEXTS, {"ids": ids}):
        said[bool(is_gone)] |= {notes, *texts_of(Body.from_json(json.loads(body)))}
    return Gone.of(row_ids, said[True] - said[False])


def _learned(connection: sqlite3.Connection, gone: Gone) -> Counter[str]:
    found = connection.execute(
        "SELECT run, COUNT(*) FROM learned JOIN rows ON rows.number = learned.row"
        f" WHERE {_GONE} GROUP BY run",
        {"ids": json.dumps(sorted(gone.ids))},
    )
    return Counter(dict(found.fetchall()))


def _refuse_new(now: Collection[str], known: Collection[str]) -> None:
    """A run that began meanwhile may hold the rows in memory; one that begins later is refused."""
    for run in now:
        if run not in known:
            raise Refusal("erase.run_active", run=run)


def _forget(
    connection: sqlite3.Connection, gone: Gone, taught: Mapping[str, int], stamp: Stamp
) -> None:
    facts = {"ids": json.dumps(sorted(gone.ids)), "author": stamp.author, "at": stamp.at}
    connection.execute(_COUNT_IN_VERSIONS, facts)
    connection.execute(_MARK_DATASETS, facts)
    connection.executemany(_MARK_RUN, [(run, count, stamp.at) for run, count in taught.items()])
    connection.execute(
        "DELETE FROM saves WHERE target IN (SELECT value FROM json_each(:ids))", facts
    )
    connection.execute(f"DELETE FROM rows WHERE {_GONE}", facts)  # with history and learned
    connection.execute(_DROP_EMPTY_OPERATIONS)
