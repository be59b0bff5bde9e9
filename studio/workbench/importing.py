"""Rows in and out by file, and what to look at before they are shared or learned."""

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from studio.core.errors import UserMistake
from studio.core.rows import NewRow, Row, Status
from studio.data import exporting, importing
from studio.data.checks import Finding, check
from studio.data.exporting import Choice
from studio.data.reading import Reading, Skip
from studio.store.atomic import write_bytes
from studio.store.exports import list_rows
from studio.workbench.findings import PRIVACY, shown
from studio.workbench.library import Library
from studio.workbench.models import Told, unheard

Json = dict[str, Any]

SHOWN_ROWS, SHOWN_SKIPS, SHOWN_FINDINGS = 10, 200, 200
_SHOWN_TEXT = 1000
"""Characters of one text in a preview."""

_STRIDE = 500
"""Rows between two signs of progress."""


class Transfer(Library):
    """Files to rows and rows to files."""

    __slots__ = ()

    def preview(self, file: Path, mapping: Mapping[str, str] | None = None) -> Json:
        """How ``file`` would be imported: its first rows, and what would not come in and why.

        Nothing is stored. ``mapping`` says ``{field: column}`` where the guess is wrong.
        """
        reading = importing.read(file, mapping=mapping)
        return {
            **_understood(reading),
            "status": _statuses(reading.rows),
            "container": reading.container,
            "columns": list(reading.columns),
            "good": len(reading.rows),
            "skipped": [_skipped(skip) for skip in reading.skipped[:SHOWN_SKIPS]],
            "skipped_count": len(reading.skipped),
            "reasons": dict(Counter(skip.reason for skip in reading.skipped)),
            "rows": [_previewed(row) for row in reading.rows[:SHOWN_ROWS]],
        }

    def import_file(
        self,
        file: Path,
        dataset: str,
        *,
        mapping: Mapping[str, str] | None = None,
        drafts: bool = False,
        told: Told = unheard,
    ) -> Json:
        """Append the good rows of ``file`` to ``dataset``, made if new: all of them or none.

        ``drafts`` leaves them to be reviewed. Whatever ``told`` raises ends the import without a
        trace. Returns ``{"dataset", "version", "imported", "first", "skipped", "mapping", ...}``:
        ``first`` is the number of the first of these rows, ``findings`` the first ones of
        :data:`PRIVACY` in them; reasons are errors as JSON. Raises UserMistake
        ``data.no_good_row`` with the first reason where not one row is good.
        """

        def read(done: int, total: int) -> None:
            told({"step": "read", "done": done, "total": total, "unit": "characters"})

        reading = importing.read(file, mapping=mapping, progress=read)
        if not reading.rows:
            raise _nothing_good(reading, file.name)
        drafted = [_named(row, file, drafts) for row in reading.rows]
        found = _looked_through(drafted, told)
        # The last word is told before all is saved: after that, nothing is cancelled any more.
        key = secrets.token_hex(16)
        home, outcome = self.rows.take_in(dataset, _counted(drafted, "store", told), key=key)
        first = self.rows.place(outcome.ids[0])[1].number
        return {
            "dataset": home.name,
            "version": self.versions.write_down(home.id).version,
            "imported": len(drafted),
            "first": first,
            "skipped": [_skipped(skip) for skip in reading.skipped],
            **_understood(reading),
            "status": _statuses(drafted),
            "findings": _placed(found[:SHOWN_FINDINGS], drafted, outcome.ids, first),
            "findings_count": len(found),
        }

    def findings(
        self, dataset: str, *, first: int = 1, checks: Sequence[str] = PRIVACY
    ) -> list[Json]:
        """What ``checks`` find in the living rows from number ``first`` on, with the text around.

        ``[{"check", "row", "number", "part", "turn", "before", "found", "after"}]``.
        """
        rows = self.rows.living(self.datasets.get(dataset).id)
        numbered = {row.id: (number, row) for number, row in enumerate(rows, 1)}
        found = []
        for finding in check(rows[first - 1 :], checks):
            number, row = numbered[finding.row]
            found.append(shown(finding, row.body, number))
        return found

    def formats(self, dataset: str) -> list[Json]:
        """``[{"format", "suffix", "lossy", "problem"}]``: what the rows can be written as.

        ``problem`` is an error as JSON where the format would lose something of them.
        """
        rows = self.rows.living(self.datasets.get(dataset).id)
        return [_choice(choice) for choice in exporting.choices(rows)]

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


def _looked_through(drafts: Sequence[NewRow], told: Told) -> list[Finding]:
    """What :data:`PRIVACY` finds in rows that have no id yet: their places stand for it."""
    found: list[Finding] = []
    for at, draft in enumerate(_counted(drafts, "check", told)):
        found += check([Row(str(at), "", at, draft.body)], PRIVACY)
    return found


def _placed(
    findings: Sequence[Finding], drafts: Sequence[NewRow], ids: Sequence[str], first: int
) -> list[Json]:
    """Findings in drafts that are rows now, by their ids; ``first`` is the number of the first."""
    found = []
    for finding in findings:
        at = int(finding.row)
        placed = replace(finding, row=ids[at])
        found.append(shown(placed, drafts[at].body, first + at))
    return found


def _named(row: NewRow, file: Path, drafts: bool) -> NewRow:
    status = Status.DRAFT if drafts and row.status is Status.READY else row.status
    return replace(row, source=row.source or file.name, status=status)


def _counted(rows: Sequence[NewRow], step: str, told: Told) -> Iterator[NewRow]:
    """``rows``, telling now and then how many have been taken."""
    for done, row in enumerate(rows):
        if done % _STRIDE == 0:
            told({"step": step, "done": done, "total": len(rows), "unit": "rows"})
        yield row
    told({"step": step, "done": len(rows), "total": len(rows), "unit": "rows"})


def _understood(reading: Reading) -> Json:
    return {
        "mapping": dict(reading.mapping),
        "format": reading.format,
        "encoding": reading.encoding,
        "ignored": list(reading.ignored),
        "unknown": {field: dict(words) for field, words in reading.unknown.items()},
    }


def _statuses(rows: Sequence[NewRow]) -> dict[str, int]:
    """How many of ``rows`` have each status, also those that none has."""
    counts = Counter(row.status for row in rows)
    return {status.value: counts[status] for status in Status}


def _skipped(skip: Skip) -> Json:
    reason = UserMistake(skip.reason, **skip.facts).as_json()
    return {"row": skip.row, "column": skip.column, "reason": reason}


def _nothing_good(reading: Reading, name: str) -> UserMistake:
    rows, first = len(reading.skipped), _skipped(reading.skipped[0])
    return UserMistake(
        "data.no_good_row",
        name=name,
        rows=rows,
        row=first["row"],
        column=first["column"],
        reason=first["reason"],
    )


def _previewed(row: NewRow) -> Json:
    body = row.body
    return {
        "system": body.system[:_SHOWN_TEXT],
        "prompt": body.prompt[:_SHOWN_TEXT],
        "response": body.response[:_SHOWN_TEXT],
        "turns": len(body.messages),
        "status": row.status.value,
        "tags": list(row.tags),
    }


def _choice(choice: Choice) -> Json:
    problem = None if choice.problem is None else choice.problem.as_json()
    return {
        "format": choice.format,
        "suffix": choice.suffix,
        "lossy": list(choice.lossy),
        "problem": problem,
    }
