"""What is exported comes back the same; what a format would lose is refused or named."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import Mistakes, Refusal, StudioError, UserMistake
from studio.core.rows import Body, Message, NewRow, Row, Split, Status
from studio.data.exporting import Export, choices, export
from studio.data.formats import FORMATS, Feature, features
from studio.data.importing import read

S = Message("system", "Be kind.")
U1, A1 = Message("user", "=1+1"), Message("assistant", "-ve, “so”\r\n")
U2, A2 = Message("user", "为什么？"), Message("assistant", "Why \u2028 not")
BODIES = {
    "pair": Body((U1, A1)),
    "system": Body((S, U1, A1)),
    "turns": Body((S, U1, A1, U2, A2)),
    "marks": Body((U1, Message("assistant", "x", False), U2, A2)),
    "tool": Body((U1, Message("tool", "37.2"), A1)),
    "choice": Body((U1, A1), rejected=(A2,)),
    "choice in turns": Body((U1, A1, U2, A2), rejected=(A1,)),
    "long choice": Body((U1, A1), rejected=(A2, U2, A1)),
    "liked": Body((U1, A1), label=True),
    "disliked": Body((U1, A1), label=False),
    "text": Body(text="All of it.\nAnd more."),
}
SAID: dict[str, Any] = {
    "status": Status.FLAGGED,
    "split": Split.EXAM,
    "notes": "-look, 再看",
    "tags": ("a, b", "心脏", "[c]"),
    "source": "=MedQuAD",
}


def rows(*bodies: Body, **said: Any) -> list[Row]:
    ready = {"status": Status.READY} | said
    return [Row(f"r{i}", "d", i, body, **ready) for i, body in enumerate(bodies)]


def saved(rows_: list[Row], path: Path, format: str = "") -> Export:
    return export(rows_, path, format, save=lambda place, data: place.write_bytes(data))


def renewed(rows_: list[Row]) -> tuple[NewRow, ...]:
    return tuple(NewRow(r.body, r.status, r.split, r.notes, r.tags, r.source) for r in rows_)


def holds(format: str, body: Body) -> bool:
    had, shape = features(body), FORMATS[format]
    return had <= shape.holds and (shape.needs is None or shape.needs in had)


HELD = [(f, name) for f in FORMATS for name, body in BODIES.items() if holds(f, body)]
NOT_HELD = [(f, name) for f in FORMATS for name, body in BODIES.items() if not holds(f, body)]


@pytest.mark.parametrize(("format", "name"), HELD)
def test_every_format_gives_back_what_it_holds(format: str, name: str, tmp_path: Path) -> None:
    shape = FORMATS[format]
    row = rows(BODIES[name], **(SAID if shape.about else {}))
    for container in {"json", "jsonl"} & set(shape.containers):
        path = tmp_path / f"rows.{container}"
        assert saved(row, path, format).lossy == ()
        reading = read(path)
        assert reading.rows == (
            renewed(row) if shape.about else (NewRow(BODIES[name], Status.READY),)
        )
        assert reading.format == format


def test_every_body_has_a_format_of_its_own_and_one_that_holds_all() -> None:
    assert {name for _, name in HELD} == BODIES.keys()
    assert {name for format, name in HELD if format == "studio"} == BODIES.keys()


@pytest.mark.parametrize(("format", "name"), NOT_HELD)
def test_what_a_format_would_lose_is_refused(format: str, name: str, tmp_path: Path) -> None:
    with pytest.raises((Refusal, Mistakes)) as caught:
        saved(rows(BODIES[name]), tmp_path / "rows.jsonl", format)
    problems = getattr(caught.value, "problems", [caught.value])
    assert {p.key for p in problems} <= {
        *(f"data.lost_{feature}" for feature in Feature),
        *(f"data.needs_{shape.needs}" for shape in FORMATS.values() if shape.needs),
    }
    assert {(p.facts["format"], p.facts["count"], p.facts["rows"]) for p in problems} == {
        (format, 1, "r0")
    }
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_names_the_first_rows_of_many(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        saved(rows(*[BODIES["turns"]] * 7), tmp_path / "rows.csv")
    assert caught.value.key == "data.lost_turns"
    assert caught.value.facts == {"format": "pairs", "count": 7, "rows": "r0, r1, r2, r3, r4, …"}


TABLES = [
    ("csv", ""),
    ("tsv", ""),
    ("csv", "excel"),
    ("jsonl", ""),
    ("json", ""),
    ("json", "pairs"),
]
MIXED = [BODIES[name] for name in ("pair", "system", "choice", "liked", "disliked", "text")]


@pytest.mark.parametrize(("suffix", "format"), TABLES)
def test_mixed_rows_come_back_with_all_that_was_said(
    suffix: str, format: str, tmp_path: Path
) -> None:
    mixed = rows(*MIXED, **SAID) + rows(*MIXED)
    path = tmp_path / f"rows.{suffix}"
    assert saved(mixed, path, format).rows == len(mixed)
    reading = read(path)
    assert reading.skipped == ()
    assert reading.rows == renewed(mixed)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
LESSON = TEXT.filter(str.strip)
TAGS = st.lists(TEXT.filter(bool), max_size=3).map(tuple)
ROWS = st.lists(
    st.builds(
        Row,
        id=st.uuids().map(str),
        dataset=st.just("d"),
        position=st.just(0),
        body=st.builds(Body.pair, LESSON, LESSON, system=TEXT),
        status=st.sampled_from(Status),
        split=st.sampled_from(Split),
        notes=TEXT,
        tags=TAGS,
        source=TEXT,
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize(("suffix", "format"), TABLES)
@settings(deadline=None)
@given(rows_=ROWS)
def test_any_text_comes_back_the_same(suffix: str, format: str, rows_: list[Row]) -> None:
    kept: dict[str, bytes] = {}
    path = Path(f"rows.{suffix}")
    export(rows_, path, format, save=lambda place, data: kept.update({place.name: data}))
    assert read(kept[path.name], path.name).rows == renewed(rows_)


PARAGRAPH = TEXT.map(lambda text: "\n".join(filter(str.strip, text.splitlines()))).filter(bool)


@settings(deadline=None)
@given(texts=st.lists(PARAGRAPH, min_size=1))
def test_any_paragraphs_come_back_as_plain_text(texts: list[str]) -> None:
    kept: list[bytes] = []
    bodies = [Body(text=text) for text in texts]
    export(rows(*bodies), Path("rows.txt"), save=lambda _, data: kept.append(data))
    assert [draft.body for draft in read(kept[0], "notes.txt").rows] == bodies


def test_a_table_opens_in_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    saved(rows(Body.pair("为什么？", "-ve")), path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"prompt": "为什么？", "response": "-ve", "status": "ready", "split": "train"}
        ]


def test_files_look_as_their_readers_expect(tmp_path: Path) -> None:
    def first(format: str, *names: str) -> Any:
        saved(rows(*(BODIES[name] for name in names)), tmp_path / "rows.json", format)
        return json.loads((tmp_path / "rows.json").read_bytes())[0]

    question, answer = U1.content, A1.content
    assert first("prompt_completion", "pair") == {"prompt": question, "completion": answer}
    assert first("prompt_completion", "pair", "system") == {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
    }
    assert first("kto", "liked") == {"prompt": question, "completion": answer, "label": True}
    assert first("preference", "choice") == {
        "prompt": question,
        "chosen": answer,
        "rejected": A2.content,
    }
    assert first("openai_preference", "choice") == {
        "input": {"messages": [{"role": "user", "content": question}]},
        "preferred_output": [{"role": "assistant", "content": answer}],
        "non_preferred_output": [{"role": "assistant", "content": A2.content}],
    }
    assert first("alpaca", "turns") == {
        "instruction": U2.content,
        "input": "",
        "output": A2.content,
        "system": "Be kind.",
        "history": [[question, answer]],
    }
    assert first("sharegpt", "choice")["conversations"] == [{"from": "human", "value": question}]
    assert first("openai", "marks")["messages"][1]["weight"] == 0


def test_lines_stay_lines_for_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    saved(rows(Body((U2, A2))), path)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1


def test_what_people_said_is_named_where_it_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    assert saved(rows(BODIES["pair"], **SAID), path, "alpaca").lossy == (
        *("notes", "source", "split", "status", "tags"),
    )
    assert saved(rows(BODIES["pair"]), path, "alpaca") == Export(path, "alpaca", "json", 1, ())


@pytest.mark.parametrize(
    ("name", "format", "expected"),
    [
        ("rows.jsonl", "", ("studio", "jsonl")),
        ("rows.json", "", ("studio", "json")),
        ("rows.csv", "", ("pairs", "csv")),
        ("rows.tab", "", ("pairs", "tsv")),
        ("rows.txt", "", ("text", "txt")),
        ("rows.csv", "excel", ("pairs", "excel")),
        ("rows.csv", "csv", ("pairs", "csv")),
        ("rows.out", "jsonl", ("studio", "jsonl")),
        ("rows", "alpaca", ("alpaca", "jsonl")),
        ("rows.json", "alpaca", ("alpaca", "json")),
        ("rows.tsv", "pairs", ("pairs", "tsv")),
    ],
)
def test_format_and_suffix_agree(
    name: str, format: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    body = BODIES["text"] if expected[0] == "text" else BODIES["pair"]
    done = saved(rows(body), tmp_path / name, format)
    assert (done.format, done.container) == expected
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize(
    ("name", "format", "key"),
    [
        ("rows.json", "word", "data.unknown_format"),
        ("rows.doc", "", "data.unknown_suffix"),
        ("rows.csv", "alpaca", "data.wrong_suffix"),
    ],
)
def test_a_format_that_cannot_be_written_is_refused(
    name: str, format: str, key: str, tmp_path: Path
) -> None:
    with pytest.raises(UserMistake) as caught:
        saved(rows(BODIES["pair"]), tmp_path / name, format)
    assert caught.value.key == key


def test_what_a_container_would_lose_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"data\.lost_zero_bytes.*rows='r1'"):
        saved(rows(BODIES["pair"], Body.pair("a\x00", "b")), tmp_path / "rows.csv")


def test_the_real_rows_come_back_whole(shared: Path, tmp_path: Path) -> None:
    reading = read(shared / "data" / "preferences_en_300.json")
    real = rows(*(draft.body for draft in reading.rows))
    for format in ("studio", "sharegpt", "preference", "openai_preference"):
        saved(real, tmp_path / "rows.jsonl", format)
        found = read(tmp_path / "rows.jsonl").rows
        assert [draft.body for draft in found] == [row.body for row in real]


def outcome(given: list[Row], path: Path, format: str) -> str | tuple[str, ...]:
    """The key of the refusal, or what the export left out."""
    try:
        return export(given, path, format, save=lambda *_: None).lossy
    except StudioError as refusal:
        return refusal.key


def test_choices_say_beforehand_what_an_export_does() -> None:
    for body in BODIES.values():
        given = rows(body, notes="look again")
        for choice in choices(given):
            announced = choice.lossy if choice.problem is None else choice.problem.key
            assert announced == outcome(given, Path(f"rows{choice.suffix}"), choice.format)
