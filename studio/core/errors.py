"""Everything that can go wrong, as a small tree; sentences stand in the catalogues, keys here.

StudioError             carries a key of the catalogue and the facts that its sentence names
├── UserMistake         the input is wrong: change it and try again            (exit 1)
├── Refusal             the input is fine, but it cannot be done now or here   (exit 1)
├── RunFailed           a training run ended without its result                (exit 4)
└── Fault               our own mistake or a broken machine                    (exit 3)

A programmer's mistake is an ``assert``, not one of these.
"""

import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class StudioError(Exception):
    """An error with a sentence: ``key`` names it in the catalogue, ``facts`` fill it in."""

    exit_code: ClassVar[int] = 3

    def __init__(self, key: str, /, **facts: Any) -> None:
        super().__init__(key)
        self.key = key
        self.facts: dict[str, Any] = facts

    def __str__(self) -> str:
        """Key and short facts, for logs: a row's text must not end up in one."""
        short = ((name, repr(value)) for name, value in self.facts.items())
        named = ", ".join(f"{name}={text if len(text) <= 80 else '…'}" for name, text in short)
        return f"{self.key}({named})"

    def as_json(self) -> dict[str, Any]:
        """The error as it crosses a process border; :func:`from_json` is the inverse."""
        return {"kind": type(self).__name__, "key": self.key, "facts": self.facts}


class UserMistake(StudioError):
    """The input is wrong; the sentence says what to change."""

    exit_code = 1


class Refusal(StudioError):
    """What was asked is well formed but cannot be done now or on this machine."""

    exit_code = 1


class RunFailed(StudioError):
    """A training run ended without its result."""

    exit_code = 4


class Fault(StudioError):
    """Our own mistake, or a machine that does not keep its promises."""

    exit_code = 3


class Mistakes(UserMistake):
    """Several mistakes of one form, reported together."""

    def __init__(self, problems: Sequence[StudioError]) -> None:
        super().__init__("input.several", problems=[p.as_json() for p in problems])
        self.problems = tuple(problems)


def each(error: StudioError) -> tuple[StudioError, ...]:
    """The problems that ``error`` reports together, or itself."""
    return error.problems if isinstance(error, Mistakes) else (error,)


def raise_all(problems: Sequence[StudioError]) -> None:
    """Raise nothing, the one problem, or all of them as one :class:`Mistakes`."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Mistakes(problems)


def tell_place(error: Exception) -> None:
    """Say on standard error where an ``error`` happened that nobody foresaw.

    Not its message: a row's text may stand there.
    """
    traceback.print_tb(error.__traceback__, file=sys.stderr)
    print(type(error).__name__, file=sys.stderr)


_KINDS: dict[str, type[StudioError]] = {
    kind.__name__: kind for kind in (StudioError, UserMistake, Refusal, RunFailed, Fault)
}


def from_json(data: Mapping[str, Any]) -> StudioError:
    """The error that ``data`` (from :meth:`StudioError.as_json`) describes."""
    if data["kind"] == Mistakes.__name__:
        return Mistakes([from_json(p) for p in data["facts"]["problems"]])
    return _KINDS.get(data["kind"], Fault)(data["key"], **data["facts"])
