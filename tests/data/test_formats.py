"""Every format is recognised and read into the same bodies, whichever way a file writes them."""

import json
from typing import Any

import pytest

from studio.core.rows import Body, Message
from studio.data.formats import FORMATS, Feature, features, recognise
from studio.data.importing import read

S = Message("system", "Be kind.")
U1, A1 = Message("user", "Hi"), Message("assistant", "Hello")
U2, A2, A3 = Message("user", "Why?"), Message("assistant", "So."), Message("assistant", "No.")
T = Message("tool", "37.2")

PAIR = Body((U1, A1))
TALK = Body((S, U1, A1, U2, A2))
CHOICE = Body((U2, A2), rejected=(A3,))
OAI_U2, OAI_A2, OAI_A3 = (m.as_json() for m in (U2, A2, A3))


def from_json(*records: Any) -> tuple[str, list[Body]]:
    reading = read(json.dumps(records).encode(), "rows.json")
    assert reading.skipped == ()
    return reading.format, [draft.body for draft in reading.rows]


def gpt(role: str, value: str) -> dict[str, str]:
    return {"from": role, "value": value}


@pytest.mark.parametrize(
    ("record", "format", "body"),
    [
        ({"instruction": "Hi", "input": "", "output": "Hello"}, "alpaca", PAIR),
        (
            {"instruction": "Say", "input": "it", "output": "Hello"},
            "alpaca",
            Body.pair("Say\nit", "Hello"),
        ),
        (
            {
                "instruction": "Why?",
                "output": "So.",
                "system": "Be kind.",
                "history": [["Hi", "Hello"]],
            },
            "alpaca",
            TALK,
        ),
        ({"instruction": "Hi", "input": None, "output": "Hello", "history": []}, "alpaca", PAIR),
        (
            {"instruction": "Why?", "input": "", "chosen": "So.", "rejected": "No."},
            "alpaca",
            CHOICE,
        ),
        (
            {"instruction": "Hi", "output": "Hello", "kto_tag": False},
            "alpaca",
            Body((U1, A1), label=False),
        ),
        ({"conversations": [gpt("human", "Hi"), gpt("gpt", "Hello")]}, "sharegpt", PAIR),
        ({"conversations": [gpt("user", "Hi"), gpt("Assistant", "Hello")]}, "sharegpt", PAIR),
        (
            {
                "system": "Be kind.",
                "conversations": [
                    *(gpt("human", "Hi"), gpt("chatgpt", "Hello")),
                    *(gpt("human", "Why?"), gpt("bard", "So.")),
                ],
            },
            "sharegpt",
            TALK,
        ),
        (
            {
                "conversations": [
                    *(gpt("system", "Be kind."), gpt("human", "Hi")),
                    *(gpt("observation", "37.2"), gpt("gpt", "So.")),
                ]
            },
            "sharegpt",
            Body((S, U1, T, A2)),
        ),
        (
            {
                "conversations": [gpt("human", "Why?")],
                "chosen": gpt("gpt", "So."),
                "rejected": gpt("gpt", "No."),
            },
            "sharegpt",
            CHOICE,
        ),
        ({"messages": [U1.as_json(), A1.as_json()]}, "openai", PAIR),
        (
            {
                "messages": [
                    {"role": "developer", "content": "Be kind."},
                    U1.as_json(),
                    A1.as_json(),
                ]
            },
            "openai",
            Body((S, U1, A1)),
        ),
        (
            {
                "messages": [
                    U1.as_json(),
                    A1.as_json() | {"weight": 0},
                    {"role": "user", "content": [{"type": "text", "text": "Why"}, "?"]},
                    A2.as_json() | {"weight": 1},
                ]
            },
            "openai",
            Body((U1, Message("assistant", "Hello", False), U2, Message("assistant", "So.", True))),
        ),
        ({"messages": [OAI_U2, OAI_A2], "rejected_response": "No."}, "openai", CHOICE),
        ({"prompt": "Hi", "completion": "Hello"}, "prompt_completion", PAIR),
        (
            {"prompt": [S.as_json(), U1.as_json()], "completion": [A1.as_json()]},
            "prompt_completion",
            Body((S, U1, A1)),
        ),
        ({"prompt": "Hi", "completion": "Hello", "label": True}, "kto", Body((U1, A1), label=True)),
        ({"prompt": "Hi", "completion": "Hello", "label": 0}, "kto", Body((U1, A1), label=False)),
        ({"prompt": "Hi", "response": "Hello"}, "pairs", PAIR),
        ({"question": "Hi", "answer": "Hello", "text": "other"}, "pairs", PAIR),
        ({"问题": "Hi", "回答": "Hello"}, "pairs", PAIR),
        ({"prompt": "Hi", "response": "Hello", "system": "Be kind."}, "pairs", Body((S, U1, A1))),
        ({"prompt": "Why?", "response": "So.", "rejected": "No."}, "pairs", CHOICE),
        ({"prompt": "Why?", "chosen": "So.", "rejected": "No."}, "preference", CHOICE),
        ({"prompt": [OAI_U2], "chosen": [OAI_A2], "rejected": [OAI_A3]}, "preference", CHOICE),
        ({"chosen": [OAI_U2, OAI_A2], "rejected": [OAI_U2, OAI_A3]}, "preference", CHOICE),
        (
            {
                "prompt": "Why?",
                "messages": [OAI_U2, OAI_A2],
                "chosen": [OAI_U2, OAI_A2],
                "rejected": [OAI_U2, OAI_A3],
            },
            "preference",
            CHOICE,
        ),
        (
            {
                "input": {"messages": [OAI_U2], "tools": []},
                "preferred_output": [OAI_A2],
                "non_preferred_output": [OAI_A3],
            },
            "openai_preference",
            CHOICE,
        ),
        ({"text": "All of it."}, "text", Body(text="All of it.")),
        ({"text": "All of it.", "label": 3}, "text", Body(text="All of it.")),
        ({"body": TALK.as_json()}, "studio", TALK),
    ],
)
def test_a_record_is_recognised_and_read(record: dict[str, Any], format: str, body: Body) -> None:
    assert from_json(record) == (format, [body])


def test_every_format_tells_itself_apart() -> None:
    told = {
        format.id: [recognise(columns) for columns in format.known_by]
        for format in FORMATS.values()
    }
    assert told == {format.id: [format] * len(format.known_by) for format in FORMATS.values()}
    assert recognise(["question", "answer"]) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PAIR, set()),
        (Body((U1, Message("assistant", "Hello", True))), set()),
        (Body((U1, Message("assistant", "Hello", False))), {Feature.MARKS}),
        (Body((U1, A1, U2, Message("assistant", "So.", True))), {Feature.TURNS, Feature.MARKS}),
        (TALK, {Feature.SYSTEM, Feature.TURNS}),
        (Body((U1, T, A1)), {Feature.UNEVEN}),
        (Body((U1,)), {Feature.UNEVEN}),
        (Body((S,)), {Feature.SYSTEM, Feature.UNEVEN}),
        (Body((Message("system", ""), U1, A1)), {Feature.UNEVEN}),
        (CHOICE, {Feature.REJECTED}),
        (Body((U1, A1), rejected=(A2, U2, A3)), {Feature.REJECTED, Feature.ENDING}),
        (Body((U1, A1), label=False), {Feature.LABEL}),
        (Body(text="All of it."), {Feature.TEXT}),
    ],
)
def test_what_a_body_has_is_seen(body: Body, expected: set[Feature]) -> None:
    assert features(body) == expected
