"""How one file is laid out: its format, which column each field is read from, what a row needs.

Turns one record into one row. Knows nothing of bytes and containers.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from studio.core.errors import UserMistake
from studio.core.rows import Body, NewRow, Split, Status, lesson_problem
from studio.data.bodies import SUFFICIENT, Fields, read_body
from studio.data.formats import PAIRS, TEXT, recognise
from studio.data.mapping import ABOUT, NAMES, check_mapping, guess, listed

# Ready says that someone looked and agreed. "Done", "ok" or "final" may mean the writing alone.
_STATUS = {
    **dict.fromkeys(("draft", "pending", "todo", "草稿", "待审", "待审核", "未审核"), Status.DRAFT),
    **dict.fromkeys(("ready", "reviewed", "approved", "accepted"), Status.READY),
    **dict.fromkeys(("已审", "已审核", "审核通过", "已通过", "通过"), Status.READY),
    **dict.fromkeys(("flagged", "rejected", "存疑", "有疑问", "未通过"), Status.FLAGGED),
}
_SPLIT = {
    **dict.fromkeys(("train", "training", "训练", "训练集", "学习"), Split.TRAIN),
    **dict.fromkeys(("check", "validation", "valid", "val", "dev"), Split.CHECK),
    **dict.fromkeys(("检查", "留作检查", "验证", "验证集"), Split.CHECK),
    **dict.fromkeys(("exam", "test", "考题", "测试", "测试集"), Split.EXAM),
}
_WORDS: dict[str, Mapping[str, object]] = {"status": _STATUS, "split": _SPLIT}
_LONGEST_WORD = 40
# Reason that a body teaches nothing -> fields it may have been read from, the likeliest first.
_BLAMED = {
    "rows.empty_text": ("text", "body"),
    "rows.empty_prompt": ("prompt", "messages", "body"),
    "rows.empty_response": ("chosen", "response", "messages", "body"),
    "rows.no_answer": ("chosen", "response", "messages", "body"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """A file's columns and what they mean. ``needed`` fields must be there in every row."""

    format: str
    columns: tuple[str, ...]
    mapping: Mapping[str, str]
    fields: tuple[str, ...]
    needed: frozenset[str]

    def widened(self, columns: Iterable[str]) -> Self:
        """This layout with columns that only appear later in the file; known ones stay."""
        wider = tuple(dict.fromkeys((*self.columns, *columns)))
        return replace(self, columns=wider, mapping=guess(wider, self.fields, self.mapping))

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns that no field is read from."""
        used = set(self.mapping.values())
        return tuple(column for column in self.columns if column not in used)

    def row(self, record: Mapping[str, Any]) -> NewRow:
        """The row in one record; raises UserMistake with the fact ``column``."""
        fields = {f: record[c] for f, c in self.mapping.items() if c and record.get(c) is not None}
        try:
            self._require(fields)
            return _row(fields)
        except UserMistake as mistake:
            named = (str(mistake.facts.get("field", "")), "messages", "body")
            fields_to_blame = _BLAMED.get(mistake.key, named)
            columns = (self.mapping[f] for f in fields_to_blame if self.mapping.get(f))
            raise UserMistake(
                mistake.key, **mistake.facts | {"column": next(columns, "")}
            ) from None

    def unknown(self, record: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Words in one record that say nothing we know, as ``(field, word)``: status and split."""
        columns = [(f, c) for f, c in self.mapping.items() if f in _WORDS and c]
        said = [(f, _word(record.get(c))) for f, c in columns]
        return [(f, word[:_LONGEST_WORD]) for f, word in said if word and word not in _WORDS[f]]

    def _require(self, fields: Fields) -> None:
        for field in sorted(self.needed):
            blank = field in ("rejected", "label") and fields.get(field) in ("", [])
            if blank or field not in fields:
                raise UserMistake("data.missing", field=field)


def lay_out(columns: Iterable[str], given: Mapping[str, str], *, nested: bool) -> Layout:
    """Find out what ``columns`` mean; ``given`` fields are read as a person says.

    ``nested`` tells that values may be lists and objects, as in JSON: only then can a file be of
    a format with conversations in it. Raises UserMistake where no row could be read this way.
    """
    present = tuple(columns)
    check_mapping(given, present)
    known = recognise(present) if nested else None
    named = {f: c for f, c in known.columns.items() if c in present} if known else {}
    fields = ABOUT if known else tuple(NAMES)
    found = guess(present, fields, named | dict(given))
    needed = next((s for s in SUFFICIENT if all(found.get(field) for field in s)), None)
    if needed is None:
        raise UserMistake("data.no_columns", columns=listed(present))
    format = known or (TEXT if needed == {"text"} else PAIRS)
    if format.needs is not None:
        needed |= {format.needs.value}
    return Layout(format.id, present, found, fields, needed)


def _row(fields: Fields) -> NewRow:
    body = read_body(fields)
    said = _word(fields.get("status"))
    # A word that is not known may mean "not yet", so that someone has to look first.
    status = _STATUS.get(said, Status.DRAFT) if said else Status.READY
    if status is Status.READY:  # others may be unfinished: they do not train
        _refuse_unfinished(body)
    return NewRow(
        body=body,
        status=status,
        split=_SPLIT.get(_word(fields.get("split"))),
        notes=_line(fields.get("notes")),
        tags=_tags(fields.get("tags")),
        source=_line(fields.get("source")),
    )


def _refuse_unfinished(body: Body) -> None:
    problem = lesson_problem(body)
    if problem is not None:
        raise UserMistake(problem)
    if body.rejected is not None and not body.rejected[-1].content.strip():
        raise UserMistake("data.empty_rejected", field="rejected")


def _word(value: object) -> str:
    return str(value or "").strip().casefold()


def _line(value: object) -> str:
    """A note as text, whatever JSON has there."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _tags(value: object) -> tuple[str, ...]:
    """Tags from a list, or from one cell: a JSON list, or words between separators."""
    if isinstance(value, str) and value.startswith("["):
        value = _list(value)
    if isinstance(value, list):
        return tuple(tag for item in value if (tag := _line(item)))
    words = re.split(r"[,;|，；、]", _line(value))
    return tuple(word.strip() for word in words if word.strip())


def _list(cell: str) -> object:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell
