"""A file to new rows, whole: which rows are good, and why each of the others is not.

Nothing is stored here. That good rows go in together or not at all is the store's transaction.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path

from studio.core.errors import UserMistake
from studio.core.rows import NewRow
from studio.data.containers import Container, Record, choose
from studio.data.layout import Layout, lay_out
from studio.data.reading import Reading, Skip
from studio.data.text import decode

Progress = Callable[[int, int], None]
"""Called with characters read and characters in all; whatever it raises ends the reading."""

LARGEST_FILE = 2**30
"""Bytes of the largest file that is read."""
LARGEST_CELL = 10_000_000
"""Characters of the longest text in one cell."""

_HEAD = 1000  # records whose columns decide the layout
_STRIDE = 500  # records between two calls of progress
_WORDS = 20  # unknown words of one field that are named


def read(
    source: Path | bytes,
    name: str = "",
    *,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Reading:
    """Read every row of ``source``; ``mapping`` says ``{field: column}`` where a guess is wrong.

    ``name`` is the file's name where ``source`` is its bytes. Raises UserMistake where the file as
    a whole cannot be read: no text, no known container, no column to learn from, no row at all.
    """
    return _read(source, name, mapping or {}, progress, None)


def preview(
    source: Path | bytes,
    name: str = "",
    *,
    mapping: Mapping[str, str] | None = None,
    limit: int = 10,
) -> Reading:
    """The first ``limit`` rows as :func:`read` would give them, to check the mapping by eye."""
    return _read(source, name, mapping or {}, None, limit)


def _read(
    source: Path | bytes,
    name: str,
    mapping: Mapping[str, str],
    progress: Progress | None,
    limit: int | None,
) -> Reading:
    decoded = decode(_load(source) if isinstance(source, Path) else source)
    container = choose(source.name if isinstance(source, Path) else name, decoded.text)
    records = container.records(decoded.text)
    head = list(islice(records, _HEAD))
    layout = _lay_out(head, mapping, container)
    rows: list[NewRow] = []
    skipped: list[Skip] = []
    unknown: Counter[tuple[str, str]] = Counter()
    told = _told(islice(chain(head, records), limit), len(decoded.text), progress)
    known = set(layout.columns)
    for record, length in told:
        if not record.columns.keys() <= known:
            layout = layout.widened(record.columns)
            known.update(record.columns)
        if record.skip is not None:
            skipped.append(record.skip)
            continue
        try:
            _refuse_huge(record, length)
            rows.append(layout.row(record.columns))
            unknown.update(layout.unknown(record.columns))
        except UserMistake as mistake:
            facts = mistake.facts
            skipped.append(Skip(record.row, facts["column"], mistake.key, facts))
    return Reading(
        format=layout.format,
        container=container.id,
        encoding=decoded.encoding,
        columns=tuple(layout.columns),
        mapping={field: column for field, column in layout.mapping.items() if column},
        ignored=layout.ignored,
        rows=tuple(rows),
        skipped=tuple(skipped),
        unknown=_by_field(unknown),
    )


def _by_field(words: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Counts of ``(field, word)`` as those of each field, the most frequent words of it."""
    fields: dict[str, dict[str, int]] = {}
    for (field, word), count in words.most_common():
        counts = fields.setdefault(field, {})
        if len(counts) < _WORDS:
            counts[word] = count
    return fields


def _load(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise UserMistake("data.large_file", name=path.name, gib=LARGEST_FILE // 2**30)
        return path.read_bytes()
    except FileNotFoundError:
        raise UserMistake("data.no_file", name=str(path)) from None
    except OSError as error:
        raise UserMistake("data.closed_file", name=str(path), cause=str(error.strerror)) from None


def _lay_out(head: list[Record], mapping: Mapping[str, str], container: Container) -> Layout:
    if not head:
        raise UserMistake("data.no_rows")
    columns = dict.fromkeys(column for record in head for column in record.columns)
    if not columns and head[0].skip is not None:  # not one can be read: say why of the first
        raise UserMistake(head[0].skip.reason, **head[0].skip.facts)
    return lay_out(columns, mapping, nested=container.nested)


def _told(
    records: Iterator[Record], total: int, progress: Progress | None
) -> Iterator[tuple[Record, int]]:
    """``records`` with the length of each in characters, telling ``progress`` now and then."""
    end = 0
    for count, record in enumerate(records):
        if progress is not None and count % _STRIDE == 0:
            progress(record.end, total)
        yield record, record.end - end
        end = record.end
    if progress is not None:
        progress(total, total)


def _refuse_huge(record: Record, length: int) -> None:
    if length <= LARGEST_CELL:
        return
    for column, value in record.columns.items():
        if _longest(value) > LARGEST_CELL:
            raise UserMistake("data.large_cell", column=column, most=LARGEST_CELL)


def _longest(value: object) -> int:
    """The length of the longest text anywhere inside ``value``."""
    match value:
        case str():
            return len(value)
        case list() | tuple():
            return max(map(_longest, value), default=0)
        case dict():
            return max(map(_longest, value.values()), default=0)
    return 0
