"""Patterns of what gives a person away: what makes them quick must not make them blind."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.data.pattern import AnyOf, Pattern
from studio.data.privacy import PRIVATE

SINGLE = [one for one in PRIVATE.values() if isinstance(one, Pattern) and one.only_in]
GROUPED = [
    (one, pattern) for one in PRIVATE.values() if isinstance(one, AnyOf) for pattern in one.patterns
]


@pytest.mark.parametrize("pattern", SINGLE)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_place_lies_in_a_text_that_is_looked_through(
    pattern: Pattern, data: st.DataObject
) -> None:
    assert pattern.only_in is not None
    assert pattern.only_in.search(data.draw(st.from_regex(pattern.expression)))


@pytest.mark.parametrize(("group", "pattern"), GROUPED)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_place_of_a_group_lies_in_a_text_that_is_looked_through(
    group: AnyOf, pattern: Pattern, data: st.DataObject
) -> None:
    assert group.only_in.search(data.draw(st.from_regex(pattern.expression)))
