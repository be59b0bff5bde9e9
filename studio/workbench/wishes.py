"""What a page asks of rows, read: changes and queries from JSON. Decides nothing."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from studio.core.errors import UserMistake
from studio.core.rows import Body, Split, Status, json_type
from studio.store.row_values import Change, Query, Sort

LONGEST_PAGE = 500
"""Rows that are shown at once, whatever is asked for."""

_Word = TypeVar("_Word", bound=StrEnum)


def read_change(data: object) -> Change:
    """The change in ``{"body"?, "status"?, "split"?, "notes"?, "tags"?}``.

    Raises UserMistake ``rows.change_shape``, ``rows.change_field``, ``rows.change_type`` or
    ``rows.change_word``, and for a body what :meth:`Body.from_json` raises.
    """
    if not isinstance(data, Mapping):
        raise UserMistake("rows.change_shape", found=json_type(data))
    for name in data:
        if name not in _READERS:
            known = ", ".join(_READERS)
            raise UserMistake("rows.change_field", field=str(name)[:40], fields=known)
    return Change(**{name: _READERS[name](name, value) for name, value in data.items()})


def read_query(
    *, search: str, status: str, split: str, sort: str, offset: int, limit: int, trashed: bool
) -> Query:
    """The query in a page's own words; an empty status or split asks for any.

    Raises UserMistake ``rows.change_word`` for a word that is none.
    """
    return Query(
        search=search,
        status=_word(Status, "status", status) if status else None,
        split=_word(Split, "split", split) if split else None,
        sort=_word(Sort, "sort", sort),
        offset=max(0, offset),
        limit=min(max(1, limit), LONGEST_PAGE),
        trashed=trashed,
    )


def read_status(value: object) -> Status:
    """The status of that name."""
    return _word(Status, "status", value)


def _word(kind: type[_Word], name: str, value: object) -> _Word:
    found = next((word for word in kind if word == value), None)
    if found is None:
        known = ", ".join(kind)
        raise UserMistake("rows.change_word", field=name, found=str(value)[:40], words=known)
    return found


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise UserMistake("rows.change_type", field=name, found=json_type(value))
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UserMistake("rows.change_type", field=name, found=json_type(value))
    return tuple(_text(name, item) for item in value)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "body": lambda _, value: Body.from_json(value),
    "status": lambda name, value: _word(Status, name, value),
    "split": lambda name, value: _word(Split, name, value),
    "notes": _text,
    "tags": _texts,
}
