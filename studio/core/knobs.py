"""A knob: one setting as data, so that form, command line, check and help come from one place."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from studio.core.errors import StudioError, UserMistake, raise_all

Value = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Knob:
    """A named setting with its type, bounds and default.

    ``kind`` is ``int``, ``float``, ``text``, ``flag`` or ``choice``. ``above`` is an exclusive
    lower bound, ``low`` and ``high`` inclusive ones. A default of None means: worked out from the
    model or the other knobs. ``stops`` are the usual values of a number, rising: where a slider
    rests. Other values within the bounds are as good.
    """

    name: str
    kind: str
    default: Value
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    stops: tuple[float, ...] = ()

    def read(self, given: object) -> Value:
        """``given`` as this knob's value; raises UserMistake naming knob, value and range."""
        if given is None:
            return self.default
        if self.kind in ("int", "float"):
            return self._number(given)
        if self.kind == "flag":
            return self._flag(given)
        return self._text(given)

    def _number(self, given: object) -> int | float:
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise self._mistake("knobs.not_a_number", given)
        if not abs(given) <= sys.float_info.max:  # NaN is not, nor is an int beyond all floats
            raise self._mistake("knobs.not_a_number", given)
        if self.kind == "int" and given != int(given):
            raise self._mistake("knobs.not_whole", given)
        too_low = self.low is not None and given < self.low
        not_above = self.above is not None and given <= self.above
        too_high = self.high is not None and given > self.high
        if too_low or not_above or too_high:
            raise self._mistake("knobs.out_of_range", given)
        return int(given) if self.kind == "int" else float(given)

    def _flag(self, given: object) -> bool:
        if not isinstance(given, bool):
            raise self._mistake("knobs.not_a_flag", given)
        return given

    def _text(self, given: object) -> str:
        """Text as it is; a list of texts as JSON has it becomes one with commas."""
        parts = given if isinstance(given, (list, tuple)) else (given,)
        if not all(isinstance(part, str) for part in parts):
            raise self._mistake("knobs.not_text", given)
        text = ",".join(parts)
        if self.choices and text not in self.choices:
            raise self._mistake("knobs.not_a_choice", given)
        return text

    def _mistake(self, key: str, given: object) -> UserMistake:
        shown = str(given)[:60]
        return UserMistake(key, knob=self.name, value=shown, range=self.range)

    def as_json(self) -> dict[str, Any]:
        """The knob as a form is made from it."""
        return asdict(self)

    @property
    def range(self) -> str:
        """The allowed values in signs of no language, for messages and help; none for any."""
        bounds = {">": self.above, "≥": self.low, "≤": self.high}
        shown = (f"{sign} {bound:,}" for sign, bound in bounds.items() if bound is not None)
        return ", ".join(self.choices or shown)


@dataclass(frozen=True, slots=True)
class Preset:
    """Values of knobs that go well together; its sentence is ``methods.preset.<name>``."""

    name: str
    values: Mapping[str, Value]


def read_knobs(knobs: Sequence[Knob], given: Mapping[str, object]) -> dict[str, Value]:
    """Every knob's value, by name; all problems of the form are reported together."""
    known = {knob.name: knob for knob in knobs}
    problems: list[StudioError] = [
        UserMistake("knobs.unknown", knob=name, known=", ".join(known))
        for name in given
        if name not in known
    ]
    values: dict[str, Value] = {}
    for name, knob in known.items():
        try:
            values[name] = knob.read(given.get(name))
        except UserMistake as problem:
            problems.append(problem)
    raise_all(problems)
    return values


def as_int(value: Any) -> int:
    """A knob's value as an int; for values that :func:`read_knobs` has checked."""
    assert isinstance(value, int)
    return value


def as_float(value: Any) -> float:
    """A knob's value as a float; for values that :func:`read_knobs` has checked."""
    assert isinstance(value, (int, float))
    return float(value)
