"""What a model would learn from rows, in its own word pieces. Asks the engine, and waits for it."""

from collections.abc import Iterator
from typing import Any

from studio.core.errors import UserMistake, from_json
from studio.core.recipe import Training
from studio.core.rows import Body
from studio.workbench.library import Library

Json = dict[str, Any]

PORTION = 2000
"""Rows that are encoded in one request to the engine."""


class Lessons(Library):
    """Rows and texts as word pieces."""

    __slots__ = ()

    def tokens(
        self, model: str, dataset: str, *, row: str | None = None, max_length: int | None = None
    ) -> Iterator[Json]:
        """For each row what a run with this ``max_length`` would learn of it.

        ``{"row", "tokens", "trained", "stop_trained"}``, and the ``reason`` where it is left out.
        """
        longest = Training.read({"max_length": max_length}).max_length
        home = self.datasets.get(dataset)
        rows = (self.rows.get(row),) if row else self.rows.living(home.id)
        if any(found.dataset != home.id for found in rows):
            raise UserMistake("rows.not_in_dataset", row=row, dataset=home.name)
        folder = self.models.need(model).folder
        for start in range(0, len(rows), PORTION):
            portion = rows[start : start + PORTION]
            asked = [{"row": found.id, "body": found.body.as_json()} for found in portion]
            yield from self._asked(folder, asked, longest)

    def learned(self, model: str, body: Json, *, max_length: int | None = None) -> Json:
        """What a known model would learn from ``body``, saved or not, by the trainer's own labels.

        ``{"tokens": [{"text", "role"}], "trained", "stop_trained"}``; raises why it would not.
        """
        asked = [{"row": "", "body": Body.from_json(body).as_json()}]
        longest = Training.read({"max_length": max_length}).max_length
        (answer,) = self._asked(self._folder(model), asked, longest)
        if "reason" in answer:
            raise from_json(answer["reason"])
        return {name: answer[name] for name in ("tokens", "trained", "stop_trained")}

    def count(self, model: str, texts: list[str]) -> list[int]:
        """How many word pieces of a known model each of ``texts`` makes by itself."""
        counts: list[int] = self.engine.call("count", folder=self._folder(model), texts=texts)
        return counts

    def _asked(self, folder: str, rows: list[Json], max_length: int | None) -> Iterator[Json]:
        asked = {"folder": folder, "rows": rows, "max_length": max_length}
        with self.engine.stream("tokens", cache=str(self.data.sheets), **asked) as answer:
            yield from answer

    def _folder(self, model: str) -> str:
        """Where a model lies that is known already: nothing is fetched while someone types."""
        return self.models.index.get(model).folder
