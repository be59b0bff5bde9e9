"""Good rows come whole, the others with row, column and reason, and the counts add up."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import UserMistake
from studio.core.rows import Body, Message, NewRow, Split, Status
from studio.data import importing
from studio.data.importing import preview, read
from studio.data.reading import Reading

PAIRS = [("感冒了怎么办？", "多喝水，注意休息。"), ("What helps – “tea”?", "Yes, µg by µg.")]
BODIES = [Body.pair(prompt, response) for prompt, response in PAIRS]


def lines(*records: Any, name: str = "rows.jsonl", **options: Any) -> Reading:
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    return read(text.encode(), name, **options)


def problems(reading: Reading) -> list[tuple[int, str, str]]:
    return [(skip.row, skip.column, skip.reason) for skip in reading.skipped]


def shaped(shape: str) -> str:
    records: Any = {
        "jsonl": [{"prompt": p, "response": r} for p, r in PAIRS],
        "alpaca": [{"instruction": p, "input": "", "output": r} for p, r in PAIRS],
        "sharegpt": [
            {"conversations": [{"from": "human", "value": p}, {"from": "gpt", "value": r}]}
            for p, r in PAIRS
        ],
        "openai": [{"messages": [m.as_json() for m in body.messages]} for body in BODIES],
    }
    if shape in records:
        forms = [json.dumps(record, ensure_ascii=False) for record in records[shape]]
        return "\n".join(forms) if shape == "jsonl" else "[" + ",\n".join(forms) + "]"
    delimiter = "\t" if shape == "tsv" else ","
    return "".join(
        delimiter.join(f'"{c}"' for c in row) + "\r\n" for row in [("问题", "回答"), *PAIRS]
    )


@pytest.mark.parametrize("shape", ["jsonl", "alpaca", "sharegpt", "openai", "csv", "tsv"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"]
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_shape_is_read_in_every_encoding(shape: str, encoding: str, ending: str) -> None:
    text = shaped(shape).replace("\r\n", "\n").replace("\n", ending)
    reading = read(text.encode(encoding), "rows.txt" if shape == "tsv" else f"rows.{shape}")
    assert [draft.body for draft in reading.rows] == BODIES
    assert reading.skipped == ()


@pytest.mark.parametrize(
    ("record", "column", "reason"),
    [
        ({"prompt": "", "response": "b"}, "prompt", "rows.empty_prompt"),
        ({"prompt": " \n", "response": "b"}, "prompt", "rows.empty_prompt"),
        ({"prompt": "a", "response": "\u3000"}, "response", "rows.empty_response"),
        ({"prompt": "a"}, "response", "data.missing"),
        ({"prompt": "a", "response": None}, "response", "data.missing"),
        ({"prompt": 5, "response": "b"}, "prompt", "data.wrong_type"),
        ({"prompt": "a", "response": True}, "response", "data.wrong_type"),
        ({"prompt": ["a"], "response": "b"}, "prompt", "data.wrong_type"),
        ({"prompt": "a", "response": "b", "system": 1.5}, "system", "data.wrong_type"),
        ({"prompt": "a", "response": "b", "history": "no"}, "history", "data.wrong_type"),
        ({"prompt": "a", "response": "b", "history": [["x"]]}, "history", "data.wrong_type"),
        ({"prompt": "a", "response": "\ud83d"}, "response", "data.torn_character"),
        ({"prompt": [{"role": "judge", "content": "a"}], "response": "b"}, "", "rows.role"),
        ({"prompt": [{"role": 3, "content": "a"}], "response": "b"}, "", "rows.role"),
    ],
)
def test_a_row_that_cannot_be_learned_from_is_skipped_with_its_reason(
    record: dict[str, Any], column: str, reason: str
) -> None:
    good = {"prompt": "a", "response": "b"}
    text = "\n".join(map(json.dumps, [good, record, good | {"system": "", "history": []}]))
    reading = read(text.encode(), "rows.jsonl")
    assert problems(reading) == [(2, column, reason)]
    assert [draft.body for draft in reading.rows] == [Body.pair("a", "b")] * 2


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ("no list", "rows.no_answer"),
        ([{"role": "user", "content": "a"}], "rows.no_answer"),
        ([{"role": "assistant", "content": "a"}], "rows.empty_prompt"),
        (
            [Body.pair("a", "").messages[0].as_json(), {"from": "gpt", "value": ""}],
            "rows.empty_response",
        ),
        ([{"role": "user", "content": ["a", {"type": "image_url"}]}], "data.not_text_part"),
        ([{"role": "user", "content": 7}], "rows.content"),
        ([{"role": "assistant", "content": None, "tool_calls": [{}]}], "data.tool_calls"),
        ({"role": "user"}, "rows.content"),
        ({"n": 1}, "rows.role"),
        ([["user", "a"]], "data.wrong_type"),
        (7, "data.wrong_type"),
    ],
)
def test_a_conversation_that_cannot_be_learned_from_is_skipped(turns: Any, reason: str) -> None:
    reading = lines({"messages": turns}, {"messages": [m.as_json() for m in BODIES[0].messages]})
    assert problems(reading) == [(1, "messages", reason)]
    assert len(reading.rows) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (5, "rows.body_shape"),
        ({}, "rows.empty_body"),
        ({"messages": "hi"}, "rows.messages_shape"),
        ({"messages": ["hi"]}, "rows.message_shape"),
        ({"text": 5}, "rows.content"),
        ({"text": " "}, "rows.empty_text"),
    ],
)
def test_a_body_that_is_none_is_skipped(body: object, reason: str) -> None:
    reading = lines({"body": body}, {"body": body, "status": "draft"}, {"body": {"text": "x"}})
    assert problems(reading)[0] == (1, "body", reason)
    assert len(reading.rows) + len(reading.skipped) == 3


@pytest.mark.parametrize(
    ("record", "column", "reason"),
    [
        ({"prompt": "a", "chosen": "b"}, "rejected", "data.missing"),
        ({"prompt": "a", "chosen": "b", "rejected": ""}, "rejected", "data.missing"),
        ({"prompt": "a", "chosen": "b", "rejected": " "}, "rejected", "data.empty_rejected"),
        ({"prompt": "a", "chosen": "", "rejected": "c"}, "chosen", "rows.empty_response"),
        ({"prompt": "a", "chosen": "b", "rejected": 1}, "rejected", "data.wrong_type"),
    ],
)
def test_a_preference_without_both_answers_is_skipped(
    record: dict[str, Any], column: str, reason: str
) -> None:
    reading = lines(record, {"prompt": "a", "chosen": "b", "rejected": "c"})
    assert problems(reading) == [(1, column, reason)]


@pytest.mark.parametrize(
    ("label", "reason"), [("", "data.missing"), (None, "data.missing"), (2, "data.wrong_type")]
)
def test_an_opinion_that_says_nothing_is_skipped(label: object, reason: str) -> None:
    reading = lines({"prompt": "a", "completion": "b", "label": label})
    assert problems(reading) == [(1, "label", reason)]


def test_an_empty_text_is_skipped() -> None:
    assert problems(lines({"text": "  "}, {"text": ""}, {"text": 7}, {"text": "x"})) == [
        (1, "text", "rows.empty_text"),
        (2, "text", "rows.empty_text"),
        (3, "text", "data.wrong_type"),
    ]


def test_counts_add_up_when_everything_is_mixed() -> None:
    text = 'q,a\nx,y\nx\n,\n1,2,3\n,y\n"a"b,c\nx,z\n"open,1\n'
    reading = read(text.encode(), "rows.csv", mapping={"prompt": "q", "response": "a"})
    assert problems(reading) == [
        (3, "a", "data.missing"),
        (5, "", "data.extra_cells"),
        (6, "q", "rows.empty_prompt"),
        (7, "", "data.stray_quote"),
        (9, "", "data.open_quote"),
    ]
    assert len(reading.rows) == 2


def test_a_skip_has_the_facts_of_its_sentence() -> None:
    skip = lines({"prompt": 5, "response": "b"}).skipped[0]
    assert skip.facts == {"field": "prompt", "found": "number", "column": "prompt"}


def test_what_people_said_of_rows_comes_along() -> None:
    text = (
        "问题,回答,状态,备注,标签,来源,划分\n"
        "a,b,草稿,再看,心脏；儿童,MedQuAD,test\n"
        "a,b,Ready,,,,\n"
        "a,b,,,,,train\n"
        "a,b,不明,, , ,validation\n"
        "a,,flagged,,,,elsewhere\n"
    )
    body = Body.pair("a", "b")
    assert read(text.encode(), "rows.csv").rows == (
        NewRow(body, Status.DRAFT, Split.EXAM, "再看", ("心脏", "儿童"), "MedQuAD"),
        NewRow(body, Status.READY),
        NewRow(body, Status.READY, Split.TRAIN),
        NewRow(body, Status.DRAFT, Split.CHECK, source=" "),
        NewRow(Body.pair("a", ""), Status.FLAGGED),
    )


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["a, b", "", "c"], ("a, b", "c")),
        ('["a, b", "c"]', ("a, b", "c")),
        ("[a], b", ("[a]", "b")),
        (3, ("3",)),
        (None, ()),
    ],
)
def test_tags_are_a_list_or_words(tags: object, expected: tuple[str, ...]) -> None:
    assert lines({"prompt": "a", "response": "b", "tags": tags}).rows[0].tags == expected


def test_a_note_that_is_no_text_is_kept_as_json() -> None:
    reading = lines({"prompt": "a", "response": "b", "notes": {"by": "李"}})
    assert reading.rows[0].notes == '{"by": "李"}'


def test_a_person_says_which_column_is_which() -> None:
    records = [{"ask": "x", "title": "a", "reply": "b", "notes": "n"}]
    reading = lines(*records, mapping={"prompt": "title", "notes": "", "tags": "ask"})
    assert reading.rows == (NewRow(Body.pair("a", "b"), Status.READY, tags=("x",)),)
    assert reading.mapping == {"prompt": "title", "tags": "ask", "response": "reply"}
    assert reading.ignored == ("notes",)


def test_a_mapping_beside_a_known_format_overrides_it() -> None:
    reading = lines({"instruction": "x", "output": "b", "q": "a"}, mapping={"prompt": "q"})
    assert (reading.format, reading.rows[0].body) == ("alpaca", Body.pair("a", "b"))


def test_a_column_that_appears_late_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_HEAD", 1)
    pair = {"prompt": "a", "response": "b"}
    reading = lines(pair, pair | {"notes": "n", "extra": 1}, pair | {"answer": "z"})
    assert [draft.notes for draft in reading.rows] == ["", "n", ""]
    assert reading.mapping["notes"] == "notes"
    assert reading.ignored == ("extra", "answer")


@pytest.mark.parametrize(
    ("text", "name", "key"),
    [
        ("[]", "rows.json", "data.no_rows"),
        ("\n\n", "rows.jsonl", "data.no_rows"),
        ("prompt,response\n", "rows.csv", "data.no_rows"),
        ("A,B\n1,2\n", "rows.csv", "data.no_columns"),
        ('{"a": 1}', "rows.jsonl", "data.no_columns"),
        ("nonsense\n", "rows.jsonl", "data.broken_json"),
        ('["a", "b"]', "rows.json", "data.not_object"),
        ("Once upon a time", "rows.dat", "data.unknown_file"),
    ],
)
def test_a_file_without_a_single_row_is_refused(text: str, name: str, key: str) -> None:
    with pytest.raises(UserMistake) as caught:
        read(text.encode(), name)
    assert caught.value.key == key


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UserMistake) as caught:
        read(b"q,a\n1,2\n", "rows.csv", mapping={"prompt": "ask"})
    assert caught.value.facts == {"column": "ask", "columns": "q, a"}


def test_a_huge_cell_is_skipped_wherever_it_hides() -> None:
    huge = "x" * (importing.LARGEST_CELL + 1)
    many = [{"prompt": "a", "response": "b", "n": i} for i in range(3)]
    many[0]["source"] = many[1]["response"] = huge
    reading = lines(*many, {"prompt": [{"role": "user", "content": huge}], "response": "b"})
    assert problems(reading) == [
        (1, "source", "data.large_cell"),
        (2, "response", "data.large_cell"),
        (4, "prompt", "data.large_cell"),
    ]
    halves = {"prompt": "x" * 6_000_000, "response": "x" * 6_000_000, "n": None}
    assert len(lines(halves).rows) == 1


def test_a_path_is_read_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(shaped("csv").encode("gb18030"))
    assert read(path) == read(path.read_bytes(), path.name)
    assert read(path).encoding == "gb18030"


def test_a_path_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserMistake, match=r"data\.no_file"):
        read(tmp_path / "none.csv")
    with pytest.raises(UserMistake, match=r"data\.closed_file"):
        read(tmp_path)
    path = tmp_path / "rows.csv"
    path.write_bytes(b"q,a\n")
    monkeypatch.setattr(importing, "LARGEST_FILE", 2)
    with pytest.raises(UserMistake, match=r"data\.large_file"):
        read(path)


def test_columns_that_no_good_row_reaches_are_there_all_the_same() -> None:
    reading = read(b"prompt,response\nhi\nhi,there,extra\n", "rows.csv")
    assert reading.columns == ("prompt", "response")
    assert reading.rows == ()
    assert problems(reading) == [(2, "response", "data.missing"), (3, "", "data.extra_cells")]


STATUSES = {
    Status.READY: "ready reviewed Approved accepted 已审 已审核 审核通过 已通过 通过",
    Status.DRAFT: "draft PENDING todo 草稿 待审 待审核 未审核",
    Status.FLAGGED: "flagged rejected 存疑 有疑问 未通过",
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_known_by_its_words(status: Status) -> None:
    words = STATUSES[status].split()
    reading = lines(*({"prompt": "a", "response": "b", "status": f" {word} "} for word in words))
    assert {row.status for row in reading.rows} == {status}
    assert reading.unknown == {}


def test_words_that_are_not_known_are_counted_and_nothing_is_made_of_them() -> None:
    good = {"prompt": "a", "response": "b"}
    reading = lines(
        good | {"status": "Final", "split": "training"},
        good | {"status": "final ", "split": "holdout"},
        good | {"status": 3, "split": None},
        good | {"status": "", "split": ""},
        {"prompt": "", "response": 5, "status": "never counted"},
        good,
    )
    assert [row.status.value for row in reading.rows] == ["draft"] * 3 + ["ready"] * 2
    assert [row.split for row in reading.rows] == [Split.TRAIN, None, None, None, None]
    assert reading.unknown == {"status": {"final": 2, "3": 1}, "split": {"holdout": 1}}
    columns = {"status": ""}
    assert lines(good | {"status": "final"}, mapping=columns).unknown == {}


def test_of_many_unknown_words_the_most_frequent_are_named_and_cut() -> None:
    good = {"prompt": "a", "response": "b"}
    words = ["often", *(f"{number} {'x' * 100}" for number in range(30)), "often"]
    reading = lines(*(good | {"status": word} for word in words))
    named = list(reading.unknown["status"].items())
    assert (len(named), named[0]) == (20, ("often", 2))
    assert max(len(word) for word, _ in named) == 40


def test_a_preview_shows_the_first_rows() -> None:
    text = "q,a\n" + "x\n" + "x,y\n" * 100
    shown = preview(text.encode(), "rows.csv", limit=3)
    assert (len(shown.rows), len(shown.skipped)) == (2, 1)
    assert shown.mapping == {"prompt": "q", "response": "a"}


def test_progress_is_told_and_may_stop_the_reading() -> None:
    text = ("q,a\n" + "x,y\n" * 2000).encode()
    told: list[tuple[int, int]] = []
    read(text, "rows.csv", progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (len(text), len(text))
    assert len(told) > 3

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(text, "rows.csv", progress=stop)


def test_the_real_rows_are_read_whole(shared: Path) -> None:
    medquad = read(shared / "data" / "medquad_2000.jsonl")
    text = (shared / "data" / "medquad_2000.jsonl").read_text(encoding="utf-8")
    records = [json.loads(line) for line in text.split("\n") if line]
    assert [(d.body, d.source) for d in medquad.rows] == [
        (Body.pair(r["prompt"], r["response"]), r["source"]) for r in records
    ]
    assert (len(medquad.rows), medquad.skipped) == (2000, ())
    assert medquad.ignored == ("topic", "type", "url")

    alpaca = read(shared / "data" / "alpaca_zh_1000.json")
    records = json.loads((shared / "data" / "alpaca_zh_1000.json").read_bytes())
    assert [d.body for d in alpaca.rows] == [
        Body.pair("\n".join(filter(None, (r["instruction"], r["input"]))), r["output"])
        for r in records
    ]
    assert (alpaca.format, len(alpaca.rows), alpaca.skipped) == ("alpaca", 1000, ())

    preferences = read(shared / "data" / "preferences_en_300.json")
    records = json.loads((shared / "data" / "preferences_en_300.json").read_bytes())
    assert (preferences.format, len(preferences.rows), preferences.skipped) == ("sharegpt", 300, ())
    for draft, record in zip(preferences.rows, records, strict=True):
        assert draft.body.response == record["chosen"]["value"]
        assert draft.body.rejected == (Message("assistant", record["rejected"]["value"]),)
        said = [turn["value"] for turn in record["conversations"]]
        assert [m.content for m in draft.body.messages[:-1]] == said
