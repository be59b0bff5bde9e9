"""What a format is: how it names its fields, what it can hold, how a body is written in it.

Reading needs nothing of its own: once columns have fields, every format is read alike
(``bodies``). Containers (JSON, CSV, …) are another matter and stand in their own folder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from studio.core.rows import Body, Kind, Message
from studio.data.bodies import Fields


class Feature(StrEnum):
    """What a body has beyond one question and its answer; a format holds it or would lose it."""

    SYSTEM = "system"
    TURNS = "turns"
    MARKS = "marks"
    UNEVEN = "uneven"
    REJECTED = "rejected"
    ENDING = "ending"
    LABEL = "label"
    TEXT = "text"


EVERYTHING = frozenset(Feature)
CONVERSATION = frozenset({Feature.SYSTEM, Feature.TURNS})
PLAIN = frozenset({Feature.REJECTED, Feature.LABEL})
"""Features that leave a row at one question with its answers, so that strings do for turns."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    ``columns`` are its own names for fields; ``known_by`` sets of columns, any of which tells it
    apart. ``holds`` are the features it keeps, ``needs`` one without which it cannot be written.
    ``write`` makes fields of a body that it holds; its second argument tells that all rows of the
    file are plain. ``about`` formats keep status, split, notes, tags and source, too.
    """

    id: str
    columns: Mapping[str, str]
    write: Callable[[Body, bool], Fields]
    known_by: tuple[frozenset[str], ...] = ()
    holds: frozenset[Feature] = frozenset()
    needs: Feature | None = None
    about: bool = False
    containers: tuple[str, ...] = ("jsonl", "json")


def features(body: Body) -> frozenset[Feature]:
    """What ``body`` has beyond one question and its answer."""
    if body.kind is Kind.TEXT:
        return frozenset({Feature.TEXT})
    talk = spoken(body)
    asks = sum(message.role == "user" for message in talk)
    checks = {
        Feature.SYSTEM: len(talk) < len(body.messages),
        Feature.TURNS: asks > 1,
        Feature.MARKS: _marked(body.messages),
        Feature.UNEVEN: not _even(talk),
        Feature.REJECTED: body.rejected is not None,
        Feature.ENDING: not _single(body.rejected),
        Feature.LABEL: body.label is not None,
    }
    return frozenset(feature for feature, present in checks.items() if present)


def spoken(body: Body) -> tuple[Message, ...]:
    """The turns after the system message."""
    return body.messages[1:] if body.system else body.messages


def _even(talk: tuple[Message, ...]) -> bool:
    """Whether questions and answers alternate, a question first and an answer last."""
    expected = ("user", "assistant") * (len(talk) // 2)
    return bool(talk) and tuple(message.role for message in talk) == expected


def _single(rejected: tuple[Message, ...] | None) -> bool:
    return rejected is None or [message.role for message in rejected] == ["assistant"]


def _marked(messages: tuple[Message, ...]) -> bool:
    """Whether marks say more than the rule would: the only answer is learned from anyway."""
    answers = [message for message in messages if message.role == "assistant"]
    marks = [message.train for message in messages if message.train is not None]
    return bool(marks) and not (len(answers) == 1 and marks == [True])
