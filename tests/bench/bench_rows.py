"""How long the row store takes, on a dataset as large as a clinic's. Prints a table.

    python -m tests.bench.bench_rows [rows]

Durable commits, real SQLite settings, a fresh folder; the median of each line's runs. Exit code 1,
with a sentence, where a page of at most 20,000 rows misses its bound.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from studio.core.rows import Body, NewRow, Status
from studio.store.database import Database
from studio.store.datasets import Datasets
from studio.store.row_values import Change, Query
from studio.store.rows import Rows
from studio.store.versions import Versions

PAGE, UP_TO = 300.0, 20_000
"""The most milliseconds for a page or a search, in a dataset of so many rows."""

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


def missed(count: int, table: Mapping[str, float]) -> list[str]:
    """What to say of each page in ``table`` that misses its bound."""
    pages = {name: took for name, took in table.items() if "page" in name and count <= UP_TO}
    slow = {name: took for name, took in pages.items() if took > PAGE}
    return [f"{name}: {took:.0f} ms, {PAGE:.0f} is the most." for name, took in slow.items()]


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        table = measure(count, Path(folder))
    for name, took in table.items():
        print(f"{name:32} {took:10.1f} ms")
    if problems := missed(count, table):
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
