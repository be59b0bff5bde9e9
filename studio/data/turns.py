"""Turns of a conversation as files write them, and back. Knows the field's names for roles."""

from collections.abc import Mapping
from typing import Any

from studio.core.errors import UserMistake
from studio.core.rows import Message, json_type

_ROLES = {
    **dict.fromkeys(("system", "developer", "系统"), "system"),
    **dict.fromkeys(("user", "human", "prompter", "用户", "患者"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bard", "bing", "model", "bot"), "assistant"),
    **dict.fromkeys(("助手", "医生"), "assistant"),
    **dict.fromkeys(("tool", "observation", "function"), "tool"),
}
_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def wrong_type(field: str, value: object) -> UserMistake:
    """The mistake of a ``field`` whose value is of a type that it cannot be read from."""
    return UserMistake("data.wrong_type", field=field, found=json_type(value))


def read_turns(value: object, role: str, field: str) -> tuple[Message, ...]:
    """Turns from a string (said by ``role``), one turn, a list of turns or ``{"messages": …}``.

    Raises UserMistake naming ``field`` where ``value`` is none of these.
    """
    match value:
        case None:
            return ()
        case str():
            return (Message(role, value),)
        case {"messages": list(turns)}:
            return tuple(_turn(turn, field) for turn in turns)
        case list(turns):
            return tuple(_turn(turn, field) for turn in turns)
        case Mapping():
            return (_turn(value, field),)
    raise wrong_type(field, value)


def _turn(value: object, field: str) -> Message:
    if not isinstance(value, Mapping):
        raise wrong_type(field, value)
    if value.get("tool_calls") or value.get("function_call"):
        raise UserMistake("data.tool_calls", field=field)
    role = value.get("role", value.get("from"))
    known = _ROLES.get(role.strip().casefold(), role) if isinstance(role, str) else role
    content = _content(value.get("content", value.get("value")), field)
    return Message.from_json({"role": known, "content": content, "train": _train(value)})


def _content(value: object, field: str) -> object:
    """The text of a turn; a list of parts is joined, and refused if one is not text."""
    if not isinstance(value, list):
        return value
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in value]
    if not all(isinstance(text, str) for text in texts):
        raise UserMistake("data.not_text_part", field=field)
    return "".join(map(str, texts))


def _train(turn: Mapping[str, Any]) -> bool | None:
    mark = turn.get("train", turn.get("weight"))
    return None if mark is None else bool(mark)


def as_openai(message: Message) -> dict[str, Any]:
    """``{"role", "content", "weight"?}``."""
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    return turn if message.train is None else turn | {"weight": int(message.train)}


def as_sharegpt(message: Message) -> dict[str, Any]:
    """``{"from", "value"}`` with ShareGPT's names for the roles."""
    return {"from": _SHAREGPT[message.role], "value": message.content}
