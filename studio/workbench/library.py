"""The datasets of a data folder: all of them, one by one, and how large each is."""

from dataclasses import asdict, dataclass
from typing import Any

from studio.store.data_folder import DataFolder
from studio.store.datasets import Dataset, Datasets
from studio.store.row_values import Counts
from studio.store.rows import Rows
from studio.store.runs import Runs
from studio.store.versions import Versions
from studio.workbench.engine_room import EngineRoom
from studio.workbench.models import ModelService

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Library:
    """Datasets, named by id or name. The other parts of the row service build on it."""

    data: DataFolder
    datasets: Datasets
    rows: Rows
    versions: Versions
    index: Runs
    engine: EngineRoom
    models: ModelService

    def all(self) -> list[Json]:
        """All living datasets, as :meth:`show`."""
        return [self._shown(home) for home in self.datasets.list()]

    def show(self, dataset: str) -> Json:
        """Name, version and counts of a dataset."""
        return self._shown(self.datasets.get(dataset))

    def create(self, name: str) -> Json:
        """A new, empty dataset; raises UserMistake for a name that is taken or none."""
        return self._shown(self.datasets.create(name))

    def rename(self, dataset: str, name: str) -> Json:
        """Give a dataset another name."""
        return self._shown(self.datasets.rename(dataset, name))

    def discard(self, dataset: str) -> Json:
        """Put a dataset with all its rows into the trash; its name is free again."""
        return self._shown(self.datasets.trash(dataset))

    def discarded(self) -> list[Json]:
        """The datasets in the trash that still hold rows, as :meth:`show`."""
        shown = [self._shown(home) for home in self.datasets.list(trashed=True)]
        return [one for one in shown if one["rows"] or one["trashed"]]

    def bring_back(self, dataset: str) -> Json:
        """Take a dataset out of the trash; raises UserMistake if its name has been taken."""
        return self._shown(self.datasets.restore(dataset))

    def versions_of(self, dataset: str) -> list[Json]:
        """The versions that were written down, latest first."""
        home = self.datasets.get(dataset)
        return [asdict(v) | {"dataset": home.name} for v in self.versions.list(home.id)]

    def _shown(self, home: Dataset) -> Json:
        name = {"dataset": home.name, "id": home.id, "version": self.versions.current(home.id)}
        return name | counts_json(self.rows.counts(home.id))


def counts_json(counts: Counts) -> Json:
    """``{"rows", "status": {}, "split": {}, "trashed"}``."""
    return {
        "rows": counts.total,
        "status": {status.value: number for status, number in counts.status.items()},
        "split": {split.value: number for split, number in counts.split.items()},
        "trashed": counts.trashed,
    }
