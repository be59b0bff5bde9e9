"""Rows: what a body reads, writes and teaches, and what a dataset's version depends on."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import UserMistake
from studio.core.rows import (
    ROLES,
    Body,
    Kind,
    Message,
    Row,
    Split,
    Status,
    dataset_version,
    json_type,
    lesson_problem,
    supervised_problem,
)

FLAGS = st.none() | st.booleans()
TURNS = st.lists(st.builds(Message, st.sampled_from(ROLES), st.text(), FLAGS), max_size=4)
BODIES = st.builds(
    Body,
    messages=TURNS.map(tuple),
    rejected=st.none() | TURNS.filter(bool).map(tuple),
    label=FLAGS,
    text=st.none() | st.text(),
).filter(lambda body: bool(body.messages) or body.text is not None)

ASK = Message("user", "What is a fever?")
ANSWER = Message("assistant", "A body temperature above normal.")


def shuffled(value: Any) -> Any:
    """The same JSON, the keys of its objects the other way round."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(BODIES)
def test_a_body_is_the_same_after_a_round_trip(body: Body) -> None:
    assert Body.from_json(json.loads(json.dumps(body.as_json()))) == body
    assert Body.from_json(json.loads(body.canonical())) == body


@given(BODIES)
def test_the_canonical_form_does_not_depend_on_how_the_body_was_written(body: Body) -> None:
    assert Body.from_json(shuffled(body.as_json())).canonical() == body.canonical()
    spaced = json.dumps(body.as_json(), ensure_ascii=True, indent=2)
    assert Body.from_json(json.loads(spaced)).canonical() == body.canonical()


@given(BODIES, BODIES)
def test_different_bodies_have_different_canonical_forms(one: Body, other: Body) -> None:
    assert (one.canonical() == other.canonical()) == (one == other)


def test_the_canonical_form_is_sorted_dense_utf_8() -> None:
    body = Body((Message("user", "发热?"), Message("assistant", "38 °C", train=True)), label=False)
    expected = (
        '{"label":false,"messages":[{"content":"发热?","role":"user"},'
        '{"content":"38 °C","role":"assistant","train":true}]}'
    )
    assert body.canonical() == expected.encode()


@pytest.mark.parametrize(
    ("data", "key", "facts"),
    [
        ("text", "rows.body_shape", {"found": "string"}),
        (None, "rows.body_shape", {"found": "null"}),
        ([], "rows.body_shape", {"found": "array"}),
        ({}, "rows.empty_body", {}),
        ({"messages": []}, "rows.empty_body", {}),
        ({"label": True}, "rows.empty_body", {}),
        ({"messages": "hi"}, "rows.messages_shape", {"found": "string"}),
        ({"messages": {"role": "user"}}, "rows.messages_shape", {"found": "object"}),
        ({"messages": ["hi"]}, "rows.message_shape", {"found": "string"}),
        ({"text": 3}, "rows.content", {"role": "text", "found": "number"}),
        ({"text": "a\ud800"}, "rows.surrogate", {"position": 2}),
        ({"text": "a", "rejected": "b"}, "rows.messages_shape", {"found": "string"}),
        ({"text": "a", "label": "false"}, "rows.flag", {"name": "label", "found": "string"}),
        ({"text": "a", "label": 1}, "rows.flag", {"name": "label", "found": "number"}),
    ],
)
def test_what_is_no_body_is_refused(data: object, key: str, facts: dict[str, Any]) -> None:
    with pytest.raises(UserMistake) as refused:
        Body.from_json(data)
    assert (refused.value.key, refused.value.facts) == (key, facts)


@pytest.mark.parametrize(
    ("data", "key", "facts"),
    [
        (
            {"role": "doctor", "content": "a"},
            "rows.role",
            {"role": "doctor", "roles": "system, user, assistant, tool"},
        ),
        ({"content": "a"}, "rows.role", {"role": "None", "roles": ", ".join(ROLES)}),
        ({"role": "user"}, "rows.content", {"role": "user", "found": "null"}),
        ({"role": "user", "content": True}, "rows.content", {"role": "user", "found": "boolean"}),
        ({"role": "user", "content": "\udfff"}, "rows.surrogate", {"position": 1}),
        (
            {"role": "assistant", "content": "a", "train": "no"},
            "rows.flag",
            {"name": "train", "found": "string"},
        ),
    ],
)
def test_what_is_no_turn_is_refused(data: object, key: str, facts: dict[str, Any]) -> None:
    with pytest.raises(UserMistake) as refused:
        Body.from_json({"messages": [data]})
    assert (refused.value.key, refused.value.facts) == (key, facts)


def test_a_pair_is_a_question_and_its_answer() -> None:
    body = Body.pair("q", "a", system="s")
    assert [(turn.role, turn.content) for turn in body.messages] == [
        ("system", "s"),
        ("user", "q"),
        ("assistant", "a"),
    ]
    assert (body.system, body.prompt, body.response) == ("s", "q", "a")
    assert [turn.role for turn in Body.pair("q", "a").messages] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (Body((ASK, ANSWER, replace(ASK, content="And in a child?"), ANSWER)), "And in a child?"),
        (Body((ANSWER,)), ""),
        (Body(text="plain"), ""),
    ],
)
def test_the_prompt_is_what_was_asked_last(body: Body, seen: str) -> None:
    assert body.prompt == seen


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (Body((ASK, ANSWER)), ANSWER.content),
        (Body((ASK,)), ""),
        (Body(), ""),
        (Body(text="plain"), "plain"),
    ],
)
def test_the_response_is_how_a_body_ends(body: Body, seen: str) -> None:
    assert body.response == seen


@pytest.mark.parametrize("body", [Body((ASK, ANSWER)), Body(), Body((ASK, Message("system", "s")))])
def test_only_a_first_turn_is_the_system_message(body: Body) -> None:
    assert body.system == ""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (Body((ASK, ANSWER)), Kind.CHAT),
        (Body((ASK, ANSWER), rejected=(ANSWER,)), Kind.PREFERENCE),
        (Body(text="plain"), Kind.TEXT),
    ],
)
def test_a_body_knows_what_it_can_teach(body: Body, kind: Kind) -> None:
    assert body.kind is kind


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (Body((ASK, ANSWER)), None),
        (Body(text="plain"), None),
        (Body(text=" \n"), "rows.empty_text"),
        (Body(), "rows.no_answer"),
        (Body((ASK,)), "rows.no_answer"),
        (Body((ANSWER,)), "rows.empty_prompt"),
        (Body.pair("  ", "a"), "rows.empty_prompt"),
        (Body.pair("q", "\t"), "rows.empty_response"),
    ],
)
def test_a_body_that_teaches_nothing_has_its_reason(body: Body, problem: str | None) -> None:
    assert lesson_problem(body) == problem


@given(BODIES)
def test_plain_text_has_no_answer_to_learn_and_all_else_is_as_it_is(body: Body) -> None:
    text = "rows.text_not_supervised"
    assert supervised_problem(body) == (text if body.kind is Kind.TEXT else lesson_problem(body))


@pytest.mark.parametrize("status", Status)
def test_only_ready_rows_train(status: Status) -> None:
    assert row(0, status=status).trains == (status is Status.READY)


@pytest.mark.parametrize("text", ["null", "true", "3", "0.5", '"a"', "[]", "{}"])
def test_types_have_the_names_that_json_gives_them(text: str) -> None:
    names = {"null": "null", "true": "boolean", "3": "number", "0.5": "number"}
    expected = names | {'"a"': "string", "[]": "array", "{}": "object"}
    assert json_type(json.loads(text)) == expected[text]


def row(position: int, **more: Any) -> Row:
    given: dict[str, Any] = {"status": Status.READY, "body": Body.pair(f"q{position}", "a")} | more
    return Row(id=f"r{position}", dataset="d", position=position, **given)


ROWS = [row(0), row(1, split=Split.CHECK), row(2)]


def changed(**more: Any) -> list[Row]:
    return [replace(ROWS[0], **more), *ROWS[1:]]


@pytest.mark.parametrize(
    "rows",
    [
        changed(body=Body.pair("q0", "b")),
        changed(body=Body.pair("q0", "a", system="s")),
        changed(split=Split.CHECK),
        changed(split=Split.EXAM),
        changed(status=Status.DRAFT),
        changed(status=Status.FLAGGED),
        changed(position=9),
        [*ROWS, row(3)],
        ROWS[:2],
        [],
    ],
)
def test_another_lesson_is_another_version(rows: list[Row]) -> None:
    assert dataset_version(rows) != dataset_version(ROWS)


@pytest.mark.parametrize(
    "rows",
    [
        changed(notes="look again", tags=("a",), source="file.csv", author="Ada"),
        changed(revision=7, group="g", id="other"),
        [*ROWS, row(3, status=Status.DRAFT), row(4, status=Status.FLAGGED)],
        ROWS[::-1],
        [replace(r, position=r.position * 10) for r in ROWS],
    ],
)
def test_what_is_not_learned_is_the_same_version(rows: list[Row]) -> None:
    assert dataset_version(rows) == dataset_version(ROWS)


def test_a_version_is_the_hash_that_stands_in_older_runs() -> None:
    rows = [row(0, body=Body(text="a")), row(1, body=Body(text="b"), split=Split.CHECK)]
    hashed = b'train 12\n{"text":"a"}check 12\n{"text":"b"}'
    assert dataset_version(rows) == hashlib.sha256(hashed).hexdigest()
