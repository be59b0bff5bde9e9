"""Checks on rows: what a person should look at before a model learns it. Changes nothing.

A check is a function from rows to findings; :data:`CHECKS` names them all. A finding says where,
never what stands there: it may be a patient's number.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from studio.core.rows import Kind, Row
from studio.data import privacy

SHORTEST_ANSWER = 8
"""Characters under which an answer is called short."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    ``part`` is "text", or "messages" or "rejected" with ``turn``, its place there; ``start`` and
    ``end`` bound the characters in it. ``others`` are ids of the rows that belong to it.
    """

    check: str
    row: str
    part: str = ""
    turn: int = 0
    start: int = 0
    end: int = 0
    others: tuple[str, ...] = ()


Check = Callable[[Sequence[Row]], Iterator[Finding]]


def check(rows: Iterable[Row], names: Iterable[str] | None = None) -> tuple[Finding, ...]:
    """What the checks of these ``names`` (all without any) find in ``rows``, check by check."""
    looked_at = tuple(rows)
    chosen = CHECKS if names is None else names
    return tuple(finding for name in chosen for finding in CHECKS[name](looked_at))


def duplicates(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows whose body is, byte for byte, that of an earlier one."""
    first: dict[bytes, str] = {}
    for row in rows:
        earlier = first.setdefault(row.body.canonical(), row.id)
        if earlier != row.id:
            yield Finding("duplicates", row.id, others=(earlier,))


def conflicts(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows that ask the same, in the same context, and answer differently."""
    asked: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.body.kind is Kind.CHAT and row.body.label is not False:
            context = tuple(m.content.strip().casefold() for m in row.body.messages[:-1])
            asked[context].append(row)
    for group in asked.values():
        for row in group:
            answer = row.body.response.strip()
            others = tuple(o.id for o in group if o.body.response.strip() != answer)
            if others:
                yield Finding("conflicts", row.id, others=others)


def short_answers(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows whose answer is hardly one."""
    for row in rows:
        if len(row.body.response.strip()) < SHORTEST_ANSWER:
            yield Finding("short_answers", row.id)


def _texts(row: Row) -> Iterator[tuple[str, int, str]]:
    """Every text of a row with the part and the turn that it stands in."""
    body = row.body
    for part, turns in (("messages", body.messages), ("rejected", body.rejected or ())):
        for place, message in enumerate(turns):
            yield part, place, message.content
    if body.text is not None:
        yield "text", 0, body.text


def _search(name: str, pattern: privacy.Findable) -> Check:
    """The check that looks for ``pattern`` in every text."""

    def search(rows: Sequence[Row]) -> Iterator[Finding]:
        for row in rows:
            for part, turn, text in _texts(row):
                for start, end in pattern.spans(text):
                    yield Finding(name, row.id, part, turn, start, end)

    return search


CHECKS: dict[str, Check] = {
    "duplicates": duplicates,
    "conflicts": conflicts,
    "short_answers": short_answers,
    "control_tokens": _search("control_tokens", privacy.CONTROL_TOKENS),
    **{name: _search(name, pattern) for name, pattern in privacy.PRIVATE.items()},
}
