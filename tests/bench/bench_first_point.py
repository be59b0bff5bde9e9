"""From the click on Start to the first point of the curve, as the page has it. Prints a table.

    python -m tests.bench.bench_first_point FOLDER [ROWS.jsonl] [runs]

FOLDER holds the model, best the starter; ROWS a dataset, the demo's without it. The launcher is the
page's own, warm; each run is that of the Train tab with nothing changed, watched as the page does.
What the trainer does before its first update is measured once more in this process, part by part.
Exit code 1, with a sentence, where the median of the runs is later than its bound.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from studio.core.words import assets_folder
from studio.engine import plans, preparation
from studio.engine.lessons import Lessons
from studio.jobs import zygote
from studio.store.data_folder import DataFolder
from studio.store.run_folder import RunFolder
from studio.workbench import Workbench
from studio.workbench.demo import ROWS

BOUND = 12.0
"""Seconds at most from the click to the first point."""

OFTEN = 0.1
PARTS = (
    (preparation, "require_same_base"),
    (preparation, "load_model"),
    (preparation, "load_tokenizer"),
    (preparation, "Encoder"),
    (Lessons, "encode"),
    (plans, "agreed_path"),
    (preparation, "install"),
    (preparation, "Trained"),
)

Table = dict[str, float]


def until(is_so: Callable[[], bool]) -> float:
    """Wait for something; when it was so."""
    while not is_so():
        time.sleep(OFTEN)
    return perf_counter()


def click(bench: Workbench, model: str, dataset: str) -> Table:
    """Start a run and watch it to its first point; seconds since the click. The run is ended."""
    begun = perf_counter()
    run = bench.runs.start(model=model, dataset=dataset, method="lora")
    started = perf_counter()
    told = until(lambda: bench.runs.watch(run)["total"] > 0)
    point = until(lambda: bench.runs.watch(run)["points"]["step"] != [])
    bench.runs.trainers.stop(RunFolder(bench.data.runs / run), 30)
    return {
        "the click is answered": started - begun,
        "the trainer is ready": told - begun,
        "the first point": point - begun,
    }


@contextmanager
def timed(table: Table) -> Iterator[None]:
    """Inside the block each of :data:`PARTS` adds its seconds to ``table``."""
    kept = [(place, name, place.__dict__[name]) for place, name in PARTS]
    for place, name, _ in kept:
        setattr(place, name, _timed(getattr(place, name), name, table))
    try:
        yield
    finally:
        for place, name, act in kept:
            setattr(place, name, act)


def _timed(act: Callable[..., Any], name: str, table: Table) -> Callable[..., Any]:
    def timing(*given: Any, **more: Any) -> Any:
        start = perf_counter()
        try:
            return act(*given, **more)
        finally:
            table[name] = table.get(name, 0.0) + perf_counter() - start

    return timing


def within(bench: Workbench, model: str, dataset: str) -> Table:
    """The seconds of each part of a preparation, and of the first update after it."""
    from studio.engine.loop import train
    from studio.workbench.orders import Order

    ready = bench.orders.read(Order(model, dataset, "lora"))
    run = RunFolder.create(bench.data.runs / "parts", ready.recipe, ready.rows)
    table: Table = {}
    start = perf_counter()
    with timed(table):
        session, _ = preparation.prepare(run, lambda: None)
    table["all of the preparation"] = perf_counter() - start
    start = perf_counter()
    next(iter(train(session)))
    table["the first update"] = perf_counter() - start
    return table


def show(title: str, table: Table) -> None:
    print(title)
    for name, seconds in table.items():
        print(f"  {name:<24}{seconds:7.2f} s")


def missed(points: list[float]) -> str | None:
    """What to say where the first points came too late."""
    median = statistics.median(points)
    if median <= BOUND:
        return None
    return f"The first point came after {median:.1f} s, {BOUND:.0f} s is the most."


def main(folder: str, rows: str = "", runs: str = "3") -> int:
    """Measure; the exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        data = DataFolder.open(Path(scratch) / "data")
        launcher = zygote.launcher(Path(scratch) / "zygote.log")
        with Workbench(data, launcher) as bench:
            model = bench.models.add(folder)["id"]
            file = Path(rows) if rows else assets_folder() / "datasets" / ROWS
            dataset = bench.rows.import_file(file, "rows")["dataset"]
            tables = [click(bench, model, dataset) for _ in range(int(runs))]
            show("In this process, part by part:", within(bench, model, dataset))
        if isinstance(launcher, zygote.Zygote):
            launcher.close()
    for number, table in enumerate(tables, start=1):
        show(f"Run {number}, since the click:", table)
    sentence = missed([table["the first point"] for table in tables])
    if sentence:
        print(sentence)
    return 1 if sentence else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
