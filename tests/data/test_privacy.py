"""Patterns of what gives a person away: what makes them quick must not make them blind."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.data.national_ids import EUROPEAN_ID
from studio.data.pattern import Pattern
from studio.data.privacy import PRIVATE

GUARDED = {name: one for name, one in PRIVATE.items() if isinstance(one, Pattern) and one.only_in}


@pytest.mark.parametrize("name", GUARDED)
@given(data=st.data())
def test_every_place_lies_in_a_text_that_is_looked_through(name: str, data: st.DataObject) -> None:
    pattern = replace(GUARDED[name], is_real=bool)
    text = data.draw(st.from_regex(pattern.expression))
    assert list(pattern.spans(text)) == list(replace(pattern, only_in=None).spans(text))


@pytest.mark.parametrize("pattern", EUROPEAN_ID.patterns, ids=lambda one: one.is_real.__module__)
@given(data=st.data())
def test_every_european_number_lies_in_a_text_that_is_looked_through(
    pattern: Pattern, data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(pattern.expression))
    assert EUROPEAN_ID.only_in.search(text)
