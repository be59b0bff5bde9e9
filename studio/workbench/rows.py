"""Datasets and their rows: in and out by file, their versions, and their word pieces."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from studio.core.errors import UserMistake
from studio.data import exporting, importing
from studio.data.reading import Skip
from studio.store.atomic import write_bytes
from studio.store.data_folder import DataFolder
from studio.store.datasets import Dataset, Datasets
from studio.store.exports import list_rows
from studio.store.rows import Rows
from studio.store.versions import Versions
from studio.workbench.engine_room import EngineRoom
from studio.workbench.models import ModelService

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowService:
    """The datasets of a data folder."""

    data: DataFolder
    datasets: Datasets
    rows: Rows
    versions: Versions
    engine: EngineRoom
    models: ModelService

    def import_file(
        self, file: Path, dataset: str, *, mapping: Mapping[str, str] | None = None
    ) -> Json:
        """Append the good rows of ``file`` to ``dataset``, made if new: all of them or none.

        Returns ``{"dataset", "version", "imported", "skipped", "mapping", ...}``; the reasons of
        skipped rows are errors as JSON.
        """
        reading = importing.read(file, mapping=mapping)
        home = self._home(dataset)
        drafts = [replace(row, source=row.source or file.name) for row in reading.rows]
        if drafts:
            self.rows.add(home.id, drafts, key=secrets.token_hex(16))
        return {
            "dataset": home.name,
            "version": self.versions.pin(home.id).version.version,
            "imported": len(drafts),
            "skipped": [_skipped(skip) for skip in reading.skipped],
            "mapping": dict(reading.mapping),
            "format": reading.format,
            "encoding": reading.encoding,
            "ignored": list(reading.ignored),
        }

    def export_file(self, dataset: str, file: Path, *, format: str = "") -> Json:
        """Write all living rows of ``dataset`` to ``file``."""
        home = self.datasets.get(dataset)
        rows = tuple(self.rows.living(home.id))
        if file.resolve().is_relative_to(self.data.exports):
            list_rows(file, [row.id for row in rows])
        written = exporting.export(rows, file, format, save=write_bytes)
        return asdict(written) | {"path": str(written.path), "lossy": list(written.lossy)}

    def all(self) -> list[Json]:
        """All living datasets, as :meth:`show`."""
        return [self._shown(home) for home in self.datasets.list()]

    def show(self, dataset: str) -> Json:
        """Name, version and counts of a dataset."""
        return self._shown(self.datasets.get(dataset))

    def versions_of(self, dataset: str) -> list[Json]:
        """The versions that were written down, latest first."""
        home = self.datasets.get(dataset)
        return [asdict(version) for version in self.versions.list(home.id)]

    def tokens(self, model: str, dataset: str, *, row: str | None = None) -> Iterator[Json]:
        """For each row what the model would learn: ``{"row", "tokens", "trained", ...}``."""
        home = self.datasets.get(dataset)
        rows = (self.rows.get(row),) if row else tuple(self.rows.living(home.id))
        if any(found.dataset != home.id for found in rows):
            raise UserMistake("rows.not_in_dataset", row=row, dataset=home.name)
        entry = self.models.need(model)
        asked = [{"row": found.id, "body": found.body.as_json()} for found in rows]
        limit = self.models.sheet(entry.id).context or None
        yield from self.engine.stream("tokens", folder=entry.folder, rows=asked, limit=limit)

    def _home(self, dataset: str) -> Dataset:
        try:
            return self.datasets.get(dataset)
        except UserMistake as unknown:
            if unknown.key != "datasets.unknown":
                raise
        return self.datasets.create(dataset)

    def _shown(self, home: Dataset) -> Json:
        counts = self.rows.counts(home.id)
        return {
            "dataset": home.name,
            "id": home.id,
            "version": self.versions.current(home.id),
            "rows": counts.total,
            "status": {status.value: number for status, number in counts.status.items()},
            "split": {split.value: number for split, number in counts.split.items()},
            "trashed": counts.trashed,
        }


def _skipped(skip: Skip) -> Json:
    reason = UserMistake(skip.reason, **skip.facts).as_json()
    return {"row": skip.row, "column": skip.column, "reason": reason}
