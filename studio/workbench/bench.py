"""The workbench: all services over one data folder, behind one object."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from studio.core.errors import Refusal
from studio.jobs.processes import Launcher, Spawner
from studio.jobs.trainers import Trainers
from studio.store.atomic import sweep
from studio.store.data_folder import DataFolder
from studio.store.database import Database
from studio.store.datasets import Datasets
from studio.store.erase import EraseReport, erase
from studio.store.models import Models
from studio.store.rows import Rows
from studio.store.runs import Runs
from studio.store.versions import Versions
from studio.workbench.compare import CompareService
from studio.workbench.demo import DemoService
from studio.workbench.desk import DeskService
from studio.workbench.engine_room import EngineRoom
from studio.workbench.measures import Measures
from studio.workbench.methods import MethodService
from studio.workbench.models import ModelService
from studio.workbench.orders import OrderService
from studio.workbench.rolls import Rolls
from studio.workbench.rows import RowService
from studio.workbench.runs import RunService
from studio.workbench.shelf import Shelf
from studio.workbench.tasks import Tasks
from studio.workbench.watching import Watching

Json = dict[str, Any]


class Workbench:
    """What people can ask of the studio. Close it to end engine and tasks; trainers live on."""

    def __init__(
        self,
        data: DataFolder,
        launcher: Launcher | None = None,
        *,
        engine: EngineRoom | None = None,
    ) -> None:
        """``launcher`` starts engine and trainers; without one, fresh interpreters do.

        ``engine`` answers in the place of one that is started when it is needed.
        """
        for place in (data.runs, data.exports):
            sweep(place)  # a start or an export that was killed leaves rows behind
        database = Database(data.database)
        self._database = database
        index, datasets = Runs(database), Datasets(database)
        models = Models(database)
        self.data = data
        self.engine = engine or EngineRoom(data, launcher)
        self.tasks = Tasks()
        self.desk = DeskService(data, models, datasets)
        self.models = ModelService(data, models, self.engine, self.desk, index)
        self.shelf = Shelf(self.models)
        self.methods = MethodService(self.models)
        self.rows = RowService(
            data,
            datasets,
            Rows(database),
            Versions(database),
            index,
            self.engine,
            self.models,
        )
        watching = Watching(data.runs)
        measures = Measures(self.rows, self.engine, self.tasks)
        rolls = Rolls(self.rows.rows)
        self.orders = OrderService(self.models, self.rows, self.engine, measures, rolls, watching)
        trainers = Trainers(data.root, launcher or Spawner())
        self.runs = RunService(data, index, datasets, self.engine, trainers, self.orders, watching)
        self.compare = CompareService(data, index, self.engine)
        self.demo = DemoService(
            data, self.models, self.rows, self.orders, self.runs, self.compare, self.tasks
        )

    @classmethod
    def open(cls, folder: Path | None = None, launcher: Launcher | None = None) -> Self:
        """The workbench over ``folder``, or over the usual data folder."""
        return cls(DataFolder.open(folder), launcher)

    def status(self) -> Json:
        """What is going on, cheap enough to be asked every second.

        ``{"model", "dataset", "run", "latest", "memory": {"used_bytes", "total_bytes"}, "device",
        "tasks", "mark", "runs", "datasets", "method"}``. ``run`` is the one that goes on,
        ``latest`` the one that was begun last, ``method`` how the next is to learn; ``mark``
        changes with each change of the dataset.
        """
        desk, memory = self.desk.get(), psutil.virtual_memory()
        model, dataset = desk["model"], desk["dataset"]
        return {
            "model": self.models.show(model) if model else None,
            "dataset": self.rows.show(dataset) if dataset else None,
            "run": self.runs.living(),
            "latest": self.runs.latest(),
            "memory": {
                "used_bytes": memory.total - memory.available,
                "total_bytes": memory.total,
            },
            "device": self.engine.device_owner(),
            "tasks": self.tasks.list(),
            "mark": self.rows.rows.mark(dataset) if dataset else 0,
            "runs": len(self.runs.index.list()),
            "datasets": len(self.rows.datasets.list()),
            "method": {name: desk[name] for name in ("method", "knobs", "training")},
        }

    def erase(self, row_ids: Sequence[str]) -> EraseReport:
        """Remove rows for good, from everywhere in the data folder.

        Raises Refusal ``erase.run_active`` while a run that learns from one of them is going on.
        """
        running = [run.id for run in self.runs.trainers.adopt()]
        return erase(self._database, row_ids, self.data, running=running)

    def prepare(self) -> None:
        """Bring the database to the newest schema now; raises Refusal ``store.*`` if it cannot be.

        Whoever uses a service may leave this out.
        """
        self._database.prepare()

    def erase_dataset(self, dataset: str) -> EraseReport:
        """Remove all rows of a dataset in the trash for good, and its name.

        Raises Refusal ``datasets.not_discarded`` for one that is in use, and as :meth:`erase` does.
        """
        home = self.rows.datasets.get(dataset)
        if home.trashed is None:
            raise Refusal("datasets.not_discarded", dataset=home.name)
        report = self.erase(self.rows.rows.ids(home.id))
        self.rows.datasets.rename(home.id, home.id)
        self._database.vacuum()
        return report

    def check_database(self) -> str:
        """``ok``; raises Refusal ``store.*`` if anything is wrong with the database."""
        if problems := self._database.problems():
            problem = "; ".join(problems)
            raise Refusal("store.damaged", path=str(self.data.database), problem=problem)
        return "ok"

    def close(self) -> None:
        """End what goes on, and give the engine's memory back."""
        self.tasks.end()
        self.compare.close()
        self.engine.close()
        self.tasks.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
