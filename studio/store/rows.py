"""The rows of all datasets: add, save, trash, undo, search. Knows nothing of files and runs.

What has returned is on the disk. Each change is one operation that can be undone as a whole, and
near-duplicates stay in one split throughout. A ``key`` names one wish: if it arrives again,
because an answer was lost on its way, it is not done twice but answered as the first time.
"""

from collections.abc import Iterable, Sequence

from studio.core.rows import NewRow, Row, Status
from studio.store import row_changes, row_reading, undo
from studio.store.database import Database
from studio.store.datasets import Dataset, find_or_create
from studio.store.edits import Operate, Stamp, once, outcome_of
from studio.store.row_values import (
    Change,
    Counts,
    Listing,
    Outcome,
    Page,
    Past,
    Place,
    Query,
    Saved,
)


class Rows:
    """Rows by their ids, datasets by theirs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, dataset: str, drafts: Iterable[NewRow], *, key: str, author: str = "") -> Outcome:
        """Append rows, all or none: an error that ``drafts`` raises leaves nothing behind."""
        stamp = self._stamp(author)
        return self._once(key, dataset, lambda c: row_changes.append(c, dataset, drafts, stamp))

    def take_in(
        self, name: str, drafts: Iterable[NewRow], *, key: str, author: str = ""
    ) -> tuple[Dataset, Outcome]:
        """Append rows to the dataset of that name, made if new: all or nothing, as :meth:`add`."""
        stamp = self._stamp(author)
        with self._database.write() as connection:
            home = find_or_create(connection, name, stamp.at)
            operation = once(
                connection, key, home.id, lambda c: row_changes.append(c, home.id, drafts, stamp)
            )
            return home, outcome_of(connection, operation)

    def save(
        self, row_id: str, change: Change, *, revision: int, key: str, author: str = ""
    ) -> Saved:
        """Change a row that was read at ``revision``.

        If it has been changed since, raises Refusal ``rows.changed_elsewhere`` with the fields in
        question as they stand (``theirs``) and as they were to be (``yours``).
        """
        stamp = self._stamp(author)
        with self._database.write() as connection:
            operation = once(
                connection,
                key,
                row_id,
                lambda c: row_changes.save(c, row_id, change, revision, stamp),
            )
            row = row_reading.row_after(connection, row_id, operation)
            return Saved(row, outcome_of(connection, operation))

    def duplicate(self, row_id: str, *, key: str, author: str = "") -> Outcome:
        """Append a copy of a row, as a draft."""
        stamp = self._stamp(author)
        return self._once(key, row_id, lambda c: row_changes.duplicate(c, row_id, stamp))

    def set_status(self, row_ids: Sequence[str], status: Status, *, author: str = "") -> Outcome:
        """Give living rows of one dataset a status."""
        return self._sweep(row_ids, row_changes.STATUS[status], author)

    def trash(self, row_ids: Sequence[str], *, author: str = "") -> Outcome:
        """Put rows of one dataset into the trash."""
        return self._sweep(row_ids, row_changes.TRASH, author)

    def restore(self, row_ids: Sequence[str], *, author: str = "") -> Outcome:
        """Take rows of one dataset out of the trash, each to its old place."""
        return self._sweep(row_ids, row_changes.RESTORE, author)

    def undo(self, dataset: str, *, key: str | None = None, author: str = "") -> Outcome:
        """Take back the last operation; added rows go to the trash.

        Raises UserMistake ``rows.nothing_to_undo``.
        """
        stamp = self._stamp(author)
        return self._once(key, dataset, lambda c: undo.undo(c, dataset, stamp))

    def redo(self, dataset: str, *, key: str | None = None, author: str = "") -> Outcome:
        """Do again what was undone last, unless something was changed since.

        Raises UserMistake ``rows.nothing_to_redo``.
        """
        stamp = self._stamp(author)
        return self._once(key, dataset, lambda c: undo.redo(c, dataset, stamp))

    def get(self, row_id: str) -> Row:
        """A row, also one in the trash; raises UserMistake ``rows.unknown``."""
        with self._database.read() as connection:
            return row_reading.row_of(connection, row_id)

    def page(self, dataset: str, query: Query) -> Page:
        """A stretch of the rows that ``query`` finds."""
        with self._database.read() as connection:
            return row_reading.page_of(connection, dataset, query)

    def listing(self, dataset: str, query: Query) -> Listing:
        """The same with all that stands around it on a page, as of one moment."""
        with self._database.read() as connection:
            return row_reading.listing_of(connection, dataset, query)

    def place(self, row_id: str) -> tuple[Row, Place]:
        """A row, also from the trash, and where it stands; raises UserMistake ``rows.unknown``."""
        with self._database.read() as connection:
            return row_reading.place_of(connection, row_id)

    def mark(self, dataset: str) -> int:
        """The number of the last operation on a dataset, 0 without any."""
        with self._database.read() as connection:
            return row_reading.last_operation(connection, dataset)

    def living(self, dataset: str) -> tuple[Row, ...]:
        """All rows but those in the trash, in their order and as of one moment."""
        with self._database.read() as connection:
            return row_reading.living_rows(connection, dataset)

    def ids(self, dataset: str) -> tuple[str, ...]:
        """The ids of all rows, also of those in the trash, in their order."""
        with self._database.read() as connection:
            return row_reading.row_ids(connection, dataset)

    def ready(self, dataset: str) -> tuple[Row, ...]:
        """The rows that may train, in their order."""
        with self._database.read() as connection:
            return row_reading.ready_rows(connection, dataset)

    def counts(self, dataset: str) -> Counts:
        """How many rows there are of each status and split."""
        with self._database.read() as connection:
            return row_reading.counts_of(connection, dataset)

    def history(self, row_id: str) -> tuple[Past, ...]:
        """All that happened to a row, oldest first."""
        with self._database.read() as connection:
            return row_reading.history_of(connection, row_id)

    def _stamp(self, author: str) -> Stamp:
        return Stamp(author, self._database.now())

    def _sweep(self, row_ids: Sequence[str], how: row_changes.Sweep, author: str) -> Outcome:
        if not row_ids:
            return Outcome("nothing")
        with self._database.write() as connection:
            operation = row_changes.sweep(connection, row_ids, how, self._stamp(author))
            return outcome_of(connection, operation)

    def _once(self, key: str | None, target: str, operate: Operate) -> Outcome:
        with self._database.write() as connection:
            return outcome_of(connection, once(connection, key, target, operate))
