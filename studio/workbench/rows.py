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

_PORTION = 2000
"""Rows that are encoded in one request to the engine."""


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
        """Write all living rows of ``dataset`` to ``file``; returns what was written, and how.

        Raises UserMistake where nothing can be written, Refusal for what the format would lose.
        """
        home = self.datasets.get(dataset)
        rows = self.rows.living(home.id)

        def save(path: Path, data: bytes) -> None:
            if path.resolve().is_relative_to(self.data.exports.resolve()):
                list_rows(path, [row.id for row in rows])
            write_bytes(path, data)

        try:
            written = exporting.export(rows, file.expanduser(), format, save=save)
        except OSError as error:
            cause = str(error.strerror)
            raise UserMistake("data.unwritable_file", name=str(file), cause=cause) from error
        return asdict(written) | {"dataset": home.name, "path": str(written.path)}

    def all(self) -> list[Json]:
        """All living datasets, as :meth:`show`."""
        return [self._shown(home) for home in self.datasets.list()]

    def show(self, dataset: str) -> Json:
        """Name, version and counts of a dataset."""
        return self._shown(self.datasets.get(dataset))

    def versions_of(self, dataset: str) -> list[Json]:
        """The versions that were written down, latest first."""
        home = self.datasets.get(dataset)
        return [asdict(v) | {"dataset": home.name} for v in self.versions.list(home.id)]

    def tokens(self, model: str, dataset: str, *, row: str | None = None) -> Iterator[Json]:
        """For each row what the model would learn: ``{"row", "tokens", "trained", ...}``."""
        home = self.datasets.get(dataset)
        rows = (self.rows.get(row),) if row else self.rows.living(home.id)
        if any(found.dataset != home.id for found in rows):
            raise UserMistake("rows.not_in_dataset", row=row, dataset=home.name)
        folder, cache = self.models.need(model).folder, str(self.data.sheets)
        for start in range(0, len(rows), _PORTION):
            portion = rows[start : start + _PORTION]
            asked = [{"row": found.id, "body": found.body.as_json()} for found in portion]
            yield from self.engine.stream("tokens", folder=folder, cache=cache, rows=asked)

    def _home(self, dataset: str) -> Dataset:
        """The dataset of that name, made if new; someone else may make it meanwhile."""
        for attempt in (self.datasets.get, self.datasets.create):
            try:
                return attempt(dataset)
            except UserMistake as mistake:
                if mistake.key not in ("datasets.unknown", "datasets.name_taken"):
                    raise
        return self.datasets.get(dataset)

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
