"""The wire: one JSON object a line, nothing else."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core import wire

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_a_message_comes_back_from_its_one_line(said: dict[str, Any]) -> None:
    raw = wire.line(said)
    assert raw.endswith(b"\n")
    assert raw.count(b"\n") == 1
    assert wire.message(raw) == said


def test_text_goes_through_as_utf_8() -> None:
    assert "发热".encode() in wire.line({"text": "发热"})


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_json_does_not_know_is_not_sent(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        wire.line({"loss": number})


@pytest.mark.parametrize("raw", [b"", b"\n", b"[1]", b"3", b'{"id":', b"\xff{}", b"[" * 100_000])
def test_a_line_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 # UnicodeDecodeError and others are ValueErrors
        wire.message(raw)
