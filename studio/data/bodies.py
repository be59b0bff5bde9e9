"""Fields to a body: the one reading of every format. Knows fields, not columns.

Whatever a format calls them, a row is what stood before (``system``, ``history``), what was asked
(``prompt`` or ``messages``), the answer (``response`` or ``chosen``) and perhaps a worse one
(``rejected``); or it is a ``text``; or it is a ``body`` in the studio's own form.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from studio.core.rows import Body, Message
from studio.data.turns import read_turns, wrong_type

Fields = Mapping[str, Any]
"""Field -> its value as JSON has it; what a file did not give is absent."""

SUFFICIENT: tuple[frozenset[str], ...] = (
    frozenset({"body"}),
    frozenset({"messages", "chosen", "rejected"}),
    frozenset({"prompt", "chosen", "rejected"}),
    frozenset({"prompt", "response"}),
    frozenset({"chosen", "rejected"}),
    frozenset({"messages"}),
    frozenset({"text"}),
)
"""Sets of fields that make a row, the most telling first."""

_LABELS = {
    **dict.fromkeys(("true", "1", "yes", "good", "是", "好"), True),
    **dict.fromkeys(("false", "0", "no", "bad", "否", "差"), False),
}


def read_body(fields: Fields) -> Body:
    """The body that ``fields`` describe; raises UserMistake naming the field that is wrong."""
    if "body" in fields:
        return Body.from_json(fields["body"])
    if _is_text(fields):
        return Body(text=_string(fields, "text"))
    answer = "chosen" if "chosen" in fields else "response"
    ending = read_turns(fields.get(answer), "assistant", answer)
    worse = read_turns(fields.get("rejected") or None, "assistant", "rejected")
    asked = _asked(fields) or _shared(ending, worse)
    return Body(
        messages=(*_before(fields), *asked, *_after(asked, ending)),
        rejected=_after(asked, worse) or None,
        label=_label(fields.get("label")),
    )


def _is_text(fields: Fields) -> bool:
    """Whether it is a text; in a table, cells of question and answer are then there but empty."""
    talk = fields.get("prompt") or fields.get("response") or fields.get("messages")
    return not talk and (bool(fields.get("text")) or ("text" in fields and "prompt" not in fields))


def _before(fields: Fields) -> tuple[Message, ...]:
    """The system message and earlier exchanges, ``[[question, answer], …]``."""
    system = _string(fields, "system")
    turns = [Message("system", system)] if system else []
    history = fields.get("history") or []
    if not isinstance(history, list):
        raise wrong_type("history", history)
    for exchange in history:
        match exchange:
            case [str(question), str(answer)]:
                turns += Message("user", question), Message("assistant", answer)
            case _:
                raise wrong_type("history", exchange)
    return tuple(turns)


def _asked(fields: Fields) -> tuple[Message, ...]:
    """The question; an ``input`` that an instruction works on stands on the next line."""
    field = "prompt" if "prompt" in fields else "messages"
    asked, given = fields.get(field), _string(fields, "input")
    if given and isinstance(asked, str):
        asked = f"{asked}\n{given}"
    return read_turns(asked, "user", field)


def _shared(one: Sequence[Message], other: Sequence[Message]) -> tuple[Message, ...]:
    """What two whole conversations have in common before they end: their question."""
    same = 0
    while same < min(len(one), len(other)) - 1 and one[same] == other[same]:
        same += 1
    return tuple(one[:same])


def _after(asked: tuple[Message, ...], ending: tuple[Message, ...]) -> tuple[Message, ...]:
    """``ending`` without the question, which some files repeat at the head of an answer."""
    return ending[len(asked) :] if asked and ending[: len(asked)] == asked else ending


def _string(fields: Fields, field: str) -> str:
    value = fields.get(field) or ""
    if not isinstance(value, str):
        raise wrong_type(field, value)
    return value


def _label(value: object) -> bool | None:
    if value is None or value == "":
        return None
    known = _LABELS.get(str(value).strip().casefold())
    if known is None:
        raise wrong_type("label", value)
    return known
