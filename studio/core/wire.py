"""The line protocol between server and engine: one JSON object a line, in both directions.

Requests: ``{"id", "op", "args"}``, or ``{"id", "op": "cancel", "args": {"id": other}}``.
Answers: any number of ``{"id", "event": {...}}``, then one ``{"id", "result": ...}`` or
``{"id", "error": {"kind", "key", "facts"}}``. The engine's first line is ``{"hello": VERSION}``.
"""

import json
from typing import Any

VERSION = 1
LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of the longest line that is accepted."""


def line(message: dict[str, Any]) -> bytes:
    """``message`` as one line; text goes through as UTF-8, NaN is refused."""
    form = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return form.encode("utf-8") + b"\n"


def message(raw: bytes) -> dict[str, Any]:
    """The object in one line; raises ValueError for anything else."""
    try:
        data = json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError("not an object")
    return data
