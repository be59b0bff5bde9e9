"""One row, whatever its kind: the messages that are learned from, and what people said of them.

Prompt and response are views on the messages. A row's body is the only part that training sees;
notes, tags and source never count towards a dataset's version.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from studio.core.errors import UserMistake

ROLES = ("system", "user", "assistant", "tool")


class Status(StrEnum):
    """Whether a row may train: only ready rows do."""

    DRAFT = "draft"
    READY = "ready"
    FLAGGED = "flagged"


class Split(StrEnum):
    """What a row is for: learning, choosing (check), or judging only (exam)."""

    TRAIN = "train"
    CHECK = "check"
    EXAM = "exam"


class Kind(StrEnum):
    """What a body can teach: an answer, a preference between two answers, or plain text."""

    CHAT = "chat"
    PREFERENCE = "preference"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. ``train`` False keeps an assistant turn as context; None leaves it to the rule."""

    role: str
    content: str
    train: bool | None = None

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read ``{"role", "content", "train"?}``; raises UserMistake naming what is wrong."""
        if not isinstance(data, Mapping):
            raise UserMistake("rows.message_shape", found=json_type(data))
        role, content = data.get("role"), data.get("content")
        if role not in ROLES:
            raise UserMistake("rows.role", role=str(role)[:40], roles=", ".join(ROLES))
        if not isinstance(content, str):
            raise UserMistake("rows.content", role=role, found=json_type(content))
        return cls(role, _storable(content), _flag(data, "train"))

    def as_json(self) -> dict[str, Any]:
        """The turn as JSON; ``train`` only where it says something."""
        data: dict[str, Any] = {"role": self.role, "content": self.content}
        return data if self.train is None else data | {"train": self.train}


def _storable(text: str) -> str:
    """``text`` if UTF-8 can hold it; lone surrogates cannot be saved without changing them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserMistake("rows.surrogate", position=error.start + 1) from None
    return text


def _flag(data: Mapping[str, Any], name: str) -> bool | None:
    """A mark that may be absent. Words are not guessed at: the string "false" would be true."""
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        raise UserMistake("rows.flag", name=name, found=json_type(value))
    return value


@dataclass(frozen=True, slots=True)
class Body:
    """What a row teaches: messages, or plain ``text``; ``rejected`` is the worse ending."""

    messages: tuple[Message, ...] = ()
    rejected: tuple[Message, ...] | None = None
    label: bool | None = None
    text: str | None = None

    @classmethod
    def pair(cls, prompt: str, response: str, *, system: str = "") -> Self:
        """A single question and its answer, with an optional system message."""
        head = (Message("system", system),) if system else ()
        return cls((*head, Message("user", prompt), Message("assistant", response)))

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read a stored or imported body; raises UserMistake naming what is wrong."""
        if not isinstance(data, Mapping):
            raise UserMistake("rows.body_shape", found=json_type(data))
        text = data.get("text")
        if text is not None and not isinstance(text, str):
            raise UserMistake("rows.content", role="text", found=json_type(text))
        body = cls(
            messages=_messages(data.get("messages") or ()),
            rejected=_messages(data["rejected"]) if data.get("rejected") else None,
            label=_flag(data, "label"),
            text=None if text is None else _storable(text),
        )
        if not body.messages and body.text is None:
            raise UserMistake("rows.empty_body")
        return body

    def as_json(self) -> dict[str, Any]:
        """The body as JSON, absent parts left out."""
        data: dict[str, Any] = {}
        if self.messages:
            data["messages"] = [m.as_json() for m in self.messages]
        if self.rejected is not None:
            data["rejected"] = [m.as_json() for m in self.rejected]
        if self.label is not None:
            data["label"] = self.label
        if self.text is not None:
            data["text"] = self.text
        return data

    def canonical(self) -> bytes:
        """The one byte form of this body: sorted keys, no spaces, UTF-8."""
        form = json.dumps(self.as_json(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return form.encode("utf-8")

    @property
    def kind(self) -> Kind:
        """What this body can teach."""
        if self.text is not None:
            return Kind.TEXT
        return Kind.CHAT if self.rejected is None else Kind.PREFERENCE

    @property
    def system(self) -> str:
        """The system message, or nothing."""
        first = self.messages[0] if self.messages else None
        return first.content if first is not None and first.role == "system" else ""

    @property
    def prompt(self) -> str:
        """What the person asks last before the final answer."""
        asked = [m.content for m in self.messages if m.role == "user"]
        return asked[-1] if asked else ""

    @property
    def response(self) -> str:
        """The final answer, or the plain text of a text row."""
        if self.text is not None:
            return self.text
        last = self.messages[-1] if self.messages else None
        return last.content if last is not None and last.role == "assistant" else ""


def _messages(data: object) -> tuple[Message, ...]:
    if not isinstance(data, (list, tuple)):
        raise UserMistake("rows.messages_shape", found=json_type(data))
    return tuple(Message.from_json(item) for item in data)


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row that no dataset holds yet. Without ``split`` its place follows from its group."""

    body: Body
    status: Status = Status.DRAFT
    split: Split | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is stored. ``group`` joins near-duplicates, so that no split parts them."""

    id: str
    dataset: str
    position: int
    body: Body
    status: Status = Status.DRAFT
    split: Split = Split.TRAIN
    notes: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    author: str = ""
    revision: int = 1
    group: str = ""

    @property
    def trains(self) -> bool:
        """Whether a run may use this row at all."""
        return self.status is Status.READY


def lesson_problem(body: Body) -> str | None:
    """The key of the reason why ``body`` cannot be learned from, or None if it can."""
    if body.kind is Kind.TEXT:
        return None if body.response.strip() else "rows.empty_text"
    if not body.messages or body.messages[-1].role != "assistant":
        return "rows.no_answer"
    if not any(m.role == "user" and m.content.strip() for m in body.messages):
        return "rows.empty_prompt"
    if not body.response.strip():
        return "rows.empty_response"
    return None


def supervised_problem(body: Body) -> str | None:
    """:func:`lesson_problem`, and that plain text has no answer to learn to give."""
    return "rows.text_not_supervised" if body.kind is Kind.TEXT else lesson_problem(body)


def dataset_version(rows: Iterable[Row]) -> str:
    """SHA-256 (64 hex digits) over bodies and splits of the ready rows, in their order."""
    lessons = sorted((row for row in rows if row.trains), key=lambda row: row.position)
    return version_of((row.split.value, row.body.canonical()) for row in lessons)


def version_of(lessons: Iterable[tuple[str, bytes]]) -> str:
    """:func:`dataset_version` of splits and canonical bodies, where these are at hand already."""
    digest = hashlib.sha256()
    for split, body in lessons:
        digest.update(f"{split} {len(body)}\n".encode())
        digest.update(body)
    return digest.hexdigest()


_JSON_TYPES: tuple[tuple[type, str], ...] = (
    (str, "string"),
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (Mapping, "object"),
    (list, "array"),
)


def json_type(value: object) -> str:
    """JSON's own name for the type of ``value``."""
    return next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "null")
