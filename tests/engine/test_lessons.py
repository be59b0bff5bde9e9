"""A run's rows as lessons: as they are encoded, frozen, read back; left out with a reason."""

from pathlib import Path

import pytest

from studio.core.errors import UserMistake
from studio.core.rows import Body, Message, Split
from studio.engine.encoding import Encoder
from studio.engine.lessons import Lessons
from studio.store.run_folder import RunRow
from tests.engine import tiny_models

ENCODER = Encoder(tiny_models.tokenizer())
GOOD = Body.pair("What is two and two?", "It is four, my friend.")
TURNS = Body(
    (
        Message("user", "Hello?"),
        Message("assistant", "Good morning.", train=False),
        Message("user", "And now?"),
        Message("assistant", "Good night."),
    )
)


def row(id_: str, body: Body = GOOD, split: Split = Split.TRAIN) -> RunRow:
    return RunRow(id_, body, split)


def encode(*rows: RunRow, limit: int = 200) -> Lessons:
    return Lessons.encode(rows, ENCODER, limit)


def test_lessons_are_the_rows_as_encoded_in_order_and_by_split() -> None:
    lessons = encode(row("a"), row("b", TURNS, Split.CHECK), row("c", TURNS), row("d"))
    assert [lesson.row for lesson in lessons.train] == ["a", "c", "d"]
    assert [lesson.row for lesson in lessons.check] == ["b"]
    encoded = ENCODER.encode(TURNS)
    assert (lessons.check[0].ids, lessons.check[0].labelled) == (encoded.ids, encoded.labelled)
    assert lessons.left_out == ()
    assert lessons.cut == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (Body.pair("Why?", "  "), "rows.empty_response"),
        (Body.pair("  ", "Because."), "rows.empty_prompt"),
        (Body((Message("user", "Why?"),)), "rows.no_answer"),
        (Body(text="Only text."), "rows.text_not_supervised"),
        (Body.pair("Why? " * 100, "Because."), "rows.prompt_fills_length"),
        (Body.pair("Hello", "there", system="x" * 300), "rows.prompt_fills_length"),
    ],
)
def test_a_row_without_a_lesson_is_left_out_with_its_reason(body: Body, reason: str) -> None:
    lessons = encode(row("a"), row("b", body), row("c"))
    assert [lesson.row for lesson in lessons.train] == ["a", "c"]
    (left_out,) = lessons.left_out
    assert left_out["row"] == "b"
    assert left_out["reason"]["key"] == reason


def test_a_row_that_cannot_be_encoded_is_left_out_with_the_encoders_reason() -> None:
    marked_off = Body((Message("user", "Why?"), Message("assistant", "So.", train=False)))
    (left_out,) = encode(row("a"), row("b", marked_off)).left_out
    assert left_out["reason"]["key"] == "tokens.no_answer"


def test_cut_rows_are_counted_and_still_teach() -> None:
    lessons = encode(row("a"), row("b", Body.pair("Why?", "Because. " * 60)), limit=60)
    assert lessons.cut == 1
    assert len(lessons.train[1].ids) == 60
    assert lessons.train[1].labels > 0


def test_no_lesson_lacks_a_label() -> None:
    """So the loss never sees a batch without any."""
    short = row("a", Body.pair("a", "b"))
    first, last = len(encode(short).train[0].ids), len(ENCODER.encode(TURNS).ids)
    counts = set()
    for limit in range(first, last):
        lessons = encode(short, row("b", TURNS), limit=limit)
        assert all(lesson.labels > 0 for lesson in lessons.train)
        counts.add(len(lessons.train))
    assert counts == {1, 2}


def test_nothing_to_learn_says_how_many_rows_and_why() -> None:
    with pytest.raises(UserMistake) as refused:
        encode(row("a", Body.pair("Why?", "")), row("b", Body.pair("", "So.")))
    assert refused.value.key == "rows.nothing_to_learn"
    assert refused.value.facts["rows"] == 2
    assert refused.value.facts["row"] == "a"
    assert refused.value.facts["reason"]["key"] == "rows.empty_response"


def test_check_rows_alone_teach_nothing() -> None:
    with pytest.raises(UserMistake) as refused:
        encode(row("a", split=Split.CHECK), row("b", Body.pair("Why?", "")))
    assert refused.value.key == "rows.nothing_to_learn"


def test_what_is_frozen_is_read_back(tmp_path: Path) -> None:
    lessons = encode(
        row("a"), row("ü/b c", TURNS), row("d", Body.pair("x", "")), row("e", split=Split.CHECK)
    )
    lessons.save(tmp_path / "tokens")
    read = Lessons.load(tmp_path / "tokens")
    assert read == lessons
    assert read.hash == lessons.hash


def test_an_earlier_attempts_tokens_are_replaced(tmp_path: Path) -> None:
    encode(row("a"), row("b")).save(tmp_path / "tokens")
    later = encode(row("c"))
    later.save(tmp_path / "tokens")
    assert Lessons.load(tmp_path / "tokens") == later
    assert [entry.name for entry in tmp_path.iterdir()] == ["tokens"]


def test_the_hash_is_that_of_rows_ids_and_labels() -> None:
    first = encode(row("a"), row("b", TURNS))
    assert first.hash == encode(row("a"), row("b", TURNS)).hash
    others = [
        encode(row("a"), row("c", TURNS)),
        encode(row("b", TURNS), row("a")),
        encode(row("a"), row("b", Body.pair("Hello?", "Good night."))),
        encode(row("a"), row("b", TURNS), limit=len(first.train[1].ids) - 1),
    ]
    assert len({first.hash, *(other.hash for other in others)}) == 5


def test_progress_is_told() -> None:
    told: list[int] = []
    Lessons.encode([row(str(n)) for n in range(300)], ENCODER, 100, progress=told.append)
    assert told == [256, 300]
