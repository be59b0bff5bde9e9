"""How long the row store takes, on a dataset as large as a clinic's. Prints a table.

    python -m tests.bench.bench_rows [rows]

Durable commits, real SQLite settings, a fresh folder; the median of each line's runs.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from studio.core.rows import Body, NewRow, Status
from studio.store.database import Database
from studio.store.datasets import Datasets
from studio.store.row_values import Change, Query
from studio.store.rows import Rows
from studio.store.versions import Versions

WORDS = ("fever", "cough", "pressure", "insulin", "kidney", "child", "dose", "rash", "sleep")


def drafts(count: int) -> Iterator[NewRow]:
    """Rows of about 1.2 kB, each with a question of its own."""
    for number in range(count):
        word = WORDS[number % len(WORDS)]
        question = f"What should I know about {word} number {number}?"
        yield NewRow(Body.pair(question, f"About {word} and {number}: " * 40), Status.READY)


def milliseconds(act: Callable[[], object], runs: int = 5) -> float:
    """The median time of ``act``."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def measure(count: int, folder: Path) -> dict[str, float]:
    """Milliseconds of each act on a dataset of ``count`` rows."""
    database = Database(folder / "studio.db")
    rows, dataset = Rows(database), Datasets(database).create("Bench").id
    table = {
        f"import {count} rows": milliseconds(
            lambda: rows.add(dataset, drafts(count), key="import"), runs=1
        )
    }
    row = rows.page(dataset, Query(offset=count // 2, limit=1)).rows[0]
    edits = iter(range(1_000_000))

    def save() -> None:
        revision = rows.get(row.id).revision
        rows.save(row.id, Change(notes=str(revision)), revision=revision, key=str(next(edits)))

    acts: dict[str, Callable[[], object]] = {
        "first page": lambda: rows.listing(dataset, Query()),
        "last page": lambda: rows.listing(dataset, Query(offset=count - 50)),
        "page of a search, found often": lambda: rows.listing(dataset, Query(search="insulin")),
        "page of a search, found never": lambda: rows.listing(dataset, Query(search="zebra")),
        "counts": lambda: rows.counts(dataset),
        "save one row": save,
        "undo": lambda: rows.undo(dataset),
        "version, first time": lambda: Versions(database).current(dataset),
    }
    return table | {name: milliseconds(act) for name, act in acts.items()}


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        for name, took in measure(count, Path(folder)).items():
            print(f"{name:32} {took:10.1f} ms")


if __name__ == "__main__":
    main()
