"""Tables in text: CSV with comma or semicolon, TSV, and the CSV that is meant for Excel.

Cells go through verbatim. Only the Excel variant changes any: Excel runs a cell that begins with
``=``, ``+``, ``-`` or ``@`` as a formula, so such a cell gets an apostrophe in front there, and
the last column names the columns where this was done, so that reading takes it away again.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TextIO

from studio.core.errors import UserMistake
from studio.data.containers.container import Lines, Record, skipped
from studio.data.mapping import guess, listed

ESCAPED = "escaped_columns"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")
_EXCEL_CELL = 32_767
_DELIMITERS = (",", ";", "\t")
_SAMPLE, _LOOKED_AT = 64 * 1024, 20
_LONGEST_HEADER = 40
# Signs that would part one tag in two, or make a list of it.
_UNSAFE_TAG = re.compile(r"[,;|，；、\[]|^$")


class Table:
    """Rows of cells under a header. Reading takes whichever delimiter the text uses."""

    encoding = "utf-8-sig"  # Excel reads Chinese only behind this mark
    nested = False
    default_format = "pairs"

    def __init__(self, id: str, suffixes: tuple[str, ...], delimiter: str = ",") -> None:
        self.id, self.suffixes, self._delimiter = id, suffixes, delimiter

    def sniff(self, text: str) -> bool:
        """Whether its first line names a question and an answer, and the next is as wide."""
        head = _head(text, _delimiter_of(text))[:2]
        header = head[0] if head else []
        if len({len(row) for row in head}) > 1:
            return False
        if not all(0 < len(cell) <= _LONGEST_HEADER for cell in header):
            return False
        return {"prompt", "response"} <= guess(header).keys()

    def records(self, text: str) -> Iterator[Record]:
        # The standard limit of 131,072 characters is for the whole process; ours is by the cell.
        csv.field_size_limit(2**31 - 1)
        lines = Lines(text)
        rows = _rows(csv.reader(lines, delimiter=_delimiter_of(text), strict=True))
        header = _header(next(rows, (0, []))[1])
        for row, cells in rows:
            try:
                yield Record(row, lines.end, _record(header, cells))
            except UserMistake as mistake:
                yield skipped(row, lines.end, mistake)

    def refuses(self, record: dict[str, Any]) -> str | None:
        cells = list(map(_cell, record.values()))
        if any("\x00" in cell for cell in cells):
            return "data.lost_zero_bytes"
        if self.id == "excel" and any(len(cell) >= _EXCEL_CELL for cell in cells):
            return "data.lost_long_cell"
        return None

    def write(self, records: Sequence[dict[str, Any]], file: TextIO) -> None:
        columns = list(dict.fromkeys(column for record in records for column in record))
        if self.id == "excel":
            records, columns = list(map(_escape, records)), [*columns, ESCAPED]
        writer = csv.writer(file, delimiter=self._delimiter, lineterminator="\r\n")
        writer.writerow(columns)
        for record in records:
            writer.writerow([_cell(record.get(column)) for column in columns])


_Cells = list[str] | csv.Error


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, _Cells]]:
    """Rows with their numbers in a spreadsheet; empty ones count there, but hold nothing."""
    row = 0
    while True:
        row += 1
        try:
            cells: _Cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = error
        if isinstance(cells, csv.Error) or any(cells):
            yield row, cells


def _whole(cells: _Cells) -> list[str]:
    if isinstance(cells, csv.Error):
        open_ended = "end of data" in str(cells)
        raise UserMistake("data.open_quote" if open_ended else "data.stray_quote")
    return cells


def _header(cells: _Cells) -> tuple[str, ...]:
    """Column names; one without a name is known by its number."""
    names = [cell.strip() or f"#{place}" for place, cell in enumerate(_whole(cells), 1)]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise UserMistake("data.same_columns", columns=listed(twice))
    return tuple(names)


def _record(header: tuple[str, ...], cells: _Cells) -> dict[str, str | None]:
    """A cell for each column, None where the row ends before it."""
    whole = _whole(cells)
    if any(whole[len(header) :]):
        raise UserMistake("data.extra_cells", cells=len(whole), columns=len(header))
    record: dict[str, str | None] = dict.fromkeys(header) | dict(zip(header, whole, strict=False))
    for column in (record.pop(ESCAPED, "") or "").split():
        record[column] = (record.get(column) or "").removeprefix("'")
    return record


def _escape(record: dict[str, Any]) -> dict[str, str]:
    cells = {column: _cell(value) for column, value in record.items()}
    risky = [column for column, cell in cells.items() if cell.startswith(_FORMULA)]
    return cells | {column: "'" + cells[column] for column in risky} | {ESCAPED: " ".join(risky)}


def _cell(value: object) -> str:
    """A value as one cell: tags as words with commas where that can be read back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, list):
        return "" if value is None else str(value)
    plain = all(tag.strip() == tag and not _UNSAFE_TAG.search(tag) for tag in value)
    return ", ".join(value) if plain else json.dumps(value, ensure_ascii=False)


def _head(text: str, delimiter: str) -> list[list[str]]:
    """The first rows, read leniently; the last line of a cut sample may be half a line."""
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1]
    return list(islice(filter(any, csv.reader(Lines(sample), delimiter=delimiter)), _LOOKED_AT))


def _delimiter_of(text: str) -> str:
    """The delimiter under which most of the first rows are as wide as the header."""

    def agreement(delimiter: str) -> tuple[int, int]:
        rows = _head(text, delimiter)
        width = len(rows[0]) if rows else 0
        return (sum(len(row) == width for row in rows) if width > 1 else 0, width)

    return max(_DELIMITERS, key=agreement)


CSV = Table("csv", (".csv",))
TSV = Table("tsv", (".tsv", ".tab"), "\t")
EXCEL = Table("excel", ())
