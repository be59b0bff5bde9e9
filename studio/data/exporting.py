"""Rows to a file, in any format that can hold them; what it cannot hold is said, never dropped.

What people said of rows (notes, tags, …) is kept by the studio's own formats and named as lost by
the others, since it teaches nothing. Knows no disk: whoever calls brings what saves bytes.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core.errors import Refusal, StudioError, UserMistake, raise_all
from studio.core.rows import Row, Split, Status
from studio.data.containers import CONTAINERS, Container, named
from studio.data.formats import FORMATS, PLAIN, Feature, Format, features

Features = frozenset[Feature]
Save = Callable[[Path, bytes], object]
"""Makes a path hold these bytes, all or nothing."""

_NAMED_ROWS = 5


@dataclass(frozen=True, slots=True)
class Export:
    """What was written. ``lossy`` names what people said of rows that the format left out."""

    path: Path
    format: str
    container: str
    rows: int
    lossy: tuple[str, ...]


def export(rows: Iterable[Row], path: Path, format: str = "", *, save: Save) -> Export:
    """Write ``rows`` to ``path`` by ``save``.

    ``format`` is the id of a format or of a container; without it the suffix decides. Raises
    UserMistake for an unknown format or suffix, and Refusal naming the rows and what of them
    the format would lose.
    """
    written = tuple(rows)
    shape, container = _agree(format, path)
    records = _records(written, _found(written), shape, container)
    save(path, _bytes(records, container))
    lossy = () if shape.about else _unsaid(written)
    return Export(path, shape.id, container.id, len(written), lossy)


@dataclass(frozen=True, slots=True)
class Choice:
    """What :func:`export` may be asked for: ``format`` in a file of ``suffix``.

    ``lossy`` names what it leaves out; ``problem`` is None where it holds the rows.
    """

    format: str
    suffix: str
    lossy: tuple[str, ...] = ()
    problem: StudioError | None = None


def choices(rows: Iterable[Row]) -> tuple[Choice, ...]:
    """Every format in each of its containers, and whether it can hold these rows."""
    written = tuple(rows)
    found, unsaid = _found(written), _unsaid(written)
    return tuple(
        _choice(shape, container, _problem(written, found, shape, container), unsaid)
        for shape in FORMATS.values()
        for container in map(CONTAINERS.__getitem__, shape.containers)
    )


def _choice(
    shape: Format, container: Container, problem: StudioError | None, unsaid: tuple[str, ...]
) -> Choice:
    # One that has no suffix of its own is asked for by its name.
    named = (shape.id, container.suffixes[0]) if container.suffixes else (container.id, ".csv")
    return Choice(*named, () if problem or shape.about else unsaid, problem)


def _problem(
    rows: Sequence[Row], found: Sequence[Features], shape: Format, container: Container
) -> StudioError | None:
    """Why ``container`` in this shape cannot hold the rows, if it cannot."""
    try:
        _records(rows, found, shape, container)
    except StudioError as problem:
        return problem
    return None


def _agree(format: str, path: Path) -> tuple[Format, Container]:
    """The format and the container that ``format`` and the suffix of ``path`` ask for."""
    called = named(path.name)
    if format in CONTAINERS:
        container = CONTAINERS[format]
        return FORMATS[container.default_format], container
    if format and format not in FORMATS:
        known = ", ".join((*FORMATS, *CONTAINERS))
        raise UserMistake("data.unknown_format", format=format, formats=known)
    if not format and called is None:
        suffixes = ", ".join(suffix for c in CONTAINERS.values() for suffix in c.suffixes)
        raise UserMistake("data.unknown_suffix", name=path.name, suffixes=suffixes)
    shape = FORMATS[format or (called.default_format if called else "")]
    container = called or CONTAINERS[shape.containers[0]]
    if container.id not in shape.containers:
        fitting = ", ".join(s for c in shape.containers for s in CONTAINERS[c].suffixes)
        raise UserMistake("data.wrong_suffix", format=shape.id, suffixes=fitting)
    return shape, container


def _found(rows: Sequence[Row]) -> list[Features]:
    """What each row has beyond one question and its answer; formats differ in what they hold."""
    return [features(row.body) for row in rows]


def _records(
    rows: Sequence[Row], found: Sequence[Features], shape: Format, container: Container
) -> list[dict[str, Any]]:
    """One record a row; raises Refusal for what format or container would lose."""
    lost: dict[str, list[str]] = {}
    for row, had in zip(rows, found, strict=True):
        for feature in sorted(had - shape.holds):
            lost.setdefault(f"data.lost_{feature}", []).append(row.id)
        if shape.needs is not None and shape.needs not in had:
            lost.setdefault(f"data.needs_{shape.needs}", []).append(row.id)
    _refuse(lost, shape.id)
    plain = all(had <= PLAIN for had in found)
    records = [_record(row, shape, plain) for row in rows]
    for row, record in zip(rows, records, strict=True):
        if key := container.refuses(record):
            lost.setdefault(key, []).append(row.id)
    _refuse(lost, container.id)
    return records


def _refuse(lost: Mapping[str, Sequence[str]], format: str) -> None:
    problems: list[StudioError] = []
    for key, ids in lost.items():
        shown = ", ".join(ids[:_NAMED_ROWS]) + (", …" if len(ids) > _NAMED_ROWS else "")
        problems.append(Refusal(key, format=format, count=len(ids), rows=shown))
    raise_all(problems)


def _record(row: Row, shape: Format, plain: bool) -> dict[str, Any]:
    fields = dict(shape.write(row.body, plain))
    if shape.about:
        fields |= {"status": row.status.value, "split": row.split.value} | _said(row)
    return {shape.columns.get(field, field): value for field, value in fields.items()}


def _said(row: Row) -> dict[str, Any]:
    """What people said of a row, as far as they said anything."""
    said = {"notes": row.notes, "tags": list(row.tags), "source": row.source}
    return {field: value for field, value in said.items() if value}


def _unsaid(rows: Iterable[Row]) -> tuple[str, ...]:
    """Names of the fields, beside the body, that lose something when only bodies are written."""
    lost: set[str] = set()
    for row in rows:
        lost |= _said(row).keys()
        lost |= {"status"} if row.status is not Status.READY else set()
        lost |= {"split"} if row.split is not Split.TRAIN else set()
    return tuple(sorted(lost))


def _bytes(records: Sequence[dict[str, Any]], container: Container) -> bytes:
    kept = io.BytesIO()
    with io.TextIOWrapper(kept, encoding=container.encoding, newline="") as file:
        container.write(records, file)
        file.flush()
        return kept.getvalue()
