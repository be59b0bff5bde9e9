"""JSON values out of a text, strictly: what the standard decoder lets pass in silence is named."""

import json
import re
from collections.abc import Iterable
from typing import Any

from studio.core.errors import UserMistake
from studio.core.rows import json_type

_SPACE = re.compile(r"[ \t\r\n]*")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
# Legal in JSON but line breaks to many readers of lines.
_SEPARATORS = str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029", "\x85": "\\u0085"})


def skip_space(text: str, at: int) -> int:
    """The place of the next character that is not white space."""
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


class Decoder:
    """Reads one value at a time and remembers the first thing wrong inside it."""

    def __init__(self) -> None:
        self._wrong: UserMistake | None = None
        self._escaped = False
        self._json = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant, strict=True
        )

    def value(self, text: str, at: int = 0) -> tuple[object, int]:
        """The value that begins at ``at`` and the place after it.

        Raises UserMistake with ``line`` and ``position`` where there is none.
        """
        self._wrong = None
        try:
            value, end = self._json.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise broken(error.doc, error.pos) from None
        except RecursionError:
            raise UserMistake("data.too_deep", line=text.count("\n", 0, at) + 1) from None
        except ValueError:  # a whole number of more digits than Python reads
            raise broken(text, at) from None
        self._escaped = _HALF.search(text, at, end) is not None
        return value, end

    def record(self, value: object) -> dict[str, Any]:
        """``value`` as a record, if it is an object and was read without a doubt."""
        if self._wrong is not None:
            raise self._wrong
        if not isinstance(value, dict):
            raise UserMistake("data.not_object", found=json_type(value))
        if self._escaped:
            for column, item in value.items():
                _refuse_torn(column, item)
        return value

    def _object(self, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for name, value in pairs:
            if name in seen:
                self._wrong = self._wrong or UserMistake("data.repeated", column=name)
            seen[name] = value
        return seen

    def _constant(self, name: str) -> None:
        self._wrong = self._wrong or UserMistake("data.not_a_number", found=name)


def broken(text: str, at: int) -> UserMistake:
    """The mistake of JSON that breaks at ``at``; lines and positions count from 1."""
    line = text.count("\n", 0, at) + 1
    return UserMistake("data.broken_json", line=line, position=at - text.rfind("\n", 0, at))


def _refuse_torn(column: str, value: object) -> None:
    """Half of a surrogate pair, ``"\\ud83d"``, can be written in JSON but is no character."""
    try:
        json.dumps({column: value}, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        shown = column.encode("ascii", "backslashreplace").decode()
        raise UserMistake("data.torn_character", column=shown) from None


def dump(record: dict[str, Any]) -> str:
    """``record`` on one line, in plain Unicode."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False).translate(_SEPARATORS)
