"""The workbench: all services over one data folder, behind one object."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from studio.jobs.processes import Launcher, Spawner
from studio.jobs.trainers import Trainers
from studio.store.data_folder import DataFolder
from studio.store.database import Database
from studio.store.datasets import Datasets
from studio.store.erase import EraseReport, erase
from studio.store.models import Models
from studio.store.rows import Rows
from studio.store.runs import Runs
from studio.store.versions import Versions
from studio.workbench.compare import CompareService
from studio.workbench.engine_room import EngineRoom
from studio.workbench.methods import MethodService
from studio.workbench.models import ModelService
from studio.workbench.orders import OrderService
from studio.workbench.rows import RowService
from studio.workbench.runs import RunService


class Workbench:
    """What people can ask of the studio. Close it to end its engine; trainers live on."""

    def __init__(self, data: DataFolder, launcher: Launcher | None = None) -> None:
        """``launcher`` starts engine and trainers; without one, fresh interpreters do."""
        database = Database(data.database)
        self._database = database
        index, datasets = Runs(database), Datasets(database)
        self.data = data
        self.engine = EngineRoom(data, launcher)
        self.models = ModelService(data, Models(database), self.engine)
        self.methods = MethodService(self.models)
        self.rows = RowService(
            data,
            datasets,
            Rows(database),
            Versions(database),
            self.engine,
            self.models,
        )
        self.orders = OrderService(self.models, self.rows, self.engine)
        trainers = Trainers(data.root, launcher or Spawner())
        self.runs = RunService(data, index, datasets, self.engine, trainers)
        self.compare = CompareService(data, index, self.engine)

    @classmethod
    def open(cls, folder: Path | None = None, launcher: Launcher | None = None) -> Self:
        """The workbench over ``folder``, or over the usual data folder."""
        return cls(DataFolder.open(folder), launcher)

    def erase(self, row_ids: Sequence[str]) -> EraseReport:
        """Remove rows for good, from everywhere in the data folder.

        Raises Refusal ``erase.run_active`` while a run that learns from one of them is going on.
        """
        running = [run.id for run in self.runs.trainers.adopt()]
        return erase(self._database, row_ids, self.data, running=running)

    def check_database(self) -> str:
        """``ok``, or what is wrong with the database."""
        with self._database.read() as connection:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])

    def close(self) -> None:
        """Give the engine's memory back."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
