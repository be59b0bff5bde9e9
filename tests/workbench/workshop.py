"""Services over a temporary data folder, with an engine and trainers that compute nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studio.core.errors import UserMistake
from studio.core.rows import Body, NewRow, supervised_problem
from studio.jobs.processes import Launcher
from studio.jobs.trainers import Trainers
from studio.store.data_folder import DataFolder
from studio.store.datasets import Datasets
from studio.store.models import Models
from studio.store.rows import Rows
from studio.store.runs import Runs
from studio.store.versions import Versions
from studio.workbench.compare import CompareService
from studio.workbench.desk import DeskService
from studio.workbench.engine_room import EngineRoom
from studio.workbench.measures import Measures
from studio.workbench.models import ModelService
from studio.workbench.orders import Order, OrderService
from studio.workbench.rolls import Rolls
from studio.workbench.rows import RowService
from studio.workbench.runs import RunService
from studio.workbench.shelf import Shelf
from studio.workbench.tasks import Tasks
from studio.workbench.watching import Watching
from tests.known_model import FACTS, MACHINE, SHEET
from tests.store.sample_rows import UnsyncedDatabase, new_key, ready

Json = dict[str, Any]


class FakeAnswer(Iterator[Json]):
    """Events and a result that were known before."""

    def __init__(self, events: list[Json], result: Any) -> None:
        self._events, self._end, self.result = iter(events), result, None
        self.is_closed = False

    def __enter__(self) -> "FakeAnswer":
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closed = True

    def __next__(self) -> Json:
        for event in self._events:
            return event
        self.result = self._end
        raise StopIteration


class FakeEngine(EngineRoom):
    """Answers by heart and remembers what it was asked; the lease of the device is real."""

    def __init__(self, data: DataFolder) -> None:
        super().__init__(data)
        self.asked: list[tuple[str, Json]] = []
        self.events: list[Json] = []
        self.results: dict[str, Any] = {"inspect_folder": FACTS, "sheet": SHEET.as_json()}
        self.results["machine_facts"] = MACHINE
        self.answers: list[FakeAnswer] = []
        self.times_closed = 0

    def stream(self, op: str, /, **args: Any) -> Any:
        self.asked.append((op, args))
        if op == "add_starter":
            Path(args["target"]).mkdir(exist_ok=True)
        known = self.results.get(op)
        result: Any = _measured(args["rows"]) if op == "measure" and known is None else known
        facts = result | {"folder": args["folder"]} if op == "inspect_folder" else result
        self.answers.append(FakeAnswer(self.events, facts))
        return self.answers[-1]

    def call(self, op: str, /, **args: Any) -> Any:
        answer = self.stream(op, **args)
        list(answer)
        return answer.result

    @contextmanager
    def apart(self) -> Iterator[EngineRoom]:
        yield self

    def close(self) -> None:
        self.times_closed += 1


def _measured(rows: list[Json]) -> Json:
    """Ten word pieces of each row that teaches anything."""
    problems = {row["row"]: supervised_problem(Body.from_json(row["body"])) for row in rows}
    left_out = {row: UserMistake(key).as_json() for row, key in problems.items() if key}
    tokens = dict.fromkeys((row for row in problems if row not in left_out), 10)
    return {"tokens": tokens, "cut": [], "left_out": left_out}


class Workshop:
    """All services on one data folder; ``entry`` names the fake trainer of its runs."""

    def __init__(self, root: Path, launcher: Launcher, entry: str = "obedient") -> None:
        self.data = DataFolder.open(root)
        database = UnsyncedDatabase(self.data.database)
        self.engine = FakeEngine(self.data)
        self.index = Runs(database)
        models = Models(database)
        self.desk = DeskService(self.data, models, Datasets(database))
        self.models = ModelService(self.data, models, self.engine, self.desk, self.index)
        self.shelf = Shelf(self.models)
        self.rows = RowService(
            self.data,
            Datasets(database),
            Rows(database),
            Versions(database),
            self.index,
            self.engine,
            self.models,
        )
        self.tasks = Tasks()
        watching = Watching(self.data.runs)
        self.orders = OrderService(
            self.models,
            self.rows,
            self.engine,
            Measures(self.rows, self.engine, self.tasks),
            Rolls(self.rows.rows),
            watching,
        )
        trainers = Trainers(root, launcher, entry=f"tests.jobs.fake_trainers:{entry}")
        self.runs = RunService(
            self.data,
            self.index,
            self.rows.datasets,
            self.engine,
            trainers,
            self.orders,
            watching,
            patience=0.3,
        )
        self.compare = CompareService(self.data, self.index, self.engine)

    def fill(self, dataset: str, rows: list[NewRow]) -> str:
        """A new dataset with ``rows``; returns its id."""
        home = self.rows.datasets.create(dataset)
        if rows:
            self.rows.rows.add(home.id, rows, key=new_key())
        return home.id

    def order(self, **more: Any) -> Order:
        """An order on the dataset ``rows`` and a model in a folder, both made if new."""
        model = self.data.root.parent / "model"
        model.mkdir(exist_ok=True)
        (model / "config.json").write_text("{}", encoding="utf-8")
        if not self.rows.datasets.list():
            self.fill("rows", [ready(number) for number in range(20)])
        return Order(**({"model": str(model), "dataset": "rows", "method": "lora"} | more))

    def begin(self, **more: Any) -> str:
        """Begin a run; returns its id."""
        return self.runs.begin(self.orders.read(self.order(**more)))


NewWorkshop = Callable[..., Workshop]
