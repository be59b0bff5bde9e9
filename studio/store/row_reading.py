"""Questions about rows: pages, counts, the ready ones, a row as it was. Changes nothing."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from studio.core.errors import UserMistake
from studio.core.rows import Body, Row, Split, Status
from studio.store.row_values import (
    COLUMNS,
    Counts,
    Listing,
    Page,
    Past,
    Place,
    Query,
    Sort,
    folded,
    read_row,
)

_ORDERS = {
    Sort.POSITION: "position",
    Sort.NEWEST: "position DESC",
    Sort.EDITED: "operation DESC, position",
}


def row_of(connection: sqlite3.Connection, row_id: str) -> Row:
    """The row; raises UserMistake ``rows.unknown``."""
    return read_row(_record(connection, row_id))


def living_row(connection: sqlite3.Connection, row_id: str) -> Row:
    """The row; raises UserMistake if it is unknown or lies in the trash."""
    record = _record(connection, row_id)
    if record["trashed"] is not None:
        raise UserMistake("rows.trashed", row=row_id)
    return read_row(record)


def _record(connection: sqlite3.Connection, row_id: str) -> sqlite3.Row:
    found: sqlite3.Row | None = connection.execute(
        f"SELECT {COLUMNS}, rows.number, rows.trashed FROM rows WHERE id = ?", (row_id,)
    ).fetchone()
    if found is None:
        raise UserMistake("rows.unknown", row=row_id)
    return found


def living_rows(connection: sqlite3.Connection, dataset: str) -> tuple[Row, ...]:
    """The rows that do not lie in the trash, in their order."""
    return _all(connection, dataset, "trashed IS NULL")


def row_ids(connection: sqlite3.Connection, dataset: str) -> tuple[str, ...]:
    """The ids of all rows, also of those in the trash, in their order."""
    found = connection.execute(
        "SELECT id FROM rows WHERE dataset = ? ORDER BY position", (dataset,)
    )
    return tuple(record["id"] for record in found)


def ready_rows(connection: sqlite3.Connection, dataset: str) -> tuple[Row, ...]:
    """The living rows that may train, in their order."""
    return _all(connection, dataset, "trashed IS NULL AND status = 'ready'")


def _all(connection: sqlite3.Connection, dataset: str, where: str) -> tuple[Row, ...]:
    found = connection.execute(
        f"SELECT {COLUMNS} FROM rows WHERE dataset = ? AND {where} ORDER BY position", (dataset,)
    )
    return tuple(read_row(record) for record in found)


def page_of(connection: sqlite3.Connection, dataset: str, query: Query) -> Page:
    """The rows of ``dataset`` that ``query`` asks for."""
    wanted = {
        "status = :status": query.status,
        "split = :split": query.split,
        "INSTR(words, :search)": folded(query.search.strip()),
    }
    where = " AND ".join(condition for condition, value in wanted.items() if value)
    found = connection.execute(
        "SELECT number FROM rows WHERE dataset = :dataset"
        f" AND trashed IS {'NOT NULL' if query.trashed else 'NULL'}"
        f"{' AND ' + where if where else ''} ORDER BY {_ORDERS[query.sort]}",
        {
            "dataset": dataset,
            "status": query.status,
            "split": query.split,
            "search": wanted["INSTR(words, :search)"],
        },
    ).fetchall()
    numbers = [record["number"] for record in found]
    return Page(
        _numbered(connection, numbers[query.offset : query.offset + query.limit]), len(numbers)
    )


def _numbered(connection: sqlite3.Connection, numbers: Sequence[int]) -> tuple[Row, ...]:
    found = connection.execute(
        f"SELECT {COLUMNS}, number FROM rows WHERE number IN (SELECT value FROM json_each(?))",
        (json.dumps(numbers),),
    )
    rows = {record["number"]: read_row(record) for record in found}
    return tuple(rows[number] for number in numbers)


def counts_of(connection: sqlite3.Connection, dataset: str) -> Counts:
    """How many rows there are of each kind."""
    status: Counter[Status] = Counter(dict.fromkeys(Status, 0))
    split: Counter[Split] = Counter(dict.fromkeys(Split, 0))
    ready: Counter[Split] = Counter(dict.fromkeys(Split, 0))
    trashed = 0
    for gone, is_status, is_split, count in connection.execute(
        "SELECT trashed IS NOT NULL, status, split, COUNT(*) FROM rows WHERE dataset = ?"
        " GROUP BY 1, 2, 3",
        (dataset,),
    ):
        if gone:
            trashed += count
            continue
        status[Status(is_status)] += count
        split[Split(is_split)] += count
        if is_status == Status.READY:
            ready[Split(is_split)] += count
    return Counts(status.total(), dict(status), dict(split), dict(ready), trashed)


def listing_of(connection: sqlite3.Connection, dataset: str, query: Query) -> Listing:
    """The page that ``query`` asks for, with its rows' places, counts and what can be undone."""
    page = page_of(connection, dataset, query)
    stacks = {
        record["stack"]
        for record in connection.execute(
            "SELECT DISTINCT stack FROM operations WHERE dataset = ? AND stack IS NOT NULL",
            (dataset,),
        )
    }
    return Listing(
        page=page,
        numbers=_numbers(connection, dataset, page.rows),
        counts=counts_of(connection, dataset),
        can_undo="done" in stacks,
        can_redo="undone" in stacks,
        mark=last_operation(connection, dataset),
    )


def last_operation(connection: sqlite3.Connection, dataset: str) -> int:
    """The number of the last operation on ``dataset``, or 0."""
    last = "SELECT COALESCE(MAX(id), 0) FROM operations WHERE dataset = ?"
    return int(connection.execute(last, (dataset,)).fetchone()[0])


def place_of(connection: sqlite3.Connection, row_id: str) -> tuple[Row, Place]:
    """The row and where it stands; raises UserMistake ``rows.unknown``."""
    record = _record(connection, row_id)
    row = read_row(record)
    (number,) = _numbers(connection, row.dataset, [row])
    return row, Place(number, record["trashed"] is not None)


def _numbers(connection: sqlite3.Connection, dataset: str, rows: Sequence[Row]) -> tuple[int, ...]:
    """The place of each of ``rows`` among the living rows, counted once along the dataset."""
    numbers, start, number = {}, 0, 1
    for position in sorted({row.position for row in rows}):
        between = connection.execute(
            "SELECT COUNT(*) FROM rows WHERE dataset = ? AND trashed IS NULL"
            " AND position >= ? AND position < ?",
            (dataset, start, position),
        )
        number += int(between.fetchone()[0])
        numbers[position], start = number, position
    return tuple(numbers[row.position] for row in rows)


def row_after(connection: sqlite3.Connection, row_id: str, operation: int) -> Row:
    """The row as ``operation`` left it, whatever came later."""
    record = _record(connection, row_id)
    later = connection.execute(
        "SELECT * FROM history WHERE row = ? AND operation > ? ORDER BY operation LIMIT 1",
        (record["number"], operation),
    ).fetchone()
    return read_row(record) if later is None else _as_it_was(read_row(record), later)


def history_of(connection: sqlite3.Connection, row_id: str) -> tuple[Past, ...]:
    """All that happened to a row, oldest first, each with the row as it then became."""
    record = _record(connection, row_id)
    row = read_row(record)
    lines = connection.execute(
        "SELECT history.*, operations.kind, operations.author, operations.at FROM history"
        " JOIN operations ON operations.id = history.operation"
        " WHERE history.row = ? ORDER BY history.operation",
        (record["number"],),
    ).fetchall()
    became = [(_as_it_was(row, line), line["trashed"]) for line in lines[1:]]
    became.append((row, record["trashed"]))
    return tuple(
        Past(
            kind=line["kind"],
            author=line["author"],
            at=line["at"],
            row=after,
            trashed=trashed is not None,
            followed=bool(line["followed"]),
        )
        for line, (after, trashed) in zip(lines, became, strict=True)
    )


def _as_it_was(row: Row, line: sqlite3.Row) -> Row:
    return replace(
        row,
        body=Body.from_json(json.loads(line["body"])),
        status=Status(line["status"]),
        split=Split(line["split"]),
        notes=line["notes"],
        tags=tuple(json.loads(line["tags"])),
        revision=line["revision"],
        group=line["similar"],
    )
