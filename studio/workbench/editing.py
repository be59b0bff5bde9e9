"""Rows, one and many: looking through them, writing, throwing away, taking back."""

from typing import Any

from studio.core.errors import UserMistake
from studio.core.rows import Body, NewRow, Row, lesson_problem
from studio.store.row_values import Outcome, Past, Place
from studio.workbench.library import Library, counts_json
from studio.workbench.wishes import read_change, read_query, read_status

Json = dict[str, Any]

BRIEF = 160
"""Characters of a question or an answer in a list."""


class Editing(Library):
    """What can be done to rows. What has returned is saved.

    ``key`` names one wish of one page: sent again, it is not done twice.
    """

    __slots__ = ()

    def page(
        self,
        dataset: str,
        *,
        search: str = "",
        status: str = "",
        split: str = "",
        sort: str = "position",
        offset: int = 0,
        limit: int = 50,
        trashed: bool = False,
    ) -> Json:
        """A stretch of the rows that are asked for, with counts and what can be taken back.

        ``{"rows": [brief], "total", "counts", "can_undo", "can_redo", "mark"}``.
        """
        query = read_query(
            search=search,
            status=status,
            split=split,
            sort=sort,
            offset=offset,
            limit=limit,
            trashed=trashed,
        )
        found = self.rows.listing(self.datasets.get(dataset).id, query)
        pairs = zip(found.page.rows, found.numbers, strict=True)
        return {
            "rows": [_brief(row, number) for row, number in pairs],
            "total": found.page.total,
            "counts": counts_json(found.counts),
            "can_undo": found.can_undo,
            "can_redo": found.can_redo,
            "mark": found.mark,
        }

    def row(self, id: str) -> Json:
        """All of one row, also of one in the trash."""
        return _row(*self.rows.place(id))

    def save(self, id: str, change: Json, *, revision: int, key: str) -> Json:
        """Change a row that was read at ``revision``; returns it with what else that did.

        Raises UserMistake for a change that is none, Refusal ``rows.changed_elsewhere`` with the
        fields as they stand (``theirs``) and as they were to be (``yours``).
        """
        saved = self.rows.save(id, read_change(change), revision=revision, key=key)
        return _row(saved.row, self.rows.place(id)[1]) | _besides(saved.outcome)

    def add(self, dataset: str, *, key: str, body: Json | None = None) -> Json:
        """Append a draft, empty or with ``body``; returns the row."""
        home = self.datasets.get(dataset)
        draft = NewRow(Body.pair("", "") if body is None else Body.from_json(body))
        return self._made(self.rows.add(home.id, [draft], key=key))

    def duplicate(self, id: str, *, key: str) -> Json:
        """Append a copy of a row, as a draft; returns the copy."""
        return self._made(self.rows.duplicate(id, key=key))

    def set_status(self, ids: list[str], status: str) -> Json:
        """Give living rows of one dataset a status."""
        return _outcome(self.rows.set_status(ids, read_status(status)))

    def trash(self, ids: list[str]) -> Json:
        """Put rows of one dataset into the trash."""
        return _outcome(self.rows.trash(ids))

    def restore(self, ids: list[str]) -> Json:
        """Take rows of one dataset out of the trash, each to its old place."""
        return _outcome(self.rows.restore(ids))

    def undo(self, dataset: str, *, key: str) -> Json:
        """Take back what was done last; raises UserMistake ``rows.nothing_to_undo``."""
        return _outcome(self.rows.undo(self.datasets.get(dataset).id, key=key))

    def redo(self, dataset: str, *, key: str) -> Json:
        """Do again what was taken back last; raises UserMistake ``rows.nothing_to_redo``."""
        return _outcome(self.rows.redo(self.datasets.get(dataset).id, key=key))

    def history(self, id: str) -> list[Json]:
        """All that happened to a row, oldest first, each with the row as it then became."""
        number = self.rows.place(id)[1].number
        return [_past(past, number) for past in self.rows.history(id)]

    def learned_by(self, ids: list[str]) -> list[Json]:
        """The runs that learned from any of these rows, as ``{"run", "name"}``."""
        return [{"run": run.id, "name": run.name} for run in self.index.taught_by(ids)]

    def _made(self, outcome: Outcome) -> Json:
        """The row that was made; a wish that comes again may find it erased meanwhile."""
        if not outcome.ids:
            raise UserMistake("rows.unknown", row="–")
        return self.row(outcome.ids[0])


def _row(row: Row, place: Place) -> Json:
    return {
        "id": row.id,
        "dataset": row.dataset,
        "number": place.number,
        "revision": row.revision,
        "status": row.status.value,
        "split": row.split.value,
        "kind": row.body.kind.value,
        "body": row.body.as_json(),
        "notes": row.notes,
        "tags": list(row.tags),
        "source": row.source,
        "author": row.author,
        "trashed": place.trashed,
        "problem": lesson_problem(row.body),
    }


def _brief(row: Row, number: int) -> Json:
    return {
        "id": row.id,
        "number": number,
        "prompt": row.body.prompt[:BRIEF],
        "response": row.body.response[:BRIEF],
        "status": row.status.value,
        "split": row.split.value,
        "kind": row.body.kind.value,
        "turns": len(row.body.messages),
        "tags": list(row.tags),
        "revision": row.revision,
    }


def _past(past: Past, number: int) -> Json:
    return {
        "kind": past.kind,
        "author": past.author,
        "at": past.at,
        "row": _row(past.row, Place(number, past.trashed)),
        "trashed": past.trashed,
        "followed": past.followed,
    }


def _outcome(outcome: Outcome) -> Json:
    return {"kind": outcome.kind, "ids": list(outcome.ids)} | _besides(outcome)


def _besides(outcome: Outcome) -> Json:
    """How many near-duplicates moved along, and how many of these left the exam."""
    return {"moved": len(outcome.moved), "freed": len(outcome.freed)}
