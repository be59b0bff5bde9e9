"""Errors: their exit codes, and that they cross a process border unchanged."""

import json

import pytest

from studio.core.errors import (
    Fault,
    Mistakes,
    Refusal,
    RunFailed,
    StudioError,
    UserMistake,
    each,
    from_json,
    raise_all,
)

KINDS = (StudioError, UserMistake, Refusal, RunFailed, Fault)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_crosses_a_process_border_unchanged(kind: type[StudioError]) -> None:
    # "self" and "key" are names that a careless signature would not let through.
    facts = {"row": 3, "rows": ["a", "b"], "self": "x", "key": "y", "none": None}
    error = kind("rows.some_key", **facts)
    again = from_json(json.loads(json.dumps(error.as_json())))
    assert (type(again), again.key, again.facts) == (kind, "rows.some_key", facts)


def test_mistakes_within_mistakes_cross_a_process_border_unchanged() -> None:
    inner = Mistakes([UserMistake("rows.role", role="x"), Refusal("disk.full", free=1)])
    outer = Mistakes([Fault("run.broke"), inner])
    again = from_json(json.loads(json.dumps(outer.as_json())))
    assert isinstance(again, Mistakes)
    first, second = again.problems
    assert (type(first), first.key) == (Fault, "run.broke")
    assert isinstance(second, Mistakes)
    assert [(type(p), p.key, p.facts) for p in second.problems] == [
        (UserMistake, "rows.role", {"role": "x"}),
        (Refusal, "disk.full", {"free": 1}),
    ]
    assert again.as_json() == outer.as_json()


def test_an_error_of_a_kind_that_is_not_known_is_our_fault() -> None:
    error = from_json({"kind": "Newer", "key": "a.b", "facts": {"c": 1}})
    assert (type(error), error.key, error.facts) == (Fault, "a.b", {"c": 1})


@pytest.mark.parametrize(
    ("kind", "code"), [(UserMistake, 1), (Refusal, 1), (Fault, 3), (RunFailed, 4), (StudioError, 3)]
)
def test_each_kind_has_its_exit_code(kind: type[StudioError], code: int) -> None:
    assert kind("a.b").exit_code == code
    assert Mistakes([kind("a.b")]).exit_code == 1


def test_an_error_in_a_log_shows_its_key_and_facts() -> None:
    assert str(UserMistake("rows.role", role="x", row=2)) == "rows.role(role='x', row=2)"


def test_no_problem_raises_nothing() -> None:
    raise_all([])


def test_a_single_problem_is_raised_as_it_is() -> None:
    problem = Refusal("disk.full")
    with pytest.raises(Refusal) as raised:
        raise_all([problem])
    assert raised.value is problem


def test_several_problems_are_raised_together() -> None:
    problems = (UserMistake("rows.role"), Refusal("disk.full"))
    with pytest.raises(Mistakes) as raised:
        raise_all(problems)
    assert raised.value.problems == problems


def test_problems_that_are_reported_together_can_be_looked_at_one_by_one() -> None:
    problems = (UserMistake("rows.role"), Refusal("disk.full"))
    assert each(Mistakes(problems)) == problems
    assert each(problems[0]) == (problems[0],)
